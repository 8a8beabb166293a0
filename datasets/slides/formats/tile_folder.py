"""A folder of tiles as a slide of one level; the name of each tile gives its position."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.tile_files import TILE_SUFFIXES, read_tile, tile_size_of
from unmissed.datasets.slides.limits import MAX_TILES, check_level

# Without letters the order is a convention: "tile_X_Y" as most programs write it, "Y_X" as in a matrix.
_NAMES = (
    re.compile(r"(?:.*[^a-z])?(?:x|c|col|column)[=_-]?(?P<x>\d{1,7})[^a-z0-9]+(?:y|r|row)[=_-]?(?P<y>\d{1,7})", re.I),
    re.compile(r"(?:.*[^a-z])?(?:y|r|row)[=_-]?(?P<y>\d{1,7})[^a-z0-9]+(?:x|c|col|column)[=_-]?(?P<x>\d{1,7})", re.I),
    re.compile(r".*[a-z][^_-]*[_-](?P<x>\d{1,7})[_-](?P<y>\d{1,7})", re.I),
    re.compile(r"(?P<y>\d{1,7})[_-](?P<x>\d{1,7})"),
)

TilePosition = tuple[int, int]


class TileFolder(Slide):
    """Tiles of one size, one file each; the last column and row may be smaller, and tiles may be missing."""

    reader = "tiles"

    def __init__(self, path: Path, level: Level, tiles: Mapping[TilePosition, Path]) -> None:
        self.path = path
        self.levels = (level,)
        self._tiles = tiles

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """A folder with pictures, all of which are named by one rule of ours."""
        try:
            return path.is_dir() and bool(_places(path))
        except SlideError:
            return False

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``."""
        places = _places(path)
        if not places:
            raise UnsupportedSlideError(
                f"the folder {path} holds no tiles", expected="pictures named like tile_x0_y512.jpg, all by one rule"
            )
        sizes = {place: tile_size_of(file) for place, file in _outermost(places).items()}
        # The first tile of the first row and column is whole, unless it is the only one there.
        width, height = (max(size[axis] for size in sizes.values()) for axis in (0, 1))
        tiles = _on_grid(places, width, height)
        columns, rows = (max(place[axis] for place in tiles) + 1 for axis in (0, 1))
        last = {place: tile_size_of(file) for place, file in _outermost(tiles).items()}
        level = Level(
            (columns - 1) * width + min(size[0] for (x, _), size in last.items() if x == columns - 1),
            (rows - 1) * height + min(size[1] for (_, y), size in last.items() if y == rows - 1),
            1.0,
            width,
            height,
        )
        return cls(path, check_level(level, str(path)), tiles)

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        width, height = self.levels[level].tile_size(column, row, scale)
        file = self._tiles.get((column, row))
        if file is None:
            return np.full((height, width, 3), self.background, np.uint8)
        return read_tile(file, width, height)


def _places(folder: Path) -> dict[TilePosition, Path]:
    """The tiles by the numbers in their names; empty when a picture has a name that no one rule explains."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if Path(entry.name).suffix.lower() in TILE_SUFFIXES and not entry.name.startswith("."):
                    names.append(entry.name)
                if len(names) > MAX_TILES:
                    raise SlideError(f"{folder} holds more than {MAX_TILES:,} pictures")
    except OSError as error:
        raise cannot_read(folder, error) from error
    for rule in _NAMES:
        found = [(rule.fullmatch(Path(name).stem), name) for name in names]
        places = {(int(match["x"]), int(match["y"])): folder / name for match, name in found if match is not None}
        if names and len(places) == len(names):
            return places
    return {}


def _outermost(tiles: Mapping[TilePosition, Path]) -> dict[TilePosition, Path]:
    """The first and last tile of each axis: those give the tile size and the size of the slide."""
    chosen = [pick(tiles, key=lambda place: (place[a], place[1 - a])) for pick in (min, max) for a in (0, 1)]
    return {place: tiles[place] for place in chosen}


def _on_grid(places: Mapping[TilePosition, Path], width: int, height: int) -> dict[TilePosition, Path]:
    """Column and row of each tile: the names give them, or they give the pixel where the tile begins."""
    in_pixels = max(max(place) for place in places) >= min(width, height) and all(
        x % width == 0 and y % height == 0 for x, y in places
    )
    return {((x // width, y // height) if in_pixels else (x, y)): file for (x, y), file in places.items()}
