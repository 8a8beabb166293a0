"""A plain picture as a slide of one level: PNG, JPEG, BMP, WebP, GIF or PPM; held whole in memory."""

from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import SUFFIXES
from unmissed.datasets.pictures.decoding import Picture
from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.pictures.notes import check_side
from unmissed.datasets.slides.base import Level, Slide, UnsupportedSlideError
from unmissed.datasets.slides.formats.tiff.reader import is_tiff
from unmissed.datasets.slides.limits import MAX_PICTURE_PX

_TILE_PX = 512


class PictureSlide(Slide):
    """A picture file; says nothing of its pixel size, because what such files say is the size of a print."""

    reader = "picture"

    def __init__(self, path: Path, picture: Picture) -> None:
        self.path = path
        self._pixels = picture.pixels
        self.notes = tuple(f"the picture {note}" for note in picture.notes)
        height, width = self._pixels.shape[:2]
        self.levels = (Level(width, height, 1.0, _TILE_PX, _TILE_PX),)

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """By the suffix: a photograph that is named .svs is not a slide, and must not pass for one; no TIFF at all."""
        return path.suffix.lower() in SUFFIXES and path.is_file() and not is_tiff(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``; UnsupportedSlideError also when the picture is too large to be held in memory."""
        try:
            picture = read_picture(path, max_px=MAX_PICTURE_PX)
            check_side(str(path), picture.width_px, picture.height_px)
            return cls(path, picture)
        except ImageError as error:
            raise UnsupportedSlideError(error.found, expected=error.expected, fix=error.fix) from error

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        self.levels[level].tile_size(column, row, scale)  # refuses tiles that do not exist
        left, top = column * _TILE_PX, row * _TILE_PX
        return self._pixels[top : top + _TILE_PX, left : left + _TILE_PX].copy()
