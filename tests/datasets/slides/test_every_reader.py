"""What every reader promises: the same pixels from every file, whole tiles, edges, threads, clear errors."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.formats.kfb import KfbSlide
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.formats.tiff import TiffSlide
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide
from unmissed.datasets.slides.view import LevelView, read_area

LOSSLESS, JPEG = (0, 0), (1.5, 20)  # mean and largest difference, grey levels

Opened = tuple[Slide, list[np.ndarray]]


def jpeg_tiff(**options) -> Callable:
    return lambda make, folder, levels: make.write_tiff(folder / "slide.tiff", levels, **options)


CASES = {
    "tiff-420": (TiffSlide, JPEG, jpeg_tiff()),
    "tiff-422": (TiffSlide, JPEG, jpeg_tiff(subsampling="422")),
    "tiff-444": (TiffSlide, JPEG, jpeg_tiff(subsampling="444")),
    "tiff-tables": (TiffSlide, JPEG, jpeg_tiff(shared_tables=True)),
    "tiff-rgb": (TiffSlide, JPEG, jpeg_tiff(colour="rgb", subsampling="444")),
    "tiff-rgb-tables": (TiffSlide, JPEG, jpeg_tiff(colour="rgb", subsampling="444", shared_tables=True)),
    "tiff-subifds": (TiffSlide, JPEG, jpeg_tiff(sub_ifds=True)),
    "tiff-large-tiles": (TiffSlide, JPEG, jpeg_tiff(tile=512)),
    "openslide-420": (OpenSlideSlide, JPEG, jpeg_tiff()),
    "openslide-rgb": (OpenSlideSlide, JPEG, jpeg_tiff(colour="rgb", subsampling="444", shared_tables=True)),
    "kfb": (KfbSlide, JPEG, lambda make, folder, levels: make.write_kfb(folder / "slide.kfb", levels)),
    "deepzoom": (DeepZoomSlide, LOSSLESS, lambda make, folder, levels: make.write_deep_zoom(folder / "a.dzi", levels)),
    "tiles": (TileFolder, LOSSLESS, lambda make, folder, levels: make.write_folder(folder / "tiles", levels[0])),
    "picture": (PictureSlide, LOSSLESS, lambda make, folder, levels: make.save(folder / "slide.png", levels[0])),
}


@pytest.fixture(params=CASES)
def opened(request, make: SimpleNamespace, levels: list[np.ndarray], tmp_path: Path):
    """Every kind of slide, open, with the pictures it was made from."""
    reader, _, write = CASES[request.param]
    if reader is KfbSlide:
        pytest.importorskip("kfbslide")
    path = write(make, tmp_path, levels)
    assert reader.is_supported(path)
    with reader.open(path) as slide:
        yield slide, levels[: len(slide.levels)], CASES[request.param][1]


def test_every_level_shows_the_picture(opened):
    slide, levels, (mean, largest) = opened
    for number, expected in enumerate(levels):
        height, width = expected.shape[:2]
        assert (slide.levels[number].width_px, slide.levels[number].height_px) == (width, height)
        difference = np.abs(read_area(LevelView(slide, number, 1), 0, 0, width, height).astype(int) - expected)
        # OpenSlide places coarse levels by level-0 pixels, which may fall between theirs.
        blur = 3 if isinstance(slide, OpenSlideSlide) and number else 1
        assert difference.mean() <= mean * blur and difference.max() <= largest * blur


def test_levels_are_ordered_and_whole(opened):
    slide = opened[0]
    assert slide.levels[0].downsample == 1
    assert all(1 in level.scales for level in slide.levels)
    for number, level in enumerate(slide.levels):
        assert level.downsample == pytest.approx(2**number, rel=0.02)
    assert slide.background == (255, 255, 255)
    assert slide.pixel_size is None  # decided by open_slide


def test_every_tile_has_the_size_that_its_level_tells(opened):
    slide, _, _ = opened
    for number, level in enumerate(slide.levels):
        for scale in level.scales:
            for row in range(level.rows):
                for column in range(level.columns):
                    tile = slide.read(number, column, row, scale)
                    width, height = level.tile_size(column, row, scale)
                    assert tile.shape == (height, width, 3)
                    assert tile.dtype == np.uint8 and tile.flags.c_contiguous and tile.flags.writeable


def test_a_scaled_tile_is_the_tile_made_smaller(opened):
    slide, _, _ = opened
    for scale in slide.levels[0].scales:
        full, small = slide.read(0, 0, 0), slide.read(0, 0, 0, scale)
        expected = cv2.resize(full, small.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
        inner = np.s_[: full.shape[0] // scale - 1, : full.shape[1] // scale - 1]  # the last may hold what lies beyond
        assert np.abs(small[inner] - expected[inner]).mean() < 3


def test_threads_read_what_one_thread_reads(opened):
    slide, _, _ = opened
    level = slide.levels[0]
    tiles = [(column, row) for row in range(level.rows) for column in range(level.columns)] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda tile: slide.read(0, *tile), tiles))
    for tile, image in zip(tiles, together, strict=True):
        np.testing.assert_array_equal(image, slide.read(0, *tile))


@pytest.mark.parametrize("tile", [(0, -1, 0), (0, 0, 99), (0, 99, 0), (0, 0, 0, 3)])
def test_a_tile_that_does_not_exist_is_refused(opened, tile):
    with pytest.raises(ValueError, match="no tile"):
        opened[0].read(*tile)


def test_stored_bytes_are_positive_or_hidden(opened):
    stored = opened[0].stored_bytes(0, 1 if opened[0].levels[0].columns > 1 else 0, 0)
    assert stored is None or stored > 0


def test_the_pictures_beside_are_rgb(opened):
    assert all(image.ndim == 3 and image.shape[2] == 3 for image in opened[0].associated().values())


def test_it_may_be_closed_twice(opened):
    opened[0].close()


def test_raw_tiles_are_what_openslide_shows(make, levels, tmp_path):
    for number, options in enumerate(({}, {"subsampling": "444"}, {"colour": "rgb", "subsampling": "444"})):
        path = make.write_tiff(tmp_path / f"{number}.tiff", levels, shared_tables=True, **options)
        with TiffSlide.open(path) as raw, OpenSlideSlide.open(path) as other:
            height, width = levels[0].shape[:2]
            areas = [read_area(LevelView(slide, 0, 1), 0, 0, width, height).astype(int) for slide in (raw, other)]
        assert np.abs(areas[0] - areas[1]).max() <= 2
