"""Deep Zoom: a .dzi file, and beside it a folder of levels with one picture file for each tile."""

import re
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import numpy as np

from unmissed.datasets.slides.base import Level, Slide, SlideError, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.deep_zoom_folder import FOLDER, dzi_of, not_by_itself
from unmissed.datasets.slides.formats.tile_files import read_tile
from unmissed.datasets.slides.formats.tile_names import TILE_SUFFIXES
from unmissed.datasets.slides.limits import check_level

_MAX_BYTES = 65_536  # a description has a few hundred
_MAX_OVERLAP_PX = 64
_TILE_NAME = re.compile(r"(\d{1,7})_(\d{1,7})")


class DeepZoomSlide(Slide):
    """A Deep Zoom pyramid; its levels halve until one tile is enough."""

    reader = "deepzoom"

    def __init__(
        self,
        path: Path,
        levels: tuple[Level, ...],
        folders: tuple[Path, ...],
        suffix: str,
        overlap: int,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path, self.notes = path, notes
        self.levels = levels
        self._folders = folders
        self._suffix = suffix
        self._overlap = overlap

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """By the suffix; also what belongs to a .dzi, so that opening says so."""
        return (path.suffix.lower() == ".dzi" and path.is_file()) or (path.is_dir() and dzi_of(path) is not None)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``."""
        if path.is_dir():
            raise not_by_itself(path, dzi_of(path) or path)
        fields = _fields(path)
        try:
            width, height, tile, overlap = (int(fields[name]) for name in ("Width", "Height", "TileSize", "Overlap"))
            suffix = f".{fields['Format']}"
        except (KeyError, ValueError) as error:
            raise SlideError(f"{path} has a missing or non-numeric field ({error})", expected="a .dzi file") from error
        if suffix.lower() not in TILE_SUFFIXES or not 0 <= overlap <= _MAX_OVERLAP_PX:
            raise UnsupportedSlideError(f"{path} has tiles of the format {suffix} with an overlap of {overlap} px")
        check_level(Level(width, height, 1.0, tile, tile), str(path))
        root = path.with_name(f"{path.stem}{FOLDER}")
        finest = (max(width, height) - 1).bit_length()
        levels: list[Level] = []
        folders: list[Path] = []
        notes: tuple[str, ...] = ()
        for step in range(finest + 1):
            factor = 2**step
            level = Level(-(-width // factor), -(-height // factor), float(factor), tile, tile)
            folder = root / str(finest - step)
            if not folder.is_dir():
                break
            total, there = level.columns * level.rows, _tiles_there(folder, level, suffix)
            if step == 0:
                notes = _on_missing(folder, there, total, suffix)
            elif there < total and not notes:
                break  # the finer level shows what this one leaves out
            levels.append(level)
            folders.append(folder)
            if level.columns * level.rows == 1:
                break
        if not levels:
            raise SlideError(
                f"{root / str(finest)} does not exist", expected="the tiles of the finest level beside the .dzi"
            )
        return cls(path, tuple(levels), tuple(folders), suffix, overlap, notes)

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


def _on_missing(folder: Path, there: int, total: int, suffix: str) -> tuple[str, ...]:
    """The note on tiles of the finest level that are not there.

    Raises:
        SlideError: When there is none at all.
    """
    if not there:
        raise SlideError(
            f"{folder} holds no tile named like 0_0{suffix}",
            expected=f"{total:,} tiles of the format {suffix} that the .dzi gives",
            fix="copy the folder again, or correct the format in the .dzi",
        )
    missing = f"{total - there:,} of {total:,} places of the grid have no tile, and were read as glass"
    return (missing,) if there < total else ()


def _tiles_there(folder: Path, level: Level, suffix: str) -> int:
    """How many tiles of a level there are."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise cannot_read(folder, error) from error
    found = (_TILE_NAME.fullmatch(name.removesuffix(suffix)) for name in names if name.endswith(suffix))
    return sum(int(match[1]) < level.columns and int(match[2]) < level.rows for match in found if match)


def _fields(path: Path) -> dict[str, str]:
    """Attributes of the description and of the size in it; a hostile one is refused, not parsed."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise cannot_read(path, error) from error
    try:
        if len(data) > _MAX_BYTES or b"\0" in data or b"<!" in data.replace(b"<!--", b""):
            raise ValueError("it is too long, is no UTF-8, or declares entities")
        root = ElementTree.fromstring(data)  # noqa: S314 - entities are refused above
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SlideError(f"{path} is no Deep Zoom description ({error})", expected="a .dzi file") from error
    sizes = [element for element in root if str(element.tag).rpartition("}")[2] == "Size"]
    return {**root.attrib, **(sizes[0].attrib if sizes else {})}
