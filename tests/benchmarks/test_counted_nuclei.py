"""The counts that were made by eye, and the ratio that is reported of them."""

import json

import numpy as np
import pytest

from unmissed.benchmarks.studies.cells.counted_nuclei import COUNTS, left_out, ratio_of_sums
from unmissed.datasets.pictures.images import read_image


def test_a_ratio_of_sums_and_its_interval():
    counted = np.array([4, 6, 10, 0, 5])
    assert ratio_of_sums(counted, counted) == (1.0, 1.0, 1.0)
    ratio, low, high = ratio_of_sums(counted, np.array([8, 6, 10, 2, 5]))
    assert ratio == pytest.approx(31 / 25)
    assert low < ratio < high


def test_a_square_that_is_left_out_has_no_say_in_its_level():
    counted = np.array([4, 4, 4, 100])
    exact, high = counted.copy(), counted + np.array([0, 0, 0, 900])
    wrong = counted + np.array([3, 3, 3, -100])
    # The last square alone speaks against the second column, so only the others avoid it.
    assert left_out(counted, np.stack([wrong, high], axis=1)).tolist() == [7, 7, 7, 1000]
    assert left_out(counted, np.stack([wrong, exact], axis=1)).tolist() == counted.tolist()


@pytest.mark.data
def test_every_square_lies_in_its_field(data_root):
    saved = json.loads(COUNTS.read_text("utf-8"))
    assert len(saved["fields"]) == len({field["image"] for field in saved["fields"]}) == 30
    for field in saved["fields"][::10]:
        height, width = read_image(data_root / saved["dataset"] / "images" / field["image"]).shape[:2]
        assert field["x_px"] + saved["side_px"] <= width and field["y_px"] + saved["side_px"] <= height
