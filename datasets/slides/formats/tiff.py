"""Tiled TIFF (SVS, generic and OME pyramids): stored tiles are read as they are and decoded at the scale asked for."""

from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.slides.base import Slide, SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.random_access import RandomAccessFile
from unmissed.datasets.slides.formats.tiff_layout import StoredLevel, TiffLayout, read_layout

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, either byte order
_TILES_TO_CHECK = 8


class TiffSlide(Slide):
    """A tiled TIFF whose tiles are JPEG, deflated or plain 8-bit RGB or grey."""

    reader = "tiff"

    def __init__(self, path: Path, layout: TiffLayout, file: RandomAccessFile) -> None:
        self.path = path
        self.levels = tuple(stored.level for stored in layout.levels)
        self.stated = layout.stated
        self.objective_power = layout.objective_power
        self._stored = layout.levels
        self._file = file

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """Any TIFF but NDPI, whose tiles are strips of one huge JPEG."""
        if path.suffix.lower() == ".ndpi" or not path.is_file():
            return False
        try:
            with path.open("rb") as stream:
                return stream.read(4) in _MAGIC
        except OSError:
            return False

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``; UnsupportedSlideError when the TIFF is of a kind that is left to other readers."""
        layout = read_layout(path)
        file = RandomAccessFile(path)
        try:
            for stored in layout.levels:
                _check_some_tiles(stored, file, path)
        except BaseException:
            file.close()
            raise
        return cls(path, layout, file)

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        stored = self._stored[level]
        width, height = stored.level.tile_size(column, row, scale)
        index = row * stored.level.columns + column
        count = int(stored.counts[index])
        if count == 0:
            return np.full((height, width, 3), self.background, np.uint8)
        data = self._file.read(int(stored.offsets[index]), count)
        try:
            image = stored.decoder.decode(data, scale)
        except SlideError as error:
            raise SlideError(
                f"{self.path}: tile ({column}, {row}) of level {level} cannot be decoded: {error.found}",
                expected=error.expected,
                fix="scan or copy the slide again",
            ) from error
        # A tile reaches beyond the right or lower edge of the level; what is there is no picture.
        return np.ascontiguousarray(image[:height, :width])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _check_some_tiles(stored: StoredLevel, file: RandomAccessFile, path: Path) -> None:
    """Whether the tiles are coded as the directory says shows only in a tile; a damaged one shows nothing."""
    present = np.flatnonzero(stored.counts)
    damage: SlideError | None = None
    for index in present[:: max(1, len(present) // _TILES_TO_CHECK)]:
        try:
            stored.decoder.check(file.read(int(stored.offsets[index]), int(stored.counts[index])))
        except UnsupportedSlideError as error:
            raise UnsupportedSlideError(f"{path}: a tile cannot be decoded: {error.found}") from error
        except SlideError as error:
            damage = error
        else:
            return
    if damage is not None:
        raise SlideError(
            f"{path} is damaged: of the tiles of {stored.level.width_px} x {stored.level.height_px} px, none "
            f"that was tried can be decoded: {damage.found}",
            expected=damage.expected,
            fix="scan or copy the slide again",
        ) from damage
