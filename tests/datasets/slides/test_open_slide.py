"""Which reader opens what, how the pixel size is decided, and what becomes of files that no reader can read."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.formats.kfb import KfbSlide
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area

APERIO = "Aperio Image Library v12.0.0 \r\n340x212 (64x64) JPEG/RGB Q=70|{fields}"


def failure(path: Path | str, **options) -> str:
    with pytest.raises(SlideError) as caught:
        open_slide(path, **options)
    return str(caught.value)


class TestReaderIsChosen:
    def test_by_content_and_preference(self, make, levels, tmp_path):
        pytest.importorskip("kfbslide")
        paths = {
            "tiff": make.write_tiff(tmp_path / "a.svs", levels),
            "kfb": make.write_kfb(tmp_path / "a.kfb", levels),
            "deepzoom": make.write_deep_zoom(tmp_path / "a.dzi", levels),
            "tiles": make.write_folder(tmp_path / "tiles", levels[0]),
            "picture": make.save(tmp_path / "a.png", levels[0]),
        }
        for name, path in paths.items():
            with open_slide(path) as slide:
                assert slide.reader == name
                assert slide.path == path

    def test_without_openslide_the_error_says_how_to_get_it(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "openslide", None)
        path = tmp_path / "a.ndpi"
        path.write_bytes(b"II*\0" + bytes(100))
        assert OpenSlideSlide.is_supported(path)
        assert "OpenSlide is not installed" in failure(path)

    def test_without_kfbslide_the_error_says_how_to_get_it(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "kfbslide", None)
        path = tmp_path / "a.kfb"
        path.write_bytes(b"kfb")
        assert KfbSlide.is_supported(path)
        assert "unmissed[kfb]" in failure(path)

    def test_what_each_reader_said_is_in_the_error(self, tmp_path):
        path = tmp_path / "a.tif"
        path.write_bytes(b"II*\0" + bytes(100))
        text = failure(path)
        assert str(path) in text and "\n" not in text


class TestPixelSize:
    def opened(self, make, tmp_path, fields: str = "", **options):
        description = APERIO.format(fields=fields)
        path = make.write_tiff(tmp_path / "a.svs", make.pyramid(), description=description, um_per_px=None)
        with open_slide(path, **options) as slide:
            return slide.pixel_size

    def test_from_the_file(self, make, tmp_path):
        found = self.opened(make, tmp_path, "MPP = 0.2463|AppMag = 20")
        assert (found.um_per_px, found.source, found.warning) == (0.2463, "file", "")

    def test_the_user_wins(self, make, tmp_path):
        found = self.opened(make, tmp_path, "MPP = 0.501", um_per_px=0.5, um_per_px_source="table")
        assert (found.um_per_px, found.source, found.warning) == (0.5, "table", "")

    def test_the_user_wins_and_the_contradiction_is_said(self, make, tmp_path):
        found = self.opened(make, tmp_path, "MPP = 77", um_per_px=0.5, um_per_px_source="table")
        assert (found.um_per_px, found.source) == (0.5, "table")
        assert "0.5 um/px was given (table), but the file says 77" in found.warning

    @pytest.mark.parametrize(("um", "power", "fits"), [(0.2425, 20, True), (0.635, 40, False), (0.1, 20, False)])
    def test_the_objective_and_the_pixel_size_are_compared(self, make, tmp_path, um, power, fits):
        found = self.opened(make, tmp_path, f"MPP = {um}|AppMag = {power}")
        assert (found.um_per_px, found.source) == (um, "file")
        assert ("objective" not in found.warning) is fits

    @pytest.mark.parametrize(("text", "um"), [("0,25", 0.25), ("1,26", 1.26), (" 0.25 ", 0.25), ("2.5e-1", 0.25)])
    def test_numbers_as_programs_of_all_countries_write_them(self, make, tmp_path, text, um):
        assert self.opened(make, tmp_path, f"MPP = {text}").um_per_px == um

    @pytest.mark.parametrize(("power", "um"), [(40, 0.25), (20, 0.5)])
    def test_a_guess_from_the_objective_is_said(self, make, tmp_path, power, um):
        found = self.opened(make, tmp_path, f"AppMag = {power}")
        assert (found.um_per_px, found.source) == (um, "objective power")
        assert f"{power}x" in found.warning

    def test_nothing_is_known(self, make, tmp_path):
        assert self.opened(make, tmp_path, "Left = 3") is None

    @pytest.mark.parametrize("wrong", ["0", "0.01", "352.78", "1e9", "-0.25", "1e-400"])
    def test_absurd_values_in_the_file(self, make, tmp_path, wrong):
        with pytest.raises(SlideError) as caught:
            self.opened(make, tmp_path, f"MPP = {wrong}|AppMag = 40")
        assert "Aperio description" in str(caught.value) and "a.svs" in str(caught.value)
        assert "--um-per-px" in caught.value.fix

    @pytest.mark.parametrize("wrong", [0, -1, 0.01, 40, float("nan"), float("inf")])
    def test_absurd_values_of_the_user(self, make, tmp_path, wrong):
        with pytest.raises(SlideError, match="command line"):
            self.opened(make, tmp_path, "MPP = 0.25", um_per_px=wrong)

    def test_pixels_that_are_not_square(self, make, tmp_path):
        text = '<OME><Image><Pixels PhysicalSizeX="0.25" PhysicalSizeY="{}"/></Image></OME>'
        ok = make.write_tiff(tmp_path / "ok.tiff", make.pyramid(), description=text.format(0.26))
        with open_slide(ok) as slide:
            assert slide.pixel_size.um_per_px == pytest.approx(0.255)
        wrong = make.write_tiff(tmp_path / "wrong.tiff", make.pyramid(), description=text.format(0.30))
        assert "0.25 x 0.3 um" in failure(wrong)

    def test_openslide_tells_it_too(self, make, tmp_path):
        path = make.write_tiff(tmp_path / "a.svs", make.pyramid(), description=APERIO.format(fields="MPP = 0.2463"))
        with OpenSlideSlide.open(path) as slide:
            assert slide.stated.x_um == 0.2463


class TestBadInput:
    @pytest.mark.parametrize("name", ["a.svs", "a.tiff", "a.ndpi", "a.png", "a.kfb", "a.dzi", "a.dcm", "a"])
    @pytest.mark.parametrize(
        "content", [b"", b"hello, this is no slide\n" * 50, bytes(4096)], ids=["empty", "text", "0s"]
    )
    def test_files_that_are_no_slides(self, tmp_path, name, content):
        path = tmp_path / name
        path.write_bytes(content)
        assert str(path) in failure(path)

    def test_missing(self, tmp_path):
        assert "does not exist" in failure(tmp_path / "none.svs")

    def test_a_folder_without_tiles(self, tmp_path):
        assert "no reader" in failure(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop this user")
    def test_no_permission(self, make, levels, tmp_path):
        path = make.write_tiff(tmp_path / "a.tiff", levels)
        path.chmod(0)
        assert "Permission denied" in failure(path)

    def test_a_damaged_tiff_is_not_given_to_a_more_lenient_reader(self, make, levels, tmp_path):
        path = make.write_tiff(tmp_path / "a.tiff", levels)
        path.write_bytes(path.read_bytes()[:-3000])
        assert "its pages break off" in failure(path)


@pytest.mark.data
class TestRealSlides:
    """Eleven files of public projects, some of them broken."""

    BROKEN = ("broken.svs", "smalltif.tif", "unopenable.tiff", "unreadable.svs")
    READERS = ("tiff", "openslide")

    @pytest.fixture
    def folder(self, data_root) -> Path:
        return data_root / "slides"

    def test_all_are_read_or_refused(self, folder):
        read: dict[str, Slide] = {}
        for path in sorted(folder.iterdir()):
            try:
                with open_slide(path, um_per_px=0.5) as slide:
                    view = LevelView(slide, len(slide.levels) - 1, 1)
                    assert read_area(view, 0, 0, view.width_px, view.height_px).any()
                    read[path.name] = slide
            except SlideError as error:
                assert path.name in self.BROKEN, error
                assert str(path) in str(error)
        assert len(read) + len(self.BROKEN) == len(list(folder.iterdir()))
        assert {slide.reader for slide in read.values()} == set(self.READERS)

    def test_what_an_aperio_slide_tells(self, folder):
        with open_slide(folder / "cmu_small_region.svs") as slide:
            assert slide.reader == "tiff"
            assert slide.pixel_size.um_per_px == 0.499
            assert slide.objective_power == 20

    def test_raw_tiles_equal_openslide(self, folder):
        path = folder / "cmu_small_region.svs"
        with open_slide(path) as raw, OpenSlideSlide.open(path) as other:
            expected = other.read(0, 1, 2)
            level = raw.levels[0]
            across = other.levels[0].tile_width_px // level.tile_width_px
            tile = raw.read(0, across, 2 * across)
            difference = np.abs(tile.astype(int) - expected[: tile.shape[0], : tile.shape[1]])
        assert difference.max() <= 2

    def test_jpeg_2000_is_what_openslide_shows_and_has_no_pixel_size(self, folder):
        path = folder / "tcga-cr-7395-01a-01-ts1.svs"
        with open_slide(path) as slide, OpenSlideSlide.open(path) as other:
            assert (slide.reader, slide.pixel_size) == ("tiff", None)
            areas = [read_area(LevelView(one, 0, 1), 500, 500, 600, 600) for one in (slide, other)]
        np.testing.assert_array_equal(*areas)

    @pytest.mark.parametrize("name", ["boxes.tiff", "small_HE_levels.tiff"])
    def test_the_resolution_of_a_screen_is_refused(self, folder, name):
        assert "resolution tags" in failure(folder / name)
