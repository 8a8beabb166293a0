"""A slide as a regular pyramid of tiles, each half the size of the one before, made of whatever the file holds."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from unmissed.datasets.basis.jpeg import jpeg
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import LevelView, read_area

_LEAST_PX, _MOST_PX, _USUAL_PX = 192, 1024, 512
_QUALITY = 88
_SAME = 0.01  # a level whose downsample is this close to a power of two is taken for it: 1 px in 100 tiles


@dataclass(frozen=True)
class Pyramid:
    """The tiles that a viewer asks for; level 0 is the finest, level n has 1 / 2**n of its pixels a side.

    Args:
        slide: open.
        cache: of decoded tiles, shared by all slides.
    """

    slide: Slide
    cache: TileCache

    @cached_property
    def tile_px(self) -> int:
        """Side of a tile: that of the file where it is usual, so that tiles can be passed on as they are stored."""
        finest = self.slide.levels[0]
        same = finest.tile_width_px == finest.tile_height_px
        return finest.tile_width_px if same and _LEAST_PX <= finest.tile_width_px <= _MOST_PX else _USUAL_PX

    @cached_property
    def levels(self) -> int:
        """Number of levels: the last fits into one tile."""
        finest = self.slide.levels[0]
        return 1 + max(0, math.ceil(math.log2(max(finest.width_px, finest.height_px) / self.tile_px)))

    def size(self, level: int) -> tuple[int, int]:
        """Width and height of a level, pixels."""
        finest = self.slide.levels[0]
        return -(-finest.width_px >> level), -(-finest.height_px >> level)

    def tile(self, level: int, column: int, row: int) -> tuple[bytes, bool]:
        """A tile as JPEG, and whether it is the stored one byte by byte.

        Raises:
            ValueError: When there is no such tile.
            SlideError: When it is damaged.
        """
        if not 0 <= level < self.levels:
            raise ValueError(f"no level {level}")
        width, height = self.size(level)
        left, top = column * self.tile_px, row * self.tile_px
        if not (0 <= left < width and 0 <= top < height):
            raise ValueError(f"no tile ({column}, {row}) in level {level}")
        stored = self._stored_level(level)
        if stored is not None:
            data = self.slide.stored_jpeg(stored, column, row) if self._has(stored, column, row) else None
            if data is not None:
                return data, True
        size = min(self.tile_px, width - left), min(self.tile_px, height - top)
        return jpeg(self._made(level, left, top, *size), _QUALITY, colours="420"), False

    def area(self, x_px: float, y_px: float, side_px: float, size_px: int) -> np.ndarray:
        """A square around a place as a picture: uint8 (size_px, size_px, 3) RGB; ``side_px`` in level-0 pixels."""
        level = max(0, min(self.levels - 1, int(math.log2(max(1.0, side_px / size_px)))))
        side = max(1, round(side_px / 2**level))
        left, top = (round((centre - side_px / 2) / 2**level) for centre in (x_px, y_px))
        cut = self._made(level, left, top, side, side)
        return cv2.resize(cut, (size_px, size_px), interpolation=cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC)

    def _stored_level(self, level: int) -> int | None:
        for number, stored in enumerate(self.slide.levels):
            if abs(stored.downsample / 2**level - 1) <= _SAME and (stored.tile_width_px, stored.tile_height_px) == (
                self.tile_px,
                self.tile_px,
            ):
                return number
        return None

    def _has(self, stored: int, column: int, row: int) -> bool:
        level = self.slide.levels[stored]
        return column < level.columns and row < level.rows

    def _made(self, level: int, left: int, top: int, width: int, height: int) -> np.ndarray:
        """An area of a level, in its pixels, from the coarsest view that is fine enough."""
        wanted = 2.0**level
        views = [
            LevelView(self.slide, number, scale)
            for number, stored in enumerate(self.slide.levels)
            for scale in stored.scales
        ]
        view = max(
            (view for view in views if view.downsample <= wanted * (1 + _SAME)),
            key=lambda view: (view.downsample, view.level),
        )
        ratio = wanted / view.downsample
        if abs(ratio - 1) <= _SAME:
            return read_area(view, left, top, width, height, self.cache)
        x, y = math.floor(left * ratio), math.floor(top * ratio)
        across, down = max(1, round(width * ratio)), max(1, round(height * ratio))
        area = read_area(view, x, y, across, down, self.cache)
        return cv2.resize(area, (width, height), interpolation=cv2.INTER_AREA)
