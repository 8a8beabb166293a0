"""One tile, one picture file: what folders of tiles and Deep Zoom pyramids share."""

from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.images import read_picture, size_of
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.limits import MAX_TILE_PX


def tile_size_of(path: Path) -> tuple[int, int]:
    """Width and height by the header of the file.

    Raises:
        SlideError: When it is no picture, or too large for a tile.
    """
    try:
        width, height = size_of(path)
    except ImageError as error:
        raise SlideError(f"the tile {path} cannot be read ({error.found})", fix="make the tiles again") from error
    if width * height > MAX_TILE_PX:
        raise SlideError(f"the tile {path} has {width} x {height} px", expected=f"at most {MAX_TILE_PX:,} px")
    return width, height


def read_tile(path: Path, width: int, height: int) -> np.ndarray:
    """Decode a tile, uint8 (height, width, 3) RGB.

    Raises:
        SlideError: When it is damaged, or of another size.
    """
    try:
        picture = read_picture(path, max_px=MAX_TILE_PX)
    except ImageError as error:
        raise SlideError(error.found, expected=error.expected, fix=error.fix) from error
    damage = next((note for note in picture.notes if note.kind == "damaged"), None)
    if damage is not None:  # an error, because damaged tiles are counted, and notes on single tiles are not read
        raise SlideError(f"the tile {path} {damage}", expected="an intact picture", fix="make the tiles again")
    image = picture.pixels
    if image.shape != (height, width, 3):
        raise SlideError(
            f"the tile {path} has {image.shape[1]} x {image.shape[0]} px",
            expected=f"{width} x {height} px at its place",
            fix="make the tiles again, all of one size but for the last column and row",
        )
    return image
