"""A slide at one resolution: which level and scale are read for it, and areas and crops cut from their tiles."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.slides.base import Level, Slide, SlideError
from unmissed.datasets.slides.tile_cache import TileCache

_SAME_UM = 0.02  # resolutions that differ by less are taken as one: a nucleus of 10 um changes by a pixel or less


@dataclass(frozen=True)
class LevelView:
    """A level of a slide, read at 1/scale.

    Attributes:
        slide: the open slide.
        level: number of the level.
        scale: one of the level's ``scales``.
    """

    slide: Slide
    level: int
    scale: int

    @property
    def um_per_px(self) -> float:
        """Micrometres per pixel of the view; SlideError when the slide's pixel size is not known."""
        return _um_per_px(self.slide) * self.downsample

    @property
    def downsample(self) -> float:
        """Level-0 pixels per pixel of the view."""
        return self._level.downsample * self.scale

    @property
    def width_px(self) -> int:
        """Width of the slide in the view."""
        return -(-self._level.width_px // self.scale)

    @property
    def height_px(self) -> int:
        """Height of the slide in the view."""
        return -(-self._level.height_px // self.scale)

    @property
    def tile_width_px(self) -> int:
        """Width of a whole tile in the view."""
        return self._level.tile_width_px // self.scale

    @property
    def tile_height_px(self) -> int:
        """Height of a whole tile in the view."""
        return self._level.tile_height_px // self.scale

    @property
    def columns(self) -> int:
        """Number of tiles side by side."""
        return self._level.columns

    @property
    def rows(self) -> int:
        """Number of tiles one below the other."""
        return self._level.rows

    @property
    def _level(self) -> Level:
        return self.slide.levels[self.level]


def view_at(slide: Slide, um_per_px: float, tolerance: float = 0.06) -> LevelView:
    """Choose what to read for a resolution.

    Args:
        slide: an open slide whose pixel size is known.
        um_per_px: the resolution that is wanted.
        tolerance: by how much the view may be coarser than wanted, as a share of it.

    Returns:
        The coarsest view that is not too coarse; of views that differ by less than 2 %, the one of the coarsest level,
        because a level costs less to decode than a finer one at scale. When even level 0 is too coarse: level 0.

    Raises:
        SlideError: When the slide's pixel size is not known.
    """
    limit = um_per_px * (1 + tolerance) / _um_per_px(slide)
    views = _views(slide)
    fine_enough = [view for view in views if view.downsample <= limit]
    if not fine_enough:
        return views[0]
    coarsest = max(view.downsample for view in fine_enough)
    nearly = [view for view in fine_enough if view.downsample >= coarsest * (1 - _SAME_UM)]
    return max(nearly, key=lambda view: (view.level, view.downsample))


def read_area(
    view: LevelView, x_px: int, y_px: int, width_px: int, height_px: int, cache: TileCache | None = None
) -> np.ndarray:
    """Cut a rectangle out of a view.

    Args:
        view: what to read.
        x_px, y_px: upper left corner, in pixels of the view; may lie outside.
        width_px, height_px: size of the rectangle, in pixels of the view.
        cache: keeps decoded tiles for later calls.

    Returns:
        uint8 (height_px, width_px, 3) RGB; the slide's background where the rectangle is outside.

    Raises:
        SlideError: When a tile is damaged.
    """
    area = np.empty((height_px, width_px, 3), np.uint8)
    inside = min(x_px, y_px) >= 0 and x_px + width_px <= view.width_px and y_px + height_px <= view.height_px
    # Filling costs ten times as much as copying the tiles, so it is left out where they cover everything.
    if not inside or not _copy_tiles(area, view, x_px, y_px, cache):
        area[...] = view.slide.background
        _copy_tiles(area, view, x_px, y_px, cache)
    return area


def _copy_tiles(area: np.ndarray, view: LevelView, x_px: int, y_px: int, cache: TileCache | None) -> bool:
    """Copy what the tiles hold of an area into it; returns whether they cover all of it."""
    height_px, width_px = area.shape[:2]
    read = view.slide.read if cache is None else lambda *tile: cache.read(view.slide, *tile)
    covered = 0
    for row in _tiles_between(y_px, height_px, view.tile_height_px, view.rows):
        for column in _tiles_between(x_px, width_px, view.tile_width_px, view.columns):
            tile = read(view.level, column, row, view.scale)
            left, top = column * view.tile_width_px - x_px, row * view.tile_height_px - y_px
            part = tile[max(0, -top) : height_px - top, max(0, -left) : width_px - left]
            top, left = max(0, top), max(0, left)
            area[top : top + part.shape[0], left : left + part.shape[1]] = part
            covered += part.shape[0] * part.shape[1]
    return covered == height_px * width_px


def read_crop(
    slide: Slide, x_px: float, y_px: float, size_px: int, um_per_px: float, cache: TileCache | None = None
) -> np.ndarray:
    """Cut a square around a point, at one resolution whatever the slide's levels.

    Args:
        slide: an open slide whose pixel size is known.
        x_px, y_px: centre, level-0 pixels.
        size_px: side of the result.
        um_per_px: resolution of the result; a level within 2 % of it is taken as it is, others are resized.
        cache: keeps decoded tiles for later calls.

    Returns:
        uint8 (size_px, size_px, 3) RGB; the slide's background where the square is outside.

    Raises:
        SlideError: When a tile is damaged, or the slide's pixel size is not known.
    """
    view = view_at(slide, um_per_px, tolerance=_SAME_UM)
    ratio = um_per_px / view.um_per_px
    side = size_px if abs(ratio - 1) <= _SAME_UM else max(1, round(size_px * ratio))
    left, top = (math.floor(centre / view.downsample - side / 2 + 0.5) for centre in (x_px, y_px))
    area = read_area(view, left, top, side, side, cache)
    if side == size_px:
        return area
    return cv2.resize(area, (size_px, size_px), interpolation=cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR)


def _views(slide: Slide) -> list[LevelView]:
    """Every level at every scale, level 0 at full scale first."""
    return [
        LevelView(slide, number, scale) for number, level in enumerate(slide.levels) for scale in sorted(level.scales)
    ]


def _um_per_px(slide: Slide) -> float:
    if slide.pixel_size is None:
        raise SlideError(
            f"{slide.path} has no pixel size", expected="um/px", fix="give --um-per-px or --um-per-px-table"
        )
    return slide.pixel_size.um_per_px


def _tiles_between(start: int, length: int, tile: int, count: int) -> range:
    """Numbers of the tiles that a stretch touches."""
    return range(max(0, start // tile), min(count, -(-(start + length) // tile)))
