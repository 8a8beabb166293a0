"""Looks of a slide: places with cells only, always the same ones, and relative to the glass."""

from pathlib import Path

import numpy as np
import pytest

from unmissed.datasets.pictures.decoding import Picture
from unmissed.datasets.slides.base import PixelSize
from unmissed.datasets.slides.foreground import foreground_of
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.looks import CELLS, GLASS, MOST_PLACES, looks_of

SIDE_PX, CELL_PX = 1536, 32


def cells_on_glass(share: float = 0.5, glass: tuple[int, int, int] = (250, 250, 250)) -> np.ndarray:
    """The left part of the slide is full of speckled violet."""
    rng = np.random.default_rng(1)
    picture = np.full((SIDE_PX, SIDE_PX, 3), 255.0)
    filled = int(SIDE_PX * share)
    picture[:, :filled] = np.array([150, 110, 170]) + rng.normal(0, 12, (SIDE_PX, filled, 1))
    return (picture * np.array(glass) / 255).clip(0, 255).astype(np.uint8)


def looks(picture: np.ndarray):
    slide = PictureSlide(Path("made"), Picture(picture, SIDE_PX, SIDE_PX, ()))
    slide.pixel_size = PixelSize(0.25, "file")
    means = picture.reshape(SIDE_PX // CELL_PX, CELL_PX, -1, CELL_PX, 3).mean(axis=(1, 3)).astype(np.uint8)
    foreground, glass, _ = foreground_of(means)
    return looks_of(slide, foreground, glass, CELL_PX)


def test_only_places_with_cells_are_looked_at_and_always_the_same():
    found = looks(cells_on_glass(0.5))
    assert found.cells.shape == (MOST_PLACES, len(CELLS)) and found.glass.shape == (len(GLASS),)
    assert found.cells[:, list(CELLS).index("lightness")].max() < 65, "no place is glass"
    assert np.array_equal(found.cells, looks(cells_on_glass(0.5)).cells)
    assert len(looks(cells_on_glass(0.25)).cells) == 3 * 12


@pytest.mark.parametrize("share", [0.0, 0.005])
def test_a_slide_without_cells_has_no_places(share):
    assert len(looks(cells_on_glass(share)).cells) == 0


def test_the_lamp_changes_the_glass_but_hardly_the_cells():
    white, yellow = looks(cells_on_glass()), looks(cells_on_glass(glass=(250, 245, 215)))
    assert abs(yellow.cells.mean(axis=0) - white.cells.mean(axis=0)).max() < 1
    assert yellow.glass[2] - white.glass[2] > 10


def test_foreground_leaves_out_what_scanners_fill_gaps_with():
    overview = np.full((20, 20, 3), 240, np.uint8)
    overview[:5], overview[5:8], overview[10, 10] = 0, 255, (180, 150, 200)
    foreground, glass, _ = foreground_of(overview)
    assert np.argwhere(foreground).tolist() == [[10, 10]] and glass.tolist() == [240, 240, 240]
