"""The JPEG tiles of a TIFF as a folder of tiles and as a Deep Zoom pyramid: the same pixels for their readers."""

from collections.abc import Iterable
from pathlib import Path

from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.datasets.slides.base import UnsupportedSlideError

TilePosition = tuple[int, int]


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


def _copy(slide: PlainTiff, level: int, place: TilePosition, file: Path) -> None:
    shape = slide.levels[level]
    if shape.tile_size(*place) != (shape.tile_width_px, shape.tile_height_px):
        raise UnsupportedSlideError("a tile at the edge of the slide cannot be copied as it is")
    data = slide.jpeg(level, *place)
    if data:
        file.write_bytes(data)
