"""A folder of tiles as a slide of one level; the name of each tile gives its position."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.tile_files import read_tile, tile_size_of
from unmissed.datasets.slides.formats.tile_grid import TileGrid, find_grid
from unmissed.datasets.slides.formats.tile_names import HOW_TO_NAME, NamedTiles, named_tiles
from unmissed.datasets.slides.limits import MAX_TILES, check_level

MOST_UNLIKE = 6.0
"""Mean difference in grey levels up to which two tiles show the same glass where they overlap.

Measured on 22 fields of liquid-based preparations: up to 3.6 at JPEG quality 30, 2.9 at 50; 95 % of other places differ
by more than 5.9.
"""

TilePosition = tuple[int, int]
"""Column and row."""


class TileFolder(Slide):
    """Tiles of one size, one file each; they may overlap, those of the last column and row may be smaller."""

    reader = "tiles"

    def __init__(
        self, path: Path, level: Level, tile_px: tuple[int, int], grid: TileGrid, tiles: Mapping[TilePosition, Path]
    ) -> None:
        self.path = path
        self.levels = (level,)
        self.notes = grid.notes
        self._tile_px, self._grid, self._tiles = tile_px, grid, tiles

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """A folder with pictures, all or most of which are named by one rule of ours."""
        try:
            return path.is_dir() and _named(path) is not None
        except SlideError:
            return True  # opening says what is wrong

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``."""
        found = _named(path)
        if found is None:
            raise UnsupportedSlideError(
                f"the folder {path} holds no tiles", expected="pictures named by one rule", fix=HOW_TO_NAME
            )
        sizes = [tile_size_of(path / found.files[numbers]) for numbers in _outermost(found.files)]
        # The first tile of the first row and column is whole, unless it is the only one there.
        tile = max(width for width, _ in sizes), max(height for _, height in sizes)
        try:
            grid = find_grid(found, *tile)
        except SlideError as error:
            raise SlideError(f"{path}: {error.found}", expected=error.expected, fix=error.fix) from error
        tiles = {grid.place(numbers): path / name for numbers, name in found.files.items()}
        last = {place: tile_size_of(tiles[place]) for place in _outermost(tiles)}
        edge = (
            min(size[0] for (x, _), size in last.items() if x == grid.columns - 1),
            min(size[1] for (_, y), size in last.items() if y == grid.rows - 1),
        )
        width, height = (
            begin + (count - 1) * pitch + side
            for begin, count, pitch, side in zip(
                grid.first_px, (grid.columns, grid.rows), grid.pitch_px, edge, strict=True
            )
        )
        level = Level(width, height, 1.0, *grid.pitch_px)
        slide = cls(path, check_level(level, str(path)), tile, grid, tiles)
        slide._check_overlap()
        return slide

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        width, height = self.levels[level].tile_size(column, row, scale)
        left, top = column * self._grid.pitch_px[0], row * self._grid.pitch_px[1]
        parts = []
        for place, (x, y) in self._showing(left, top, width, height):
            part = self._tile(place)[max(0, top - y) : top + height - y, max(0, left - x) : left + width - x]
            if part.shape[:2] == (height, width):
                return np.ascontiguousarray(part)
            parts.append((part, max(0, y - top), max(0, x - left)))
        image = np.full((height, width, 3), self.background, np.uint8)
        for part, down, across in parts:
            image[down : down + part.shape[0], across : across + part.shape[1]] = part
        return image

    def _showing(self, left: int, top: int, width: int, height: int) -> Iterator[tuple[TilePosition, tuple[int, int]]]:
        """The tiles that show something of an area, with the pixels where they begin; the last to begin comes first."""
        ranges = []
        for begin, size, side, first, pitch in zip(
            (left, top), (width, height), self._tile_px, self._grid.first_px, self._grid.pitch_px, strict=True
        ):
            last, before = -(-(begin + size - first) // pitch) - 1, (begin - side - first) // pitch
            ranges.append([(number, first + number * pitch) for number in range(last, before, -1)])
        for row, y in ranges[1]:
            for column, x in ranges[0]:
                if (column, row) in self._tiles:
                    yield (column, row), (x, y)

    def _tile(self, place: TilePosition) -> np.ndarray:
        """A tile; those of the last column and row end with the slide."""
        shape = self.levels[0]
        width, height = (
            min(side, total - first - number * pitch)
            for side, total, first, number, pitch in zip(
                self._tile_px,
                (shape.width_px, shape.height_px),
                self._grid.first_px,
                place,
                self._grid.pitch_px,
                strict=True,
            )
        )
        return read_tile(self._tiles[place], width, height)

    def _check_overlap(self) -> None:
        """Compare two neighbours of each direction in the middle of the slide, where tiles overlap."""
        for step, axis in (((1, 0), 1), ((0, 1), 0)):
            pitch = self._grid.pitch_px[1 - axis]
            pairs = [(x, y) for x, y in self._tiles if (x + step[0], y + step[1]) in self._tiles]
            if pitch == self._tile_px[1 - axis] or not pairs:
                continue
            x, y = sorted(pairs)[len(pairs) // 2]
            one, other = self._tile((x, y)), self._tile((x + step[0], y + step[1]))
            one = one[:, pitch:] if axis else one[pitch:]
            height, width = np.minimum(one.shape[:2], other.shape[:2])
            unlike = np.abs(one[:height, :width].astype(int) - other[:height, :width]).mean()
            if unlike > MOST_UNLIKE:
                raise SlideError(
                    f"{self.path}: by their names, {self._tiles[x, y].name} and its neighbour overlap, but they do not "
                    f"show the same there (they differ by {unlike:.0f} grey levels)",
                    expected="tiles that overlap by showing the same glass twice",
                    fix=HOW_TO_NAME,
                )


def _named(folder: Path) -> NamedTiles | None:
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MAX_TILES:
                    raise SlideError(f"{folder} holds more than {MAX_TILES:,} files")
    except OSError as error:
        raise cannot_read(folder, error) from error
    try:
        return named_tiles(names)
    except SlideError as error:
        raise SlideError(f"{folder}: {error.found}", expected=error.expected, fix=error.fix) from error


def _outermost(places: Mapping[TilePosition, object]) -> set[TilePosition]:
    """The first and last tile of each axis: those give the tile size and the size of the slide."""
    return {pick(places, key=lambda place: (place[a], place[1 - a])) for pick in (min, max) for a in (0, 1)}
