"""Tiled TIFF (SVS, generic and OME pyramids): stored tiles are read as they are and decoded at the scale asked for."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.limits import MAX_PICTURE_PX
from unmissed.datasets.slides.random_access import RandomAccessFile
from unmissed.datasets.slides.tiff_layout import StoredLevel, TiffLayout, read_layout

log = logging.getLogger(__name__)

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, either byte order


class TiffSlide(Slide):
    """A tiled TIFF whose tiles are JPEG, deflated or plain 8-bit RGB or grey."""

    reader = "tiff"

    def __init__(self, path: Path, layout: TiffLayout, file: RandomAccessFile) -> None:
        self.path = path
        self.levels = tuple(stored.level for stored in layout.levels)
        self.stated = layout.stated
        self.objective_power = layout.objective_power
        self._stored = layout.levels
        self._associated = layout.associated
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
                _check_first_tile(stored, file, path)
        except BaseException:
            file.close()
            raise
        return cls(path, layout, file)

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        stored = self._stored[level]
        shape = stored.level
        if not (0 <= column < shape.columns and 0 <= row < shape.rows and scale in shape.scales):
            raise ValueError(f"level {level} has no tile ({column}, {row}) at scale {scale}")
        # A tile reaches beyond the right or lower edge of the level; what is there is no picture.
        width = -(-min(shape.tile_width_px, shape.width_px - column * shape.tile_width_px) // scale)
        height = -(-min(shape.tile_height_px, shape.height_px - row * shape.tile_height_px) // scale)
        index = row * shape.columns + column
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
        return np.ascontiguousarray(image[:height, :width])

    def stored_bytes(self, level: int, column: int, row: int) -> int | None:
        """See ``Slide.stored_bytes``; 0 where the file leaves the tile out."""
        stored = self._stored[level]
        return int(stored.counts[row * stored.level.columns + column])

    def associated(self) -> Mapping[str, np.ndarray]:
        """See ``Slide.associated``; a picture that cannot be read is left out with a warning."""
        found = {}
        for name, page in self._associated.items():
            try:
                found[name] = _read_page(self.path, page)
            except Exception as error:  # damaged files reach every corner of Pillow
                log.warning("%s: its picture %r cannot be read (%s)", self.path, name, error)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _check_first_tile(stored: StoredLevel, file: RandomAccessFile, path: Path) -> None:
    """Whether the tiles are coded as the directory says shows only in a tile."""
    present = np.flatnonzero(stored.counts)
    if not len(present):
        return
    index = int(present[0])
    try:
        stored.decoder.check(file.read(int(stored.offsets[index]), int(stored.counts[index])))
    except SlideError as error:
        # The same kind of error: an unknown coding lets other readers try, damage does not.
        raise type(error)(
            f"{path}: its tile {index} cannot be decoded: {error.found}", expected=error.expected
        ) from error


def _read_page(path: Path, number: int) -> np.ndarray:
    """A page that is no level, uint8 RGB; Pillow reads them all (strips, LZW, old and new JPEG)."""
    with Image.open(path, formats=["TIFF"]) as image:
        image.seek(number)
        if image.width * image.height > MAX_PICTURE_PX // 4:
            raise SlideError(
                f"it has {image.width} x {image.height} px", expected=f"at most {MAX_PICTURE_PX // 4:,} px"
            )
        return np.array(image.convert("RGB"))
