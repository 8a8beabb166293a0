"""The grid on which the tiles of a folder lie, decided by all of their places and not by a guess from a few."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import gcd

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.tile_names import HOW_TO_NAME, NamedTiles, Numbers

MIN_FILLED = 0.1
"""Least share of the grid that has a tile: with less, the numbers mean something else, or the tiles are a sample."""

MAX_OVERLAP = 0.75
"""Largest share of a tile that the next one may repeat: with more, each place would be in more than 16 tiles."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tile (column, row) has the numbers ``first + (column, row) * step`` in its name.

    Attributes:
        first, step: in units of the numbers.
        first_px: where the first tile begins in the slide.
        pitch_px: pixels from one tile to the next; less than a tile where tiles overlap.
        columns, rows: how many tiles side by side, and one below the other.
        notes: what was guessed or is missing.
    """

    first: Numbers
    step: Numbers
    first_px: Numbers
    pitch_px: Numbers
    columns: int
    rows: int
    notes: tuple[str, ...] = ()

    def place(self, numbers: Numbers) -> tuple[int, int]:
        """Column and row of the tile with these numbers."""
        return (numbers[0] - self.first[0]) // self.step[0], (numbers[1] - self.first[1]) // self.step[1]


def find_grid(tiles: NamedTiles, width_px: int, height_px: int) -> TileGrid:
    """Decide whether the numbers are pixels or columns and rows, and where the grid begins.

    They are pixels when all lie on one grid of whole tiles, or of tiles that overlap alike; columns and rows when most
    tiles have a neighbour.

    Args:
        tiles: the tiles by the numbers in their names.
        width_px, height_px: of a whole tile.

    Raises:
        SlideError: When neither holds, or both are doubtful; the message compares the two readings.
    """
    tile = width_px, height_px
    size = tiles.size or tile
    grid = _in_pixels(tiles.files.keys(), size, tile)
    if grid is None and tiles.size is None:
        grid = _in_tiles(tiles.files.keys(), tile)
    if grid is None:
        raise _undecided(tiles, size)
    return replace(grid, notes=tuple(_notes(grid, tiles, size, tile)))


def _in_pixels(places: Collection[Numbers], size: Numbers, tile: Numbers) -> TileGrid | None:
    step = []
    for values, side in zip(zip(*places, strict=True), size, strict=True):
        apart = _common_step(values)
        if apart % side and not (1 - MAX_OVERLAP) * side <= apart < side:
            return None
        step.append(side if apart % side == 0 else apart)
    if len(places) > 1 and all(apart == 0 or apart > side for apart, side in zip(_steps(places), size, strict=True)):
        return None  # no two tiles touch: they were shrunk, or most of the glass is missing
    pitch = [one * pixels / side for one, pixels, side in zip(step, tile, size, strict=True)]
    if any(one % 1 for one in pitch):
        return None
    least = min(x for x, _ in places), min(y for _, y in places)
    begin = [round(one * pixels / side) for one, pixels, side in zip(least, tile, size, strict=True)]
    # Places are those of the names where they can be: they then fit the slide from which the tiles were cut.
    for first_px in ((begin[0], begin[1]), (0, 0)):
        grid = _grid(places, least, (step[0], step[1]), first_px, (int(pitch[0]), int(pitch[1])))
        if grid is not None:
            return grid
    return None


def _in_tiles(places: Collection[Numbers], tile: Numbers) -> TileGrid | None:
    beside = sum(any(one in places for one in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1))) for x, y in places)
    if 2 * beside < len(places):
        return None
    from_one = min(x for x, _ in places) == min(y for _, y in places) == 1
    return _grid(places, (1, 1) if from_one else (0, 0), (1, 1), (0, 0), tile)


def _grid(
    places: Collection[Numbers], first: Numbers, step: Numbers, first_px: Numbers, pitch_px: Numbers
) -> TileGrid | None:
    """None when too little of it is filled."""
    columns, rows = (
        (max(values) - begin) // apart + 1
        for values, begin, apart in zip(zip(*places, strict=True), first, step, strict=True)
    )
    total = (columns + first_px[0] / pitch_px[0]) * (rows + first_px[1] / pitch_px[1])
    return TileGrid(first, step, first_px, pitch_px, columns, rows) if len(places) >= MIN_FILLED * total else None


def _notes(grid: TileGrid, tiles: NamedTiles, size: Numbers, tile: Numbers) -> list[str]:
    notes, count, total = [], len(tiles.files), grid.columns * grid.rows
    if count < total:
        notes.append(f"{total - count:,} of {total:,} places of the grid have no tile, and were read as glass")
    if not tiles.is_lettered:
        example = next(iter(tiles.files.values()))
        notes.append(f"which number of a name like {example} is x was taken from their order")
    if grid.first_px != (0, 0):
        left, top = grid.first_px
        notes.append(f"the first tile begins at x {left}, y {top}, and what lies before it was read as glass")
    elif grid.first != (0, 0):
        notes.append(
            f"places are counted from the first tile, which its name puts at x {grid.first[0]}, y {grid.first[1]}"
        )
    if grid.pitch_px != tile:
        across, down = (side - pitch for side, pitch in zip(tile, grid.pitch_px, strict=True))
        notes.append(f"the tiles overlap by {across} x {down} px")
    if size != tile:
        notes.append(
            f"the names give tiles of {size[0]} x {size[1]} px, and the files have {tile[0]} x {tile[1]} px: they were "
            "shrunk, and pixel size and places are those of the shrunk tiles"
        )
    return notes


def _undecided(tiles: NamedTiles, size: Numbers) -> SlideError:
    """The error that compares both readings of the numbers."""
    places = tiles.files.keys()
    least = min(x for x, _ in places), min(y for _, y in places)
    columns, rows = (max(values) + 1 for values in zip(*places, strict=True))
    steps = _steps(places)
    off = next(
        (
            place
            for place in places
            if any((one - low) % side for one, low, side in zip(place, least, size, strict=True))
        ),
        None,
    )
    if off is not None:
        in_pixels = f"as pixels, {tiles.files[off]} does not lie on a grid of {size[0]} x {size[1]} px"
    elif all(apart == 0 or apart > side for apart, side in zip(steps, size, strict=True)):
        in_pixels = f"as pixels, the tiles lie {steps[0]} x {steps[1]} px apart, and no two touch"
    else:
        in_pixels = "as pixels, they fill less than a tenth of their grid"
    return SlideError(
        f"{len(places)} tiles of {size[0]} x {size[1]} px have places that make no slide: {in_pixels}; as columns and "
        f"rows, they are {len(places)} of {columns} x {rows} places",
        expected="tiles side by side on one grid",
        fix=HOW_TO_NAME,
    )


def _steps(places: Collection[Numbers]) -> tuple[int, int]:
    """The common step of all places along x and y; 0 where they are all the same."""
    across, down = (_common_step(values) for values in zip(*places, strict=True))
    return across, down


def _common_step(values: Collection[int]) -> int:
    least = min(values)
    return gcd(*(value - least for value in values))
