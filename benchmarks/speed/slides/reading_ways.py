"""The ways in which a reader of slides gets to a scale, and the areas of the slide that all of them read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.slides.base import Slide, SlideError

How = Literal["level 0", "decoded small", "shrunk", "pyramid level"]
TilePosition = tuple[int, int]

SCALES = (1, 2, 4)
_SAME = 0.01  # a level whose downsample is nearer than this to a scale is of that scale
_LARGEST_AREA_PX = 8192  # side; a decoded one takes 200 MB


@dataclass(frozen=True, slots=True)
class Way:
    """One reader, and how it gets to one scale.

    Attributes:
        reader: its name.
        how: from level 0 as it is; decoded smaller, which only some readers can; decoded whole and then shrunk (area
            means); or read from the level of the pyramid that has the scale.
        factor: level-0 pixels per pixel of the result: 1, 2 or 4.
        open: opens the slide.
        level, scale: what ``Slide.read`` is asked for.
        shrink: by how much its tiles are shrunk afterwards.
        tile_px: width and height of a tile, in level-0 pixels.
        grid: columns and rows of tiles.
        decode_all: reads many tiles at once and throws them away; None reads one after the other.
    """

    reader: str
    how: How
    factor: int
    open: Callable[[], Slide]
    level: int
    scale: int
    shrink: int
    tile_px: tuple[int, int]
    grid: tuple[int, int]
    decode_all: Callable[[Slide, Sequence[TilePosition]], None] | None = None

    @property
    def in_turn(self) -> tuple[int, int]:
        """Sorts by scale, then by how."""
        return self.factor, ("level 0", "decoded small", "shrunk", "pyramid level").index(self.how)

    def read(self, slide: Slide, column: int, row: int) -> np.ndarray:
        """One tile at the scale, uint8 (height, width, 3) RGB."""
        tile = slide.read(self.level, column, row, self.scale)
        if self.shrink == 1:
            return tile
        height, width = (-(-side // self.shrink) for side in tile.shape[:2])
        return np.asarray(cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA))

    def tiles_of(self, area: "Area") -> list[TilePosition]:
        """Column and row of the tiles that make up an area."""
        columns, rows = (
            range(start // tile, min(-(-(start + area.side_px) // tile), count))
            for start, tile, count in zip((area.x_px, area.y_px), self.tile_px, self.grid, strict=True)
        )
        return [(column, row) for row in rows for column in columns]

    def picture(self, slide: Slide, area: "Area") -> np.ndarray:
        """An area at the scale, uint8 (height, width, 3) RGB, put together from its tiles."""
        places = self.tiles_of(area)
        lines = [
            np.hstack([self.read(slide, *place) for place in places if place[1] == row])
            for row in sorted({row for _, row in places})
        ]
        return np.vstack(lines)


@dataclass(frozen=True, slots=True)
class Area:
    """A square of level 0; at the right and lower edge of a small slide it ends with the slide."""

    x_px: int
    y_px: int
    side_px: int

    def megapixels(self, slide_px: tuple[int, int]) -> float:
        """Million pixels of level 0 in it."""
        sides = (min(self.side_px, size - start) for start, size in zip((self.x_px, self.y_px), slide_px, strict=True))
        return math.prod(sides) / 1e6


def ways_of(reader: type[Slide], path: Path) -> list[Way]:
    """All ways in which a reader gets a slide at 1, 1/2 and 1/4.

    Raises:
        SlideError: When it cannot open the slide.
    """
    with reader.open(path) as slide:
        levels = slide.levels
    numbers = levels_by_factor(levels_px=[level.downsample for level in levels])

    def way(how: How, factor: int, number: int, scale: int, shrink: int) -> Way:
        level, step = levels[number], factor if how == "pyramid level" else 1
        tile_px = (level.tile_width_px * step, level.tile_height_px * step)
        grid = (level.columns, level.rows)
        return Way(reader.reader, how, factor, lambda: reader.open(path), number, scale, shrink, tile_px, grid)

    found = [way("level 0", 1, 0, 1, 1)]
    for factor in SCALES[1:]:
        if factor in levels[0].scales:
            found.append(way("decoded small", factor, 0, factor, 1))
        else:
            found.append(way("shrunk", factor, 0, 1, factor))
        if factor in numbers:
            found.append(way("pyramid level", factor, numbers[factor], 1, 1))
    return found


def levels_by_factor(levels_px: Sequence[float]) -> dict[int, int]:
    """Factor 1, 2 or 4 -> number of the level that has it, from the downsamples of all levels."""
    return {
        factor: number
        for factor in SCALES
        for number, downsample in enumerate(levels_px)
        if abs(downsample / factor - 1) < _SAME
    }


def choose_areas(ways: Sequence[Way], slide_px: tuple[int, int], count: int) -> list[Area]:
    """Areas made of whole tiles of every way, spread evenly over the slide.

    Args:
        ways: all that will read them.
        slide_px: width and height of level 0.
        count: how many at most.

    Raises:
        SlideError: When the tiles of the ways do not fill common areas of a bearable size.
    """
    side = math.lcm(*(size for way in ways for size in way.tile_px))
    if side > _LARGEST_AREA_PX:
        raise SlideError(
            f"the tiles of the readers fill common areas of {side:,} px only",
            expected=f"at most {_LARGEST_AREA_PX:,} px",
            fix="measure with a slide whose tiles have sides of 256 or 512 px",
        )
    # Areas that the edge cuts are left out; a slide that is smaller than one is all there is.
    columns, rows = (max(1, size // side) for size in slide_px)
    every = [Area(column * side, row * side, side) for row in range(rows) for column in range(columns)]
    wanted = min(count, len(every))
    return [every[index * len(every) // wanted] for index in range(wanted)]
