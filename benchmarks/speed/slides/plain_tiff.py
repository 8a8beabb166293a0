"""A tiled TIFF read with tifffile alone, as a simple script would; and its tiles as JPEG files of their own."""

from pathlib import Path
from typing import Self

import numpy as np
from tifffile import TiffFile, TiffPage

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.random_access import RandomAccessFile
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide

_JPEG = 7
_YCBCR = 6
_END = b"\xff\xd9"


class PlainTiff(Slide):
    """The levels of a JPEG TIFF, decoded by ``TiffPage.decode``; a reader to compare with, not one to work with."""

    reader = "tifffile"

    def __init__(self, path: Path, file: TiffFile, levels: tuple[Level, ...], pages: tuple[TiffPage, ...]) -> None:
        self.path, self.levels = path, levels
        self._file, self._pages = file, pages
        self._tables = [(np.asarray(page.dataoffsets), np.asarray(page.databytecounts)) for page in pages]
        self._data = RandomAccessFile(path)

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """What ``TiffSlide`` supports."""
        return TiffSlide.is_supported(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``; UnsupportedSlideError when the tiles are not JPEG with three channels."""
        with TiffSlide.open(path) as checked:  # what a hostile file says is bounded there
            wanted = checked.levels
        file = TiffFile(path)
        try:
            pages = {(page.imagewidth, page.imagelength): page for page in _level_pages(file)}
            found = [
                (level, page) for level in wanted if (page := pages.get((level.width_px, level.height_px))) is not None
            ]
            if not found or any(page.compression != _JPEG or page.samplesperpixel != 3 for _, page in found):
                raise UnsupportedSlideError(f"the tiles of {path} are not JPEG in colour")
            levels = tuple(
                Level(level.width_px, level.height_px, level.downsample, level.tile_width_px, level.tile_height_px)
                for level, _ in found
            )
            return cls(path, file, levels, tuple(page for _, page in found))
        except BaseException:
            file.close()
            raise

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        width, height = self.levels[level].tile_size(column, row, scale)
        page = self._pages[level]
        index = row * self.levels[level].columns + column
        data = self._bytes(level, index)
        if not data:
            return np.full((height, width, 3), self.background, np.uint8)
        try:
            decoded = page.decode(data, index, jpegtables=page.jpegtables)[0]
        except Exception as error:  # a codec raises what it likes
            raise SlideError(f"{self.path}: tile ({column}, {row}) of level {level} is damaged: {error}") from error
        if decoded is None:
            raise SlideError(f"{self.path}: tile ({column}, {row}) of level {level} is empty")
        return np.ascontiguousarray(decoded[0, :height, :width])

    def jpeg(self, level: int, column: int, row: int) -> bytes:
        """A whole tile as a self-contained JPEG; b"" where the file leaves the tile out.

        Raises:
            UnsupportedSlideError: When the samples are not YCbCr: a decoder that does not know the TIFF would take them
                for that.
        """
        page = self._pages[level]
        if page.photometric != _YCBCR:
            raise UnsupportedSlideError(f"the JPEG tiles of {self.path} do not hold YCbCr, and cannot be used alone")
        data = self._bytes(level, row * self.levels[level].columns + column)
        tables = page.jpegtables
        # TIFF 6.0, technical note 2: tables and tile are two streams; without the end of one and the start of the
        # other they are one.
        return tables.removesuffix(_END) + data[2:] if data and tables else data

    def close(self) -> None:
        """Close the file."""
        self._data.close()
        self._file.close()

    def _bytes(self, level: int, index: int) -> bytes:
        offset, count = (int(table[index]) for table in self._tables[level])
        return self._data.read(offset, count) if count else b""


def _level_pages(file: TiffFile) -> list[TiffPage]:
    """Pages and sub-pages in which tiles are."""
    pages = [page for page in file.pages if isinstance(page, TiffPage)]
    below = [page for parent in pages if parent.subifds and parent.pages is not None for page in parent.pages]
    return [page for page in (*below, *pages) if isinstance(page, TiffPage) and page.is_tiled]
