"""From a file through the real screener and the stored result to the disposition: the facts that keep patients safe."""

import numpy as np
import pytest
import tifffile

from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.policy.dispositions import Case, Disposition, decide
from unmissed.inference.cytology.policy.policy import Exclusion, Preparation, load_policy
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset

SIDE_PX = 1024
TILE_PX, TILES = 256, 16
SHIPPED = load_policy("screening")
LIMITS = SHIPPED.adequacy[Preparation.LIQUID].model_copy(update={"min_cells": 1, "max_out_of_focus": 1.0})
POLICY = SHIPPED.model_copy(update={"adequacy": SHIPPED.adequacy | {Preparation.LIQUID: LIMITS}})


@pytest.fixture(scope="module")
def screener():
    preset = load_preset("fast").model_copy(update={"max_crops": 8})
    with Screener.load(ScreenSettings(preset, LIMITS, POLICY.grade, threads=2)) as loaded:
        yield loaded


@pytest.fixture
def end(screener, tmp_path):
    """Screen a file, store the result, read it again and decide: ``end(path)`` gives what is stored, and a decision."""

    def go(path):
        folder = tmp_path / "result"
        folder.mkdir()
        with open_slide(path) as slide:
            write_slide_result(folder, screener.screen(slide, "s", str(path)))
        stored = read_slide_result(folder)
        case = Case.from_result(stored, "s", POLICY, Preparation.LIQUID)
        return stored, decide([case], POLICY, Exclusion.under(POLICY))["s"]

    return go


def write(path, pixels):
    """One level of plain tiles, so that every one of them is read exactly once or counted as damaged."""
    tile = (TILE_PX, TILE_PX)
    size = {"resolution": (4e4, 4e4), "resolutionunit": "CENTIMETER"}  # 0.25 um/px
    tifffile.imwrite(path, pixels, tile=tile, photometric="rgb", compression="deflate", **size)
    return path


def plain(path, grey):
    """A slide of one grey with the noise of a camera."""
    noise = np.random.default_rng(1).normal(grey, 2, (SIDE_PX, SIDE_PX, 3))
    return write(path, np.clip(noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Pixels of a slide with drawn cells."""
    path = tmp_path_factory.mktemp("drawn") / "drawn.tiff"
    make_slide(path, draw_fields(normal=2, abnormal=1), LayoutSpec(SIDE_PX, SIDE_PX), abnormal_fields=1)
    with open_slide(path) as slide:
        level = slide.levels[0]
        rows = [np.hstack([slide.read(0, c, r) for c in range(level.columns)]) for r in range(level.rows)]
    return np.vstack(rows)


def damage(path, tiles):
    """Overwrite so many tiles, as a bad disk or a broken copy does."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))[-tiles:]
    with path.open("r+b") as stream:
        for offset, size in places:
            stream.seek(offset)
            stream.write(b"\0" * size)


def test_a_good_slide_is_read_by_a_person_and_not_sent_back(end, cells, tmp_path):
    stored, decision = end(write(tmp_path / "s.tiff", cells))
    assert decision.disposition is Disposition.REVIEW
    assert decision.reasons[0].startswith("nothing may be excluded")
    assert (stored.reading.tiles_read, stored.reading.tiles_damaged) == (TILES, 0)
    assert stored.reading.thumbnail_grey == pytest.approx(cells.mean(), abs=10)


def test_a_black_slide_is_scanned_again(end, tmp_path):
    stored, decision = end(plain(tmp_path / "s.tiff", 3))
    assert decision.disposition is Disposition.RERUN
    assert "entirely black" in decision.reasons[0]
    assert (stored.reading.tiles_read, stored.reading.tiles_damaged) == (TILES, 0)
    assert stored.reading.thumbnail_grey == pytest.approx(3, abs=1)


def test_an_empty_slide_is_for_process_review(end, tmp_path):
    stored, decision = end(plain(tmp_path / "s.tiff", 238))
    assert decision.disposition is Disposition.PROCESS_REVIEW
    assert "only empty glass" in decision.reasons[0]
    assert (stored.reading.tiles_read, stored.reading.tiles_damaged) == (TILES, 0)
    assert stored.reading.thumbnail_grey == pytest.approx(238, abs=1)


@pytest.mark.parametrize(("tiles", "share"), [(1, "6.2 %"), (4, "25.0 %")])
def test_a_damaged_slide_is_for_process_review(end, tmp_path, tiles, share):
    """More tiles than the 1 % of the policy; without them the slide would pass for empty glass."""
    path = plain(tmp_path / "s.tiff", 238)
    damage(path, tiles)
    stored, decision = end(path)
    assert decision.disposition is Disposition.PROCESS_REVIEW
    assert decision.reasons[0] == f"{share} of the tiles could not be read; the policy allows 1 %"
    assert (stored.reading.tiles_read, stored.reading.tiles_damaged) == (TILES - tiles, tiles)
