"""Other people's readers beside ours: played by OpenSlide where they are not installed, themselves where they are."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cv2
import numpy as np
import openslide
import pytest
import tifffile

from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.slides.other_readers import APERIO_READERS, OTHER_READERS, Eozin, FastSlide, OtherReader
from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.benchmarks.speed.slides.slide_readers import measure_readers
from unmissed.benchmarks.speed.slides.tile_copies import copy_to_aperio
from unmissed.datasets.slides.base import SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide

TILE = 256
FAST_DECODING = 4.0  # grey levels on average that fastslide's faster settings of libjpeg may cost


class Played:
    """The interfaces of the three libraries, on OpenSlide; notes the threads that open it."""

    threads: ClassVar[list[int]] = []

    def __init__(self, path: str) -> None:
        self.threads.append(threading.get_ident())
        self._slide = openslide.OpenSlide(path)
        self.level_dimensions = self._slide.level_dimensions
        self.levels = [{"width": width, "height": height} for width, height in self.level_dimensions]

    def region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Any:
        step = round(self._slide.level_downsamples[level])
        return self._slide.read_region((corner[0] * step, corner[1] * step), level, size).convert("RGB")

    def read_region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Any:
        return SimpleNamespace(numpy=lambda: np.asarray(self.region(corner, level, size)))


class PlayedTiles(Played):
    """Of eozin, whose tiles are Pillow's."""

    def read_tile(self, level: int, column: int, row: int) -> Any:
        return self.region((column * TILE, row * TILE), level, (TILE, TILE))


class PlayedArrays(PlayedTiles):
    """Of microtome-wsi, whose tiles are arrays."""

    def read_tile(self, level: int, column: int, row: int) -> Any:
        return np.asarray(super().read_tile(level, column, row))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Played, "threads", [])
    fast = SimpleNamespace(FastSlide=SimpleNamespace(from_file_path=Played))
    monkeypatch.setitem(sys.modules, "fastslide", fast)
    monkeypatch.setitem(sys.modules, "eozin", SimpleNamespace(Eozin=PlayedTiles))
    monkeypatch.setitem(sys.modules, "microtome", SimpleNamespace(open=PlayedArrays))


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two levels, and tiles that the edge cuts."""
    path = tmp_path_factory.mktemp("slides") / "slide.tiff"
    y, x = np.mgrid[:1100, :1300].astype(np.float32)
    image = cv2.blur(np.stack((x % 256, y % 256, (x + y) / 8 % 256), axis=-1).astype(np.uint8), (9, 9))
    with tifffile.TiffWriter(path) as tiff:
        for level, part in enumerate((image, cv2.resize(image, (650, 550), interpolation=cv2.INTER_AREA))):
            tiff.write(
                part,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                subfiletype=int(level > 0),
                metadata=None,
            )
    return path


@pytest.fixture
def aperio(slide: Path, tmp_path: Path) -> Path:
    """All tiles but one."""
    with PlainTiff.open(slide) as opened:
        places = [
            (number, column, row)
            for number, level in enumerate(opened.levels)
            for column in range(level.columns)
            for row in range(level.rows)
            if (number, column, row) != (0, 0, 1)
        ]
        return copy_to_aperio(opened, places, tmp_path / "slide.svs")


def largest(one: Any, other: Any, level: int, column: int, row: int) -> int:
    return int(cv2.absdiff(one.read(level, column, row), other.read(level, column, row)).max())


@pytest.mark.parametrize("reader", [TiffSlide, OpenSlideSlide])
def test_the_copy_has_the_same_tiles_and_leaves_the_others_out(reader: Any, slide: Path, aperio: Path) -> None:
    with reader.open(slide) as original, reader.open(aperio) as copy:
        for number, level in enumerate(original.levels):
            assert (copy.levels[number].width_px, copy.levels[number].height_px) == (level.width_px, level.height_px)
        if reader is TiffSlide:
            assert max(largest(copy, original, *place) for place in ((0, 0, 0), (0, 5, 4), (1, 2, 2))) == 0
            assert (copy.read(0, 0, 1) == 255).all()
    with tifffile.TiffFile(aperio) as file:
        assert file.is_svs


@pytest.mark.usefixtures("played")
class TestPlayed:
    @pytest.mark.parametrize("reader", OTHER_READERS)
    def test_tiles_are_those_of_our_reader(self, reader: type[OtherReader], aperio: Path) -> None:
        assert reader.is_supported(aperio)
        with reader.open(aperio) as theirs, TiffSlide.open(aperio) as ours:
            assert [level.tile_width_px for level in theirs.levels] == [TILE, TILE]
            assert max(largest(theirs, ours, *place) for place in ((0, 0, 0), (0, 5, 4), (1, 1, 1), (1, 2, 2))) <= 8

    @pytest.mark.parametrize("reader", OTHER_READERS)
    def test_all_are_measured_where_they_are_installed(self, reader: type[OtherReader], slide: Path) -> None:
        recorder = Recorder("io", command=())
        measure_readers(recorder, slide, threads=(1,), rounds=1, areas=1)
        ways = [row for row in recorder.rows if row.what["reader"] == reader.reader]
        assert [row.what["from"] for row in ways] == ["level 0", "shrunk", "pyramid level", "shrunk"]
        assert all(row.figures["largest difference"].high <= 8 for row in ways)

    def test_each_thread_opens_the_file_itself(self, aperio: Path) -> None:
        with Eozin.open(aperio) as opened:
            other = threading.Thread(target=lambda: [opened.read(0, 0, 0), opened.read(0, 1, 1)])
            other.start()
            other.join()
            opened.read(0, 0, 0)
        assert len(Played.threads) == len(set(Played.threads)) == 2

    def test_a_panic_is_an_error(self, aperio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Panic(BaseException):
            pass

        def panics(*words: object) -> None:
            raise Panic("called unwrap on None")

        with Eozin.open(aperio) as opened:
            monkeypatch.setattr(PlayedTiles, "read_tile", panics)
            with pytest.raises(SlideError, match=r"is damaged .*unwrap"):
                opened.read(0, 0, 0)
        monkeypatch.setitem(sys.modules, "eozin", SimpleNamespace(Eozin=panics))
        with pytest.raises(UnsupportedSlideError, match=r"eozin cannot open .*unwrap"):
            Eozin.open(aperio)

    def test_a_library_that_shows_another_picture_is_left_out(
        self, aperio: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Label(Played):
            def __init__(self, path: str) -> None:
                super().__init__(path)
                self.level_dimensions = ((300, 300),)

        monkeypatch.setitem(sys.modules, "fastslide", SimpleNamespace(FastSlide=SimpleNamespace(from_file_path=Label)))
        with pytest.raises(UnsupportedSlideError, match="in another size"):
            FastSlide.open(aperio)


@pytest.mark.parametrize("reader", APERIO_READERS)
def test_only_aperio_files_are_theirs(reader: type[OtherReader], slide: Path, tmp_path: Path) -> None:
    (tmp_path / "text.svs").write_bytes(b"II*\0 no slide")
    assert not any(reader.is_supported(path) for path in (slide, tmp_path / "text.svs", tmp_path / "none.svs"))


@pytest.mark.parametrize("reader", OTHER_READERS)
def test_the_library_itself_gives_our_pixels(reader: type[OtherReader], aperio: Path) -> None:
    pytest.importorskip(reader.reader, reason=f"{reader.package} is not installed")
    with reader.open(aperio) as theirs, TiffSlide.open(aperio) as ours:
        places = ((0, 0, 0), (0, 5, 4), (1, 1, 1), (1, 2, 2))
        apart = [cv2.absdiff(theirs.read(*place), ours.read(*place)) for place in places]
    if reader is FastSlide:
        assert max(one.mean() for one in apart) <= FAST_DECODING
    else:
        assert max(one.max() for one in apart) <= 8
