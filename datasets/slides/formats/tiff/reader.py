"""TIFF (SVS, generic and OME pyramids): stored tiles are read as they are and decoded at the scale asked for."""

from pathlib import Path
from typing import Self

import cv2
import numpy as np

from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.formats.random_access import RandomAccessFile
from unmissed.datasets.slides.formats.tiff.jpeg_tiles import JpegTiles
from unmissed.datasets.slides.formats.tiff.layout import StoredLevel, TiffLayout, read_layout
from unmissed.datasets.slides.view import LevelView, read_area

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, either byte order
_TILES_TO_CHECK = 8
_CELLS = 12  # two levels are compared as squares of so many grey values
_PLACES = 3  # where they are compared, unless the first shows the same
_SAME_CORRELATION, _SAME_GREY = 0.7, 12.0  # where there is something to see, and where there is not
_PLAIN = 3.0  # grey levels of deviation: glass


class TiffSlide(Slide):
    """A TIFF with 8-bit RGB or grey in tiles or strips."""

    reader = "tiff"

    def __init__(self, path: Path, layout: TiffLayout, file: RandomAccessFile) -> None:
        self.path = path
        self.stated = layout.stated
        self.objective_power = layout.objective_power
        self.scanner = layout.scanner
        self._file = file
        self._stored = layout.levels
        self.levels = tuple(stored.level for stored in layout.levels)
        self.notes = layout.notes
        _check_some_tiles(self._stored[0], file, path)
        for number in range(len(self.levels) - 1, 0, -1):
            if not self._shows_the_same(number):
                self._leave_out(number)

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """Any TIFF but NDPI, whose tiles are strips of one huge JPEG."""
        return path.suffix.lower() != ".ndpi" and is_tiff(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``; UnsupportedSlideError when the TIFF is of a kind that is left to other readers."""
        layout = read_layout(path)
        file = RandomAccessFile(path)
        try:
            return cls(path, layout, file)
        except BaseException:
            file.close()
            raise

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        stored = self._stored[level]
        width, height = stored.level.tile_size(column, row, scale)
        index = row * stored.level.columns + column
        data = [
            self._file.read(int(stored.offsets[plane, index]), int(stored.counts[plane, index]))
            for plane in range(len(stored.counts))
        ]
        if not any(data):
            return np.full((height, width, 3), self.background, np.uint8)
        decoder = stored.decoder_of(index)
        try:
            planes = [decoder.decode(plane, scale) for plane in data]
        except SlideError as error:
            raise SlideError(
                f"{self.path}: tile ({column}, {row}) of level {level} cannot be decoded: {error.found}",
                expected=error.expected,
                fix="scan or copy the slide again",
            ) from error
        image = planes[0] if len(planes) == 1 else np.dstack([plane[:, :, 0] for plane in planes[:3]])
        # A tile reaches beyond the right or lower edge of the level; what is there is no picture.
        return np.ascontiguousarray(image[:height, :width])

    def stored_jpeg(self, level: int, column: int, row: int) -> bytes | None:
        """See ``Slide.stored_jpeg``."""
        stored = self._stored[level]
        index = row * stored.level.columns + column
        decoder = stored.decoder_of(index)
        whole = stored.level.tile_size(column, row) == (stored.level.tile_width_px, stored.level.tile_height_px)
        if not (whole and len(stored.counts) == 1 and isinstance(decoder, JpegTiles) and stored.counts[0, index]):
            return None
        return decoder.complete(self._file.read(int(stored.offsets[0, index]), int(stored.counts[0, index])))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _shows_the_same(self, number: int) -> bool:
        """Compare a level with the finest one at places of the finest where there is most to see.

        Proportions do not prove it: a square label beside a square scan has those of a level, too.
        """
        finest, coarse = self._stored[0], self.levels[number]
        shape, ratio = finest.level, self.levels[number].downsample
        fullest = np.argsort(finest.counts.sum(axis=0), kind="stable")[::-1]
        tried = 0
        for index in fullest[: 4 * _PLACES]:
            row, column = divmod(int(index), shape.columns)
            try:
                fine = self.read(0, column, row, shape.scales[-1])
                left, top = round(column * shape.tile_width_px / ratio), round(row * shape.tile_height_px / ratio)
                width, height = (max(1, round(side / ratio)) for side in shape.tile_size(column, row))
                area = (left, top, min(width, coarse.width_px - left), min(height, coarse.height_px - top))
                seen = read_area(LevelView(self, number, 1), *area)
            except SlideError:
                continue
            if _alike(fine, seen):
                return True
            tried += 1
            if tried == _PLACES:
                break
        return False

    def _leave_out(self, number: int) -> None:
        level = self.levels[number]
        self.notes += (f"a picture of {level.width_px} x {level.height_px} px shows something else and was left out",)
        self.levels = self.levels[:number] + self.levels[number + 1 :]
        self._stored = self._stored[:number] + self._stored[number + 1 :]


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) in _MAGIC
    except OSError:
        return False


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    one, other = (
        cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        .astype(np.float64)
        .ravel()
        for image in (first, second)
    )
    if max(one.std(), other.std()) < _PLAIN:
        return bool(np.abs(one - other).mean() <= _SAME_GREY)
    spread = one.std() * other.std()
    return bool(spread > 0 and ((one - one.mean()) * (other - other.mean())).mean() / spread >= _SAME_CORRELATION)


def _check_some_tiles(stored: StoredLevel, file: RandomAccessFile, path: Path) -> None:
    """Whether the tiles are coded as the directory says shows only in a tile; a damaged one shows nothing."""
    present = np.flatnonzero(stored.counts.all(axis=0))
    damage: SlideError | None = None
    for index in present[:: max(1, len(present) // _TILES_TO_CHECK)]:
        try:
            data = file.read(int(stored.offsets[0, index]), int(stored.counts[0, index]))
            stored.decoder_of(int(index)).check(data)
        except SlideError as error:
            damage = error
        else:
            return
    if damage is not None:
        raise SlideError(
            f"{path} is damaged, or not coded as it says: of the tiles of {stored.level.width_px} x "
            f"{stored.level.height_px} px, none that was tried can be decoded: {damage.found}",
            expected=damage.expected,
            fix="scan or copy the slide again",
        ) from damage
