"""Where a tile lies, by the name of its file: the rules that the tiles of a folder may follow."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unmissed.datasets.basis.paths import suffix_of
from unmissed.datasets.slides.base import SlideError

TILE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
"""Suffixes of tiles; a .tif in a folder is rather a slide of its own."""

HOW_TO_NAME = "name the tiles like tile_x512_y1024.jpg (pixels) or row003_col012.png (rows and columns from 0)"

_X, _Y = (rf"(?:{letters})[=_-]?(?P<{axis}>\d{{1,7}})" for axis, letters in (("x", "x|c|col|column"), ("y", "y|r|row")))
# QuPath writes "name [d=4,x=0,y=2048,w=2048,h=2048].jpg", in pixels of the slide.
_SIZE = r"(?:[^a-z0-9]+w=?(?P<w>\d{1,7})[^a-z0-9]+h=?(?P<h>\d{1,7}))?(?:,[zt]=\d+)*[\])}]*"
_WITH_LETTERS = (
    re.compile(rf"(?:.*[^a-z])?{_X}[^a-z0-9]+{_Y}{_SIZE}", re.IGNORECASE),
    re.compile(rf"(?:.*[^a-z])?{_Y}[^a-z0-9]+{_X}{_SIZE}", re.IGNORECASE),
    re.compile(r"(?:.*[^0-9])?(?P<x>\d{1,7})x[_-](?P<y>\d{1,7})y", re.IGNORECASE),  # Prov-GigaPath: 00256x_01024y.png
)
# Without letters the order is a convention: "tile_X_Y" as most programs write it, "Y_X" as in a matrix.
_WITHOUT_LETTERS = (
    re.compile(r".*[^\W\d_][^_-]*[_-](?P<x>\d{1,7})[_-](?P<y>\d{1,7})"),
    re.compile(r"(?P<y>\d{1,7})[_-](?P<x>\d{1,7})"),
)

Numbers = tuple[int, int]
"""x and y of a tile as its name has them: pixels, or column and row."""


@dataclass(frozen=True, slots=True)
class NamedTiles:
    """The tiles of a folder by the numbers in their names.

    Attributes:
        files: numbers -> file name; at least one.
        size: width and height of a whole tile in units of the numbers, where the names have it.
        is_lettered: letters say which number is x; otherwise their order does.
    """

    files: Mapping[Numbers, str]
    size: Numbers | None
    is_lettered: bool


def named_tiles(names: Iterable[str]) -> NamedTiles | None:
    """The tiles among the files of a folder; None when its pictures are not named as tiles.

    Raises:
        SlideError: When most pictures are named as tiles by one rule and others are not, or two have the same place.
    """
    pictures = sorted(name for name in names if suffix_of(name) in TILE_SUFFIXES and not name.startswith("."))
    stems = {name: name.rpartition(".")[0] for name in pictures}
    matches: dict[str, re.Match[str]] = {}
    for rule in (*_WITH_LETTERS, *_WITHOUT_LETTERS):
        found = {name: match for name, stem in stems.items() if (match := rule.fullmatch(stem))}
        matches = found if len(found) > len(matches) else matches
        if len(matches) == len(pictures):
            break
    if not matches or 2 * len(matches) < len(pictures):
        return None
    if len(matches) < len(pictures):
        raise SlideError(
            f"{len(matches)} of {len(pictures)} pictures are named as tiles (like {next(iter(matches))}), and the "
            f"first that is not is {next(name for name in pictures if name not in matches)}",
            expected="tiles named by one rule, and no other pictures in their folder",
            fix=f"take other pictures out of the folder, or {HOW_TO_NAME}",
        )
    files: dict[Numbers, str] = {}
    for name, match in matches.items():
        other = files.setdefault((int(match["x"]), int(match["y"])), name)
        if other != name:
            raise SlideError(
                f"two tiles have the same place: {other} and {name}",
                expected="one tile for each place",
                fix="keep one of each",
            )
    sizes = [match.groupdict() for match in matches.values()]
    wide, high = (max(int(size.get(side) or 0) for size in sizes) for side in "wh")
    is_lettered = next(iter(matches.values())).re in _WITH_LETTERS
    return NamedTiles(files, (wide, high) if wide and high else None, is_lettered)
