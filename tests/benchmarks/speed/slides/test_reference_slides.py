"""Reference slides: made once, from what their name says, and the same each time."""

import csv
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from unmissed.benchmarks.speed.slides import reference_slides
from unmissed.benchmarks.speed.slides.reference_slides import (
    REFERENCE_SLIDES,
    ReferenceSlide,
    SlideMaker,
    reference_slide,
)
from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.datasets.slides.opening import open_slide

TINY = ReferenceSlide("tiny", 2048, 0.4, 1, "for a test")


def test_sizes_are_those_of_the_glass():
    assert {slide.side_px for name, slide in REFERENCE_SLIDES.items() if "thinprep" in name} == {80_000}
    assert {slide.side_px for name, slide in REFERENCE_SLIDES.items() if "surepath" in name} == {52_000}
    # 20 mm and 13 mm at 0.25 um/px
    assert REFERENCE_SLIDES["thinprep"].layout.spot.radius_px == 40_000
    assert REFERENCE_SLIDES["surepath"].layout.spot.radius_px == 26_000
    assert REFERENCE_SLIDES["thinprep-full"].layout.spot is None


def test_a_slide_is_made_once_and_comes_out_the_same(tmp_path, monkeypatch):
    drawn_once = lru_cache(reference_slides.draw_fields)
    monkeypatch.setattr(reference_slides, "draw_fields", drawn_once)
    said = []
    first = SlideMaker(tmp_path / "a").make(TINY, notify=said.append)
    assert "MB" in said.pop()
    before = first.stat().st_mtime_ns
    assert SlideMaker(tmp_path / "a").make(TINY, notify=said.append) == first
    assert (first.stat().st_mtime_ns, said) == (before, [])
    second = SlideMaker(tmp_path / "b").make(TINY)
    assert second.name == first.name
    assert second.read_bytes() == first.read_bytes()
    with open_slide(first) as slide:
        level = slide.levels[0]
        assert (level.width_px, level.height_px) == (2048, 2048)
        assert slide.pixel_size.um_per_px == pytest.approx(0.25)
        corner = slide.read(0, 0, 0)[:200, :200]
        middle = slide.read(0, level.columns // 2, level.rows // 2)
    assert corner.std() < 5 < middle.std(), "cells in the spot only"


@pytest.mark.parametrize(
    "changes", [{"name": "other"}, {"side_px": 4096}, {"spot_mm": None}, {"spot_mm": 0.3}, {"abnormal_fields": 2}]
)
def test_whatever_shapes_a_slide_stands_in_its_name(tmp_path, changes):
    maker = SlideMaker(tmp_path)
    assert maker.path(replace(TINY, **changes)) != maker.path(TINY)


def write_fields(folder, label):
    folder.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.full((400, 400, 3), 220, np.uint8))
    with (folder / "labels.csv").open("w") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "x_px", "y_px", "um_per_px"])
        table.writerows([["a.png", "NILM", 100, 100, 0.25], ["b.png", label, 200, 200, 0.25]])
    return folder


def test_other_fields_make_another_file(tmp_path):
    names = {
        SlideMaker(tmp_path, write_fields(tmp_path / label, label)).path(TINY).name for label in ("LSIL", "HSIL")
    } | {SlideMaker(tmp_path).path(TINY).name}
    assert len(names) == 3


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path):
    huge = replace(TINY, side_px=10**9, spot_mm=None)
    with pytest.raises(OutputError, match="GB free"):
        SlideMaker(tmp_path).make(huge)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_told_with_the_closest():
    with pytest.raises(ConfigError, match="did you mean thinprep"):
        reference_slide("thinprp")
