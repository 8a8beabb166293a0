"""Views, areas and crops: geometry by properties, pixels by a slide whose every pixel is known."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.slides.base import Level, PixelSize, Slide, SlideError
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import LevelView, read_area, read_crop, view_at

RED = (200, 10, 20)


class MemorySlide(Slide):
    """A slide in memory that counts how often each tile is read."""

    reader = "memory"
    background = RED

    def __init__(self, levels: list[np.ndarray], tile: int, scales=(1,), um_per_px: float | None = 0.25) -> None:
        self.path = Path("memory")
        self.images = levels
        width, height = levels[0].shape[1], levels[0].shape[0]
        self.levels = tuple(
            Level(im.shape[1], im.shape[0], (width / im.shape[1] + height / im.shape[0]) / 2, tile, tile, tuple(scales))
            for im in levels
        )
        self.pixel_size = None if um_per_px is None else PixelSize(um_per_px, "file")
        self.reads: list[tuple[int, ...]] = []

    def read(self, level, column, row, scale=1):
        self.reads.append((level, column, row, scale))
        size = self.levels[level].tile_size(column, row, scale)
        tile = self.levels[level].tile_width_px
        part = self.images[level][row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA) if scale > 1 else part.copy()


def numbered(width: int, height: int) -> np.ndarray:
    """Every pixel tells where it is."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, x // 256 + 16 * (y // 256)], axis=-1).astype(np.uint8)


sides = st.integers(1, 130)


@given(sides, sides, st.integers(1, 5), st.sampled_from([1, 2, 4, 8]))
@settings(deadline=None)
def test_tiles_cover_a_view_exactly(width, height, eighths, scale):
    slide = MemorySlide([np.zeros((height, width, 3), np.uint8)], 8 * eighths, (1, 2, 4, 8))
    view = LevelView(slide, 0, scale)
    level = slide.levels[0]
    assert sum(level.tile_size(column, 0, scale)[0] for column in range(view.columns)) == view.width_px
    assert sum(level.tile_size(0, row, scale)[1] for row in range(view.rows)) == view.height_px
    assert view.tile_width_px * scale == level.tile_width_px
    assert view.downsample == scale
    assert view.um_per_px == pytest.approx(0.25 * scale)


@given(sides, sides, st.integers(5, 40), st.integers(-50, 180), st.integers(-50, 180), sides, sides)
@settings(deadline=None)
def test_an_area_is_the_picture_with_background_around_it(width, height, tile, x, y, area_width, area_height):
    image = numbered(width, height)
    slide = MemorySlide([image], tile)
    area = read_area(LevelView(slide, 0, 1), x, y, area_width, area_height)
    margin = 200
    framed = np.full((height + 3 * margin, width + 3 * margin, 3), RED, np.uint8)
    framed[margin : margin + height, margin : margin + width] = image
    top, left = y + margin, x + margin
    np.testing.assert_array_equal(area, framed[top : top + area_height, left : left + area_width])
    assert len(slide.reads) == len(set(slide.reads))  # each tile once


@given(
    st.floats(0.05, 5),
    st.floats(0.05, 20),
    st.floats(0, 0.3),
    st.lists(st.sampled_from([2, 4, 8, 16]), unique=True),
    st.sampled_from([(1,), (1, 2, 4, 8)]),
)
@settings(deadline=None)
def test_the_coarsest_view_that_is_fine_enough(native, wanted, tolerance, downsamples, scales):
    factors = [1, *sorted(downsamples)]
    slide = MemorySlide([np.zeros((64 // f, 64 // f, 3), np.uint8) for f in factors], 8, scales, native)
    view = view_at(slide, wanted, tolerance)
    possible = [native * factor * scale for factor in factors for scale in scales]
    allowed = [um for um in possible if um <= wanted * (1 + tolerance) * (1 + 1e-9)]
    if not allowed:
        assert (view.level, view.scale) == (0, 1)
        return
    assert view.um_per_px == pytest.approx(max(allowed), rel=1e-6)
    same = [number for number, factor in enumerate(factors) if round(view.downsample / factor) in scales]
    assert view.level == max(number for number in same if view.downsample % factors[number] == 0)


def test_a_level_is_preferred_to_a_scaled_finer_one():
    slide = MemorySlide([np.zeros((256, 256, 3), np.uint8), np.zeros((63, 63, 3), np.uint8)], 16, (1, 2, 4, 8))
    view = view_at(slide, 1.0)  # level 1 is 4.06 times coarser, within the tolerance
    assert (view.level, view.scale) == (1, 1)
    assert (view_at(slide, 0.5).level, view_at(slide, 0.5).scale) == (0, 2)


def test_without_a_pixel_size_nothing_is_chosen():
    slide = MemorySlide([np.zeros((64, 64, 3), np.uint8)], 16, um_per_px=None)
    for question in (
        lambda: view_at(slide, 1.0),
        lambda: read_crop(slide, 5, 5, 8, 0.5),
        lambda: LevelView(slide, 0, 1).um_per_px,
    ):
        with pytest.raises(SlideError, match="has no pixel size"):
            question()


@given(st.integers(-20, 220), st.integers(-20, 220), st.integers(1, 60))
@settings(deadline=None)
def test_a_crop_at_native_resolution_is_cut_without_resizing(x, y, size):
    image = numbered(200, 200)
    slide = MemorySlide([image], 32)
    crop = read_crop(slide, x, y, size, 0.25)
    left, top = int(np.floor(x - size / 2 + 0.5)), int(np.floor(y - size / 2 + 0.5))
    expected = np.full((400, 400, 3), RED, np.uint8)
    expected[100:300, 100:300] = image
    np.testing.assert_array_equal(crop, expected[top + 100 : top + 100 + size, left + 100 : left + 100 + size])


@pytest.mark.parametrize("um", [0.125, 0.2, 0.25, 0.254, 0.3, 0.4, 0.5, 0.7, 1.0, 1.9])
def test_a_disc_keeps_its_size_in_um_whatever_the_slide(um):
    """A disc of 20 um radius at 0.25 um/px keeps its area in um2 and its centre in a crop of any resolution."""
    image = np.full((1024, 1024, 3), 255, np.uint8)
    cv2.circle(image, (500, 420), 80, (0, 0, 0), -1)
    half, quarter = (cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA) for f in (0.5, 0.25))
    slide = MemorySlide([image, half, quarter], 64, (1, 2))
    size = round(60 / um)
    crop = read_crop(slide, 500.5, 420.5, size, um)
    assert crop.shape == (size, size, 3)
    dark = (255.0 - crop[:, :, 0]) / 255
    assert dark.sum() * um * um == pytest.approx(np.pi * 20**2, rel=0.045)  # 2 % in both sides
    y, x = np.mgrid[:size, :size]
    centre = (np.array([(dark * x).sum(), (dark * y).sum()]) / dark.sum() + 0.5) * um
    np.testing.assert_allclose(centre, 30, atol=0.75)


def test_the_cache_spares_decoding_and_stays_small():
    slide = MemorySlide([numbered(256, 256)], 32)
    view, cache = LevelView(slide, 0, 1), TileCache(max_bytes=20 * 32 * 32 * 3)
    first = read_area(view, 10, 10, 100, 100, cache)
    count = len(slide.reads)
    np.testing.assert_array_equal(read_area(view, 10, 10, 100, 100, cache), first)
    assert len(slide.reads) == count
    read_area(view, 0, 0, 256, 256, cache)
    read_area(view, 10, 10, 100, 100, cache)
    assert len(slide.reads) > count + 64 - 16  # the first ones were pushed out


def test_the_cache_serves_threads():
    slide = MemorySlide([numbered(256, 256)], 32)
    view, cache = LevelView(slide, 0, 1), TileCache(max_bytes=10 * 32 * 32 * 3)
    places = [(x, y) for x in range(0, 200, 20) for y in range(0, 200, 20)] * 3
    with ThreadPoolExecutor(8) as pool:
        areas = list(pool.map(lambda place: read_area(view, *place, 50, 50, cache), places))
    for (x, y), area in zip(places, areas, strict=True):
        np.testing.assert_array_equal(area, slide.images[0][y : y + 50, x : x + 50])
