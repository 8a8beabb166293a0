"""How large the parts of a slide may be: files of unknown origin may claim anything."""

from unmissed.datasets.slides.base import Level, SlideError, UnsupportedSlideError

MAX_SIDE_PX = 1_000_000
"""Ten times the longest side of a slide at 0.25 um/px."""

MAX_TILE_PX = 4096 * 4096
"""Pixels of a tile that is decoded at once."""

MAX_TILES = 4_000_000
"""Tiles of one level: 1,000,000 x 1,000,000 px in tiles of 512 px."""

MAX_PICTURE_PX = 170_000_000
"""Pixels of a picture that is held whole in memory: 510 MB, and a little less than Pillow refuses by itself."""


def check_level(level: Level, name: str) -> Level:
    """Return the level, or raise an error that names the implausible value.

    Raises:
        UnsupportedSlideError: When its tiles are larger than may be decoded at once; a reader of areas may still read
            it.
        SlideError: When it has no pixels, or sides that no scanner makes.
    """
    size = f"{name} claims a level of {level.width_px} x {level.height_px} px"
    if not (0 < level.width_px <= MAX_SIDE_PX and 0 < level.height_px <= MAX_SIDE_PX):
        raise SlideError(size, expected=f"sides from 1 to {MAX_SIDE_PX:,} px", fix="scan or export the slide again")
    tile = f"{size} in tiles of {level.tile_width_px} x {level.tile_height_px} px"
    sane = 0 < level.tile_width_px <= MAX_SIDE_PX and 0 < level.tile_height_px <= MAX_SIDE_PX
    if not sane or level.columns * level.rows > MAX_TILES:
        raise SlideError(tile, expected=f"at most {MAX_TILES:,} tiles", fix="scan or export the slide again")
    if level.tile_width_px * level.tile_height_px > MAX_TILE_PX:
        raise UnsupportedSlideError(tile, expected=f"tiles of at most {MAX_TILE_PX:,} px")
    return level
