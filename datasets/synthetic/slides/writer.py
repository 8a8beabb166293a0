"""Write a pyramid of JPEG tiles block by block: memory does not grow with the slide's area, but for a small preview."""

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import tifffile

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import json_line, write_whole
from unmissed.datasets.basis.jpeg import jpeg

Paint = Callable[[int, int, int, int], np.ndarray]
"""``paint(x_px, y_px, width_px, height_px)`` gives a part of level 0, uint8 (height, width, 3) RGB; threads call it."""

TILE_PX = 512
_BLOCK_LEVELS = 4  # levels whose tiles are cut from one block; the block then is one tile of the last of them
_BLOCK_PX = TILE_PX << (_BLOCK_LEVELS - 1)
_SMALLEST_PX = 1024  # no further level when the longest side is below
_MAX_SIDE_PX = 1 << 18
_CLASSIC_PX = 2_000_000_000  # with 1.5 bytes per pixel and the lower levels this still fits the 4 GiB of a classic TIFF


@dataclass(frozen=True, slots=True)
class _Block:
    """Encoded tiles of one block: per level, per row of tiles; and the block at the next lower level."""

    tiles: list[list[list[bytes]]]
    rest: np.ndarray


def level_sizes(width_px: int, height_px: int) -> list[tuple[int, int]]:
    """Sizes of the levels: each half of the one before, rounded down, until the longest side is below 1,024 px."""
    sizes = [(width_px, height_px)]
    while max(sizes[-1]) >= _SMALLEST_PX:
        sizes.append((max(1, sizes[-1][0] // 2), max(1, sizes[-1][1] // 2)))
    return sizes


def write_pyramid(
    path: Path,
    width_px: int,
    height_px: int,
    paint: Paint,
    *,
    um_per_px: float = 0.25,
    quality: int = 80,
    note: Mapping[str, Any] | None = None,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write a tiled JPEG TIFF pyramid (4:2:0, BigTIFF when it is large).

    Args:
        path: the file; it appears only when it is complete.
        width_px, height_px: level 0.
        paint: gives any part of level 0.
        um_per_px: written as resolution.
        quality: of the JPEG tiles, 1 to 100.
        note: written as JSON into the image description.
        threads: blocks that are painted and encoded at the same time; each takes about 100 MB.
        progress: called with pixels done and in all.

    Returns:
        Bytes of the file.

    Raises:
        ConfigError: For an absurd size or quality.
        OutputError: When the file cannot be written.
    """
    if not (0 < width_px <= _MAX_SIDE_PX and 0 < height_px <= _MAX_SIDE_PX and 1 <= quality <= 100):
        raise ConfigError(
            f"a slide of {width_px} x {height_px} px with JPEG quality {quality}",
            expected=f"sides of 1 to {_MAX_SIDE_PX:,} px and a quality of 1 to 100",
        )
    sizes = level_sizes(width_px, height_px)
    description = json_line({"um_per_px": um_per_px, **(note or {})})
    with write_whole(path, "wb") as stream, tempfile.TemporaryFile(dir=path.parent) as spool:
        # tifffile wants a name, and the stream has none but a number.
        handle = tifffile.FileHandle(stream, name=path.name, size=0)
        with tifffile.TiffWriter(handle, bigtiff=width_px * height_px > _CLASSIC_PX) as tiff:
            lower = _Lower(sizes, spool, quality)
            blocks = _blocks(sizes, paint, quality, threads, progress)
            for level, (width, height) in enumerate(sizes):
                tiles = _finest(blocks, lower) if level == 0 else lower.tiles(level)
                tiff.write(
                    tiles,
                    shape=(height, width, 3),
                    dtype=np.uint8,
                    tile=(TILE_PX, TILE_PX),
                    photometric="ycbcr",
                    subsampling=(2, 2),
                    compression="jpeg",
                    subfiletype=1 if level else 0,
                    resolution=(1e4 / um_per_px / 2**level, 1e4 / um_per_px / 2**level),
                    resolutionunit="CENTIMETER",
                    description=description if level == 0 else None,
                    software="unmissed",
                    metadata=None,
                )
                if level == 0:
                    blocks.close()
                    lower.finish()
        return stream.tell()


class _Lower:
    """The tiles of the levels below the finest: they wait in a temporary file until their turn comes."""

    def __init__(self, sizes: list[tuple[int, int]], spool: IO[bytes], quality: int) -> None:
        self._sizes, self._spool, self._quality = sizes, spool, quality
        self._places: list[list[tuple[int, int]]] = [[] for _ in sizes]
        self._in_blocks = min(len(sizes), _BLOCK_LEVELS)
        # What is left of the slide below the levels of the blocks: 75 MB for 80,000 x 80,000 px.
        width, height = sizes[self._in_blocks] if len(sizes) > self._in_blocks else (0, 0)
        self._preview = np.zeros((height, width, 3), np.uint8)

    def add(self, row: list[_Block], block_row: int) -> None:
        """Take a whole row of blocks; their finest tiles are left out."""
        for level in range(1, self._in_blocks):
            for tiles in zip(*(block.tiles[level] for block in row), strict=True):
                self._keep(level, (tile for part in tiles for tile in part))
        if self._preview.size:
            side = _BLOCK_PX >> _BLOCK_LEVELS
            for column, block in enumerate(row):
                y, x = block_row * side, column * side
                self._preview[y : y + side, x : x + side] = block.rest

    def finish(self) -> None:
        """Cut the levels that are smaller than a block's share, after the last row of blocks."""
        picture = self._preview
        for level in range(self._in_blocks, len(self._sizes)):
            if level > self._in_blocks:
                picture = _half(picture, *self._sizes[level])
            self._keep(level, (tile for row in _encode(picture, self._quality) for tile in row))

    def tiles(self, level: int) -> Iterator[bytes]:
        """Encoded tiles of a level, row by row."""
        for offset, length in self._places[level]:
            self._spool.seek(offset)
            yield self._spool.read(length)

    def _keep(self, level: int, tiles: Iterable[bytes]) -> None:
        for tile in tiles:
            self._places[level].append((self._spool.tell(), len(tile)))
            self._spool.write(tile)


def _blocks(
    sizes: list[tuple[int, int]],
    paint: Paint,
    quality: int,
    threads: int,
    progress: Callable[[int, int], None],
) -> Generator[list[_Block]]:
    """Rows of blocks, from the top; a few blocks are made ahead."""
    width, height = sizes[0]
    places = [(x, y) for y in range(0, height, _BLOCK_PX) for x in range(0, width, _BLOCK_PX)]
    columns = -(-width // _BLOCK_PX)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="unmissed-slide")
    threads_of_opencv = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the blocks are the parallelism
    ahead: deque[Future[_Block]] = deque()
    row: list[_Block] = []
    try:
        for number in range(len(places)):
            while len(ahead) <= 2 * threads and number + len(ahead) < len(places):
                ahead.append(pool.submit(_block, sizes, paint, quality, *places[number + len(ahead)]))
            row.append(ahead.popleft().result())
            progress(width * height * (number + 1) // len(places), width * height)
            if len(row) == columns:
                yield row
                row = []
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(threads_of_opencv)


def _block(sizes: list[tuple[int, int]], paint: Paint, quality: int, x: int, y: int) -> _Block:
    """Paint one block, and encode its share of each level; a narrow block at an edge has none of the coarse ones."""
    shares = [
        (
            max(0, min(_BLOCK_PX >> level, width - (x >> level))),
            max(0, min(_BLOCK_PX >> level, height - (y >> level))),
        )
        for level, (width, height) in enumerate(sizes[: _BLOCK_LEVELS + 1])
    ]
    picture = paint(x, y, *shares[0])
    tiles = [_encode(picture, quality)]
    for level, share in enumerate(shares[1:], start=1):
        picture = _half(picture, *share)
        if level < _BLOCK_LEVELS:
            tiles.append(_encode(picture, quality))
    return _Block(tiles, picture)


def _finest(rows: Iterable[list[_Block]], lower: _Lower) -> Iterator[bytes]:
    """Encoded tiles of level 0, row by row; what belongs to the other levels goes to ``lower``."""
    for number, row in enumerate(rows):
        lower.add(row, number)
        for block in row:
            del block.tiles[1:]
        for tiles in zip(*(block.tiles[0] for block in row), strict=True):
            yield from (tile for part in tiles for tile in part)
        row.clear()  # or it stays in memory while the next row is made


def _encode(picture: np.ndarray, quality: int) -> list[list[bytes]]:
    """Cut into tiles and encode them; tiles at the right and lower edge repeat the last pixels."""
    height, width = picture.shape[:2]
    return [
        [_encode_tile(picture[y : y + TILE_PX, x : x + TILE_PX], quality) for x in range(0, width, TILE_PX)]
        for y in range(0, height, TILE_PX)
    ]


def _encode_tile(tile: np.ndarray, quality: int) -> bytes:
    height, width = tile.shape[:2]
    if (height, width) == (TILE_PX, TILE_PX):
        whole = tile
    else:
        whole = cv2.copyMakeBorder(tile, 0, TILE_PX - height, 0, TILE_PX - width, cv2.BORDER_REPLICATE)
    return jpeg(whole, quality, colours="420")


def _half(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Average 2 x 2 pixels; a last odd row or column is left out."""
    if not width or not height:
        return np.empty((height, width, 3), np.uint8)
    return cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
