"""Deep Zoom: a .dzi file, and beside it a folder of levels with one picture file for each tile."""

import re
from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.tile_files import TILE_SUFFIXES, read_tile
from unmissed.datasets.slides.limits import check_level

_MAX_BYTES = 65_536  # a description has a few hundred
_ATTRIBUTE = re.compile(r'\b(TileSize|Overlap|Format|Width|Height)\s*=\s*"(\w{1,9})"')
_MAX_OVERLAP_PX = 64


class DeepZoomSlide(Slide):
    """A Deep Zoom pyramid; its levels halve until one tile is enough."""

    reader = "deepzoom"

    def __init__(
        self, path: Path, levels: tuple[Level, ...], folders: tuple[Path, ...], suffix: str, overlap: int
    ) -> None:
        self.path = path
        self.levels = levels
        self._folders = folders
        self._suffix = suffix
        self._overlap = overlap

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """By the suffix."""
        return path.suffix.lower() == ".dzi" and path.is_file()

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``."""
        fields = _fields(path)
        try:
            width, height, tile, overlap = (int(fields[name]) for name in ("Width", "Height", "TileSize", "Overlap"))
            suffix = f".{fields['Format']}"
        except (KeyError, ValueError) as error:
            raise SlideError(f"{path} has a missing or non-numeric field ({error})", expected="a .dzi file") from error
        if suffix.lower() not in TILE_SUFFIXES or not 0 <= overlap <= _MAX_OVERLAP_PX:
            raise UnsupportedSlideError(f"{path} has tiles of the format {suffix} with an overlap of {overlap} px")
        check_level(Level(width, height, 1.0, tile, tile), str(path))
        root = path.with_name(f"{path.stem}_files")
        finest = (max(width, height) - 1).bit_length()
        levels, folders = [], []
        for step in range(finest + 1):
            factor = 2**step
            level = Level(-(-width // factor), -(-height // factor), float(factor), tile, tile)
            folder = root / str(finest - step)
            if not folder.is_dir():
                break
            levels.append(level)
            folders.append(folder)
            if level.columns * level.rows == 1:
                break
        if not levels:
            raise SlideError(
                f"{root / str(finest)} does not exist", expected="the tiles of the finest level beside the .dzi"
            )
        return cls(path, tuple(levels), tuple(folders), suffix, overlap)

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        shape = self.levels[level]
        width, height = shape.tile_size(column, row, scale)
        file = self._file(level, column, row)
        if not file.exists():
            return np.full((height, width, 3), self.background, np.uint8)
        # Neighbours share pixels on the sides where they meet.
        left, top = (self._overlap if number > 0 else 0 for number in (column, row))
        right, bottom = (
            min(self._overlap, size - (number + 1) * tile) if number + 1 < count else 0
            for number, count, size, tile in (
                (column, shape.columns, shape.width_px, shape.tile_width_px),
                (row, shape.rows, shape.height_px, shape.tile_height_px),
            )
        )
        image = read_tile(file, left + width + right, top + height + bottom)
        return np.ascontiguousarray(image[top : top + height, left : left + width])

    def _file(self, level: int, column: int, row: int) -> Path:
        return self._folders[level] / f"{column}_{row}{self._suffix}"


def _fields(path: Path) -> dict[str, str]:
    """Attributes of the description; found by a pattern, because hostile text can choke an XML parser."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise cannot_read(path, error) from error
    return dict(_ATTRIBUTE.findall(text))
