"""The chart: a picture of the size that is asked for, with all that stands in it."""

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

import cv2

from unmissed.benchmarks.speed.bars import stacked_bars


def drawn(path: Path, bars: list, **options: object) -> tuple[int, int]:
    stacked_bars(path, "Seconds a slide", bars, "s", **options)
    image = cv2.imread(str(path))
    assert image is not None and image.std() > 5  # something is drawn
    return image.shape[:2]


def test_more_bars_make_a_higher_picture(tmp_path: Path) -> None:
    one = drawn(
        tmp_path / "one.png", [("default", {"read": 3.0, "finder": 20.0})], marks={"36 s": 36.0}, note="2 cores"
    )
    two = drawn(tmp_path / "two.png", [("default", {"read": 3.0}), ("fast", {"read": 3.0, "judge": 1.0})])
    assert one[1] == two[1] == 1300
    assert two[0] > one[0]
    assert not list(tmp_path.glob(".*"))  # nothing half-written stays


def test_labels_may_be_anything_and_lengths_zero(tmp_path: Path) -> None:
    drawn(tmp_path / "a.png", [("$x_{$ <&", {"read": 0.0})])
