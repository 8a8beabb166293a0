"""fastslide, eozin and microtome-wsi, to compare with; none of them has to be installed."""

import importlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from tifffile import TiffFile

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.tiff.metadata import is_aperio
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide


class OtherReader(Slide):
    """A TIFF whose tiles another library finds and decodes.

    Attributes:
        package: what is to be installed, and is imported as ``reader``.
    """

    package: ClassVar[str]

    def __init__(self, path: Path, levels: tuple[Level, ...]) -> None:
        self.path = path
        self._library = _installed(self.reader, self.package)
        self._handles = threading.local()
        sizes = self._sizes(self._handle())
        numbers = {size: number for number, size in reversed(list(enumerate(sizes)))}
        shown = [level for level in levels if (level.width_px, level.height_px) in numbers]
        if levels[0] not in shown:
            raise UnsupportedSlideError(f"{self.package} shows {path} in another size")
        self._numbers = [numbers[level.width_px, level.height_px] for level in shown]
        self.levels = tuple(
            Level(level.width_px, level.height_px, level.downsample, level.tile_width_px, level.tile_height_px)
            for level in shown
        )

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """What ``TiffSlide`` supports."""
        return TiffSlide.is_supported(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``; UnsupportedSlideError when the package is missing or does not read the slide."""
        with TiffSlide.open(path) as checked:  # what a hostile file says is bounded there
            levels = checked.levels
        return cls(path, levels)

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        width, height = self.levels[level].tile_size(column, row, scale)
        handle = self._handle()
        with _foreign(SlideError, f"{self.path}: tile ({column}, {row}) of level {level} is damaged"):
            tile = self._tile(handle, level, column, row)
        return np.ascontiguousarray(tile[:height, :width])

    def close(self) -> None:
        """Let go of this thread's handle; those of other threads went with them."""
        self._handles = threading.local()

    def _handle(self) -> Any:
        """The open file, once a thread: eozin's may not leave the thread that opened it."""
        if not hasattr(self._handles, "open"):
            with _foreign(UnsupportedSlideError, f"{self.package} cannot open {self.path}"):
                self._handles.open = self._open_with(self._library, str(self.path))
        return self._handles.open

    @staticmethod
    def _open_with(library: Any, path: str) -> Any:
        raise NotImplementedError

    @staticmethod
    def _sizes(handle: Any) -> Sequence[tuple[int, int]]:
        """Width and height of each level of the library."""
        return list(handle.level_dimensions)

    def _tile(self, handle: Any, level: int, column: int, row: int) -> np.ndarray:
        """uint8 (height, width, 3) RGB, whole or cut at the edge of the level."""
        raise NotImplementedError


class FastSlide(OtherReader):
    """fastslide gives areas; without its cache, tiles are decoded in threads of its own."""

    reader = package = "fastslide"

    @staticmethod
    def _open_with(library: Any, path: str) -> Any:
        return library.FastSlide.from_file_path(path)

    def _tile(self, handle: Any, level: int, column: int, row: int) -> np.ndarray:
        shape = self.levels[level]
        corner = (column * shape.tile_width_px, row * shape.tile_height_px)
        return np.asarray(handle.read_region(corner, self._numbers[level], shape.tile_size(column, row)).numpy())


class _AperioReader(OtherReader):
    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """Of TIFFs only those with Aperio's description; eozin panics at others."""
        if not super().is_supported(path):
            return False
        try:
            with TiffFile(path) as file:
                return is_aperio(file.pages.first)
        except Exception:  # ``TiffSlide`` says what is wrong with it
            return False


class Eozin(_AperioReader):
    """eozin finds the stored JPEG; Pillow decodes it."""

    reader = package = "eozin"

    @staticmethod
    def _open_with(library: Any, path: str) -> Any:
        return library.Eozin(path)

    def _tile(self, handle: Any, level: int, column: int, row: int) -> np.ndarray:
        return np.asarray(handle.read_tile(self._numbers[level], column, row).convert("RGB"))


class Microtome(_AperioReader):
    """microtome-wsi decodes with zune-jpeg, in a thread pool of its own."""

    reader, package = "microtome", "microtome-wsi"

    @staticmethod
    def _open_with(library: Any, path: str) -> Any:
        return library.open(path)

    @staticmethod
    def _sizes(handle: Any) -> Sequence[tuple[int, int]]:
        return [(level["width"], level["height"]) for level in handle.levels]

    def _tile(self, handle: Any, level: int, column: int, row: int) -> np.ndarray:
        return np.asarray(handle.read_tile(self._numbers[level], column, row))


OTHER_READERS: tuple[type[OtherReader], ...] = (FastSlide, Eozin, Microtome)
APERIO_READERS: tuple[type[OtherReader], ...] = (Eozin, Microtome)


@contextmanager
def _foreign(kind: type[SlideError], found: str) -> Iterator[None]:
    """What foreign code raises becomes our error; a panic in Rust is no Exception."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise kind(f"{found} ({error})") from error


def _installed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UnsupportedSlideError(f"{package} is not installed", fix="pip install 'unmissed[readers]'") from error
