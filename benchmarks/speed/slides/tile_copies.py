"""The JPEG tiles of a TIFF in the forms that other readers know: a folder of tiles, Deep Zoom, an Aperio file."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile

from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.datasets.slides.base import UnsupportedSlideError

TilePosition = tuple[int, int]

_SCAN = 0xDA
_TABLES = frozenset({0xDB, 0xC4})  # quantisation and Huffman
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})


def copy_to_folder(slide: PlainTiff, tiles: Iterable[TilePosition], folder: Path) -> Path:
    """Write some tiles of level 0 as files; the others are left out, which the reader takes for empty glass.

    Args:
        slide: where the tiles come from; their bytes are copied, not coded again.
        tiles: column and row of each.
        folder: to be made.

    Returns:
        The folder, for ``TileFolder``.

    Raises:
        UnsupportedSlideError: When a tile reaches over the edge of the slide (the file would be larger than what is
            shown), or is no JPEG that can stand alone.
    """
    width, height = slide.levels[0].tile_width_px, slide.levels[0].tile_height_px
    folder.mkdir(parents=True)
    for column, row in tiles:
        _copy(slide, 0, (column, row), folder / f"tile_x{column * width}_y{row * height}.jpg")
    return folder


def copy_to_deep_zoom(slide: PlainTiff, tiles: Iterable[tuple[int, int, int]], path: Path) -> Path:
    """Write some tiles of some levels as a Deep Zoom pyramid.

    Args:
        slide: see ``copy_to_folder``; its tiles are squares of one size in every level.
        tiles: level, column and row of each; the levels are halves of each other.
        path: of the .dzi file; the tiles go beside it.

    Returns:
        The path, for ``DeepZoomSlide``.

    Raises:
        UnsupportedSlideError: As ``copy_to_folder``; also when tiles are no squares of one size.
    """
    finest = slide.levels[0]
    tile = finest.tile_width_px
    steps = (max(finest.width_px, finest.height_px) - 1).bit_length()
    root = path.with_name(f"{path.stem}_files")
    for number, column, row in tiles:
        level = slide.levels[number]
        if {level.tile_width_px, level.tile_height_px} != {tile}:
            raise UnsupportedSlideError("Deep Zoom knows only square tiles of one size")
        folder = root / str(steps - round(level.downsample).bit_length() + 1)
        folder.mkdir(parents=True, exist_ok=True)
        _copy(slide, number, (column, row), folder / f"{column}_{row}.jpg")
    path.write_text(
        f'<?xml version="1.0"?><Image TileSize="{tile}" Overlap="0" Format="jpg" '
        'xmlns="http://schemas.microsoft.com/deepzoom/2008">'
        f'<Size Width="{finest.width_px}" Height="{finest.height_px}"/></Image>',
        encoding="utf-8",
    )
    return path


def copy_to_aperio(slide: PlainTiff, tiles: Iterable[tuple[int, int, int]], path: Path) -> Path:
    """Write some tiles of some levels as a TIFF with Aperio's description, which some readers need.

    Args:
        slide: see ``copy_to_folder``.
        tiles: level, column and row of each; the others are left out, as TIFF allows.
        path: of the file.

    Returns:
        The path.

    Raises:
        UnsupportedSlideError: When the tiles cannot stand alone.
    """
    wanted: dict[int, set[TilePosition]] = {}
    for number, column, row in tiles:
        wanted.setdefault(number, set()).add((column, row))
    with tifffile.TiffWriter(path) as file:
        for number, places in sorted(wanted.items()):
            level = slide.levels[number]
            size = f"{level.width_px}x{level.height_px}"
            first = next(filter(None, (slide.jpeg(number, *place) for place in sorted(places))), b"")
            file.write(
                _streams(slide, number, places),
                shape=(level.height_px, level.width_px, 3),
                dtype=np.uint8,
                tile=(level.tile_height_px, level.tile_width_px),
                photometric="ycbcr",
                subsampling=_subsampling(first),
                compression="jpeg",
                jpegtables=_tables(first),  # also in each tile; eozin does not open a file without them
                description=f"Aperio Image Library\n{size} ({level.tile_width_px}x{level.tile_height_px}) JPEG/YCC",
                metadata=None,
            )
    return path


def _streams(slide: PlainTiff, number: int, places: set[TilePosition]) -> Iterator[bytes]:
    level = slide.levels[number]
    for row in range(level.rows):
        for column in range(level.columns):
            yield slide.jpeg(number, column, row) if (column, row) in places else b""


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment in the header of a JPEG."""
    position = 2
    while position + 4 <= len(stream) and stream[position + 1] != _SCAN:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        yield stream[position + 1], stream[position:end]
        position = end


def _tables(stream: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(part for marker, part in _segments(stream) if marker in _TABLES) + b"\xff\xd9"


def _subsampling(stream: bytes) -> tuple[int, int]:
    """Luminance samples per colour sample, across and down, as the frame says."""
    frame = next((part for marker, part in _segments(stream) if marker in _FRAMES), b"")
    return (frame[11] >> 4, frame[11] & 15) if len(frame) > 11 else (1, 1)


def _copy(slide: PlainTiff, level: int, place: TilePosition, file: Path) -> None:
    shape = slide.levels[level]
    if shape.tile_size(*place) != (shape.tile_width_px, shape.tile_height_px):
        raise UnsupportedSlideError("a tile at the edge of the slide cannot be copied as it is")
    data = slide.jpeg(level, *place)
    if data:
        file.write_bytes(data)
