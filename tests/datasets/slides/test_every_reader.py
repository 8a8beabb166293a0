"""Every reader, under the contract of readers; and that two readers of one file show the same."""

import numpy as np
import pytest

from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.formats.kfb import KfbSlide
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide
from unmissed.datasets.slides.view import LevelView, read_area
from unmissed.testing.readers import JPEG, SlideReaderContract


class _Written(SlideReaderContract):
    """Slides are written by the functions of the fixture ``make``."""

    @pytest.fixture(autouse=True)
    def _make(self, make):
        self.make = make


class _JpegTiff(_Written):
    reader, tolerance = TiffSlide, JPEG
    colour, subsampling, shared_tables, sub_ifds, tile = "ycbcr", "420", False, False, 64

    def write(self, folder, levels):
        names = ("colour", "subsampling", "shared_tables", "sub_ifds", "tile")
        return self.make.write_tiff(folder / "slide.tiff", levels, **{name: getattr(self, name) for name in names})


class TestTiff420(_JpegTiff):
    pass


class TestTiff422(_JpegTiff):
    subsampling = "422"


class TestTiff444(_JpegTiff):
    subsampling = "444"


class TestTiffTables(_JpegTiff):
    shared_tables = True


class TestTiffRgb(_JpegTiff):
    colour, subsampling = "rgb", "444"


class TestTiffRgbTables(TestTiffRgb):
    shared_tables = True


class TestTiffSubIfds(_JpegTiff):
    sub_ifds = True


class TestTiffLargeTiles(_JpegTiff):
    tile = 512


class TestOpenSlide420(_JpegTiff):
    reader = OpenSlideSlide
    coarse = 3  # it places coarse levels by level-0 pixels, which may fall between theirs


class TestOpenSlideRgb(TestOpenSlide420):
    colour, subsampling, shared_tables = "rgb", "444", True


class TestKfb(_Written):
    reader, tolerance = KfbSlide, JPEG

    def write(self, folder, levels):
        pytest.importorskip("kfbslide")
        return self.make.write_kfb(folder / "slide.kfb", levels)


class TestDeepZoom(_Written):
    reader = DeepZoomSlide

    def write(self, folder, levels):
        return self.make.write_deep_zoom(folder / "a.dzi", levels)


class TestTileFolder(_Written):
    reader = TileFolder

    def write(self, folder, levels):
        return self.make.write_folder(folder / "tiles", levels[0])


class TestPicture(_Written):
    reader = PictureSlide

    def write(self, folder, levels):
        return self.make.save(folder / "slide.png", levels[0])


def test_raw_tiles_are_what_openslide_shows(make, levels, tmp_path):
    for number, options in enumerate(({}, {"subsampling": "444"}, {"colour": "rgb", "subsampling": "444"})):
        path = make.write_tiff(tmp_path / f"{number}.tiff", levels, shared_tables=True, **options)
        with TiffSlide.open(path) as raw, OpenSlideSlide.open(path) as other:
            height, width = levels[0].shape[:2]
            areas = [read_area(LevelView(slide, 0, 1), 0, 0, width, height).astype(int) for slide in (raw, other)]
        assert np.abs(areas[0] - areas[1]).max() <= 2
