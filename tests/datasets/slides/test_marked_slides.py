"""Annotations of whole slides become fields that training reads."""

import numpy as np
import pytest
from typer.testing import CliRunner

from unmissed.cli.app import app
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.labels.formats import read_labels, write_labels
from unmissed.datasets.labels.values import LabelledPicture, Mark
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.registry import get
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import read_crop

MARKS = (
    Mark("HSIL", "point", ((30, 40),)),
    Mark.box("LSIL", 200, 150, 20, 10),
    Mark("HSIL", "polygon", ((300, 20), (310, 20), (310, 40), (300, 40))),
)


@pytest.mark.parametrize("name", ["asap", "dsa"])
def test_fields_are_cut_around_what_is_marked(make, levels, name, tmp_path):
    (tmp_path / "in").mkdir()
    slide = make.write_tiff(tmp_path / "in" / "s1.svs", levels)
    write_labels(name, [LabelledPicture(slide, MARKS)], (tmp_path / "in",), tmp_path / "set")
    assert read_labels(name, tmp_path / "set")[0].marks == MARKS
    with pytest.raises(DatasetError, match=r"whole slide.*data convert"):
        get(name).read(tmp_path / "set")
    command = ["data", "convert", str(tmp_path / "set"), "--from", name, "--to", "coco", "-o", str(tmp_path / "out")]
    assert CliRunner().invoke(app, [*command, "--field-px", "128"]).exit_code == 0
    records = get("coco").read(tmp_path / "out")
    assert [(r.path.name, r.label, r.centre_px) for r in records] == [
        ("s1-000-000.png", "HSIL", (30, 40)),
        ("s1-001-001.png", "LSIL", (210 - 128, 155 - 128)),
        ("s1-002-000.png", "HSIL", (305 - 256, 30)),
    ]
    assert {(r.group, r.um_per_px) for r in records} == {("s1.svs", 0.25)}
    with open_slide(slide) as opened:
        assert np.array_equal(read_image(records[0].path), read_crop(opened, 64, 64, 128, 0.25))


def test_fields_at_another_pixel_size(make, levels, tmp_path):
    (tmp_path / "in").mkdir()
    slide = make.write_tiff(tmp_path / "in" / "s1.svs", levels)
    write_labels("dsa", [LabelledPicture(slide, MARKS)], (tmp_path / "in",), tmp_path / "set")
    command = ["data", "convert", str(tmp_path / "set"), "--from", "dsa", "--to", "yolo", "-o", str(tmp_path / "out")]
    assert CliRunner().invoke(app, [*command, "--field-px", "128", "--um-per-px", "0.5"]).exit_code == 0
    (first, second) = read_labels("yolo", tmp_path / "out")
    assert [mark.centre_px for mark in first.marks] == [pytest.approx((15, 20)), pytest.approx((105, 77.5))]
    assert second.marks[0].centre_px == pytest.approx((152.5 - 128, 15)) and second.um_per_px == 0.5
