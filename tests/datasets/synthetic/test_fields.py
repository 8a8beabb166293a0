"""Fields: the marks of a picture together, and whether a place without a mark is known to be background."""

from pathlib import Path

import numpy as np
import pytest

from unmissed.datasets.fields import Point, fields_of, mask_objects
from unmissed.datasets.records import Record


def place(name, label, x, um_per_px=None):
    return Record(Path(name), label, f"group-{name}", centre_px=(x, 1.0), um_per_px=um_per_px)


def test_the_points_of_a_picture_come_together_in_the_order_of_the_pictures():
    records = [place("b.png", "NILM", 1.0, 0.3), place("a.png", "HSIL", 2.0), place("b.png", "NILM", 3.0, 0.3)]
    first, second = fields_of(records, {"NILM"}, um_per_px=0.25)
    assert first.points == (Point(1.0, 1.0, "NILM"), Point(3.0, 1.0, "NILM"))
    assert (first.um_per_px, second.um_per_px) == (0.3, 0.25)
    assert (first.group, second.name(Path())) == ("group-b.png", "a.png")


def test_only_a_field_of_normal_nuclei_is_complete():
    records = [place("a", "NILM", 1.0), place("b", "NILM", 1.0), place("b", "SCC", 2.0)]
    assert [field.complete for field in fields_of(records, {"NILM"})] == [True, False]


def test_a_mask_is_complete_and_a_whole_picture_is_no_field():
    records = [Record(Path("p.jpg"), "", "g", mask=Path("m.png")), Record(Path("q.jpg"), "x", "g")]
    (field,) = fields_of(records, ())
    assert field.complete
    assert field.points == ()
    assert field.mask == Path("m.png")


def test_specks_of_a_mask_are_no_objects():
    mask = np.zeros((100, 200), bool)
    mask[10:30, 20:60], mask[60:80, 100:120], mask[95, 5] = True, True, True
    labels, centres = mask_objects(mask)
    assert centres == pytest.approx(np.array([[40, 20], [110, 70]]))
    assert (labels[20, 40], labels[70, 110], labels[95, 5], labels[0, 0]) == (1, 2, 0, 0)
    assert mask_objects(np.zeros((10, 10), bool))[1].shape == (0, 2)
