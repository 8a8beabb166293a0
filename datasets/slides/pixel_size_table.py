"""A table of pixel sizes, and which of its rows is for which slide: every row has to fit exactly one."""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, closest
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.pixel_size import LARGEST_UM, SMALLEST_UM, parse_number

_COLUMNS = ("slide", "um_per_px")
_MOST_SHOWN = 5  # rows in a message
_MOST_BYTES = 2**26  # a row for each of a million slides


@dataclass(frozen=True, slots=True)
class PixelSizeRow:
    """A row of the table: its line in the file, the slide as it is written there, and micrometres per level-0 pixel."""

    line: int
    slide: str
    um_per_px: float

    def __str__(self) -> str:
        return f"line {self.line} ({self.slide!r})"


@dataclass(frozen=True, slots=True)
class MatchedPixelSizes:
    """The pixel sizes of slides, and what has to be said of the table."""

    sizes: Mapping[Path, float]
    notes: tuple[str, ...]


def read_pixel_sizes(path: Path) -> tuple[PixelSizeRow, ...]:
    """Read a table of pixel sizes.

    Args:
        path: CSV in UTF-8, separated by commas or semicolons, with the columns ``slide`` (name with or without suffix,
            or path) and ``um_per_px``; others are ignored.

    Raises:
        SlideError: When the file cannot be read, lacks a column, names a slide twice, or holds an absurd value.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
        first = text.partition("\n")[0]
        table = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",")
        header = [name.strip().lower() for name in next(table, [])]
        if not set(_COLUMNS) <= set(header):
            raise SlideError(
                f"{path} has the columns {', '.join(header) or 'none'}",
                expected=" and ".join(_COLUMNS),
                fix="name the columns in the first line",
            )
        rows = tuple(_row(cells, header, f"{path}, line {table.line_num}", table.line_num) for cells in table if cells)
    except OSError as error:
        raise SlideError(f"cannot read {path}: {cause_of(error)}", fix="check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SlideError(f"{path} is not a CSV file in UTF-8: {error}", fix="save it as CSV (UTF-8)") from error
    lines: dict[str, int] = {}
    for row in rows:
        if lines.setdefault(row.slide.strip(), row.line) != row.line:
            raise SlideError(
                f"{path}: {row} names the slide of line {lines[row.slide.strip()]} again",
                expected="every slide once",
                fix="edit the table",
            )
    return rows


def match_pixel_sizes(
    rows: Iterable[PixelSizeRow],
    slides: Sequence[Path],
    names: Mapping[Path, str],
    problems: Iterable[Path] = (),
) -> MatchedPixelSizes:
    """Find the slide of every row, by its path or the end of it, its file name, or that without suffix.

    Spaces around a name do not count, and case does not when it makes no difference between slides.

    Args:
        rows: of the table.
        slides: all that are to be read.
        names: slides that are called after something else than their file.
        problems: inputs that are no slides; a row may be for one of them.

    Raises:
        SlideError: When a row fits several slides, rows contradict each other, or a row fits none while a slide has no
            row; each of them is named.
    """
    index: dict[str, list[_Place]] = {}
    for path in dict.fromkeys((*slides, *problems)):
        for place in _places(path, names.get(path)):
            index.setdefault(_folded(place.parts[-1]), []).append(place)
    found: dict[Path, PixelSizeRow] = {}
    wrong, unmatched, notes = [], [], []
    for row in rows:
        fitting, is_exact = _fitting(row, index)
        if not fitting:
            unmatched.append(row)
        elif len(fitting) > 1:
            wrong.append(f"{row} fits {' and '.join(map(str, fitting[:_MOST_SHOWN]))}: name each by its path")
        elif not is_exact:
            notes.append(f"{row} of the table of pixel sizes was taken for {fitting[0]}")
        other = next((found[path] for path in fitting if found.setdefault(path, row).um_per_px != row.um_per_px), None)
        if other is not None:
            wrong.append(f"{other} and {row} contradict each other: {other.um_per_px:g} and {row.um_per_px:g} um/px")
    without = [path for path in slides if path not in found]
    # A search for names alike takes time, and only the first are shown.
    hints = [_alike(row, slides) for row in unmatched[:_MOST_SHOWN]] + [""] * len(unmatched[_MOST_SHOWN:])
    fits_none = [f"{row} fits no slide{hint}" for row, hint in zip(unmatched, hints, strict=True)]
    if wrong or (unmatched and without):
        wrong += [*fits_none, *(f"{path} has no row" for path in without[: 1 if unmatched else 0])]
        raise SlideError(
            f"the table of pixel sizes: {_few(wrong)}",
            expected="rows that fit one slide each",
            fix="correct the rows, or take those out that are for other slides",
        )
    if fits_none:
        notes.append(f"the table of pixel sizes: {_few(fits_none)}")
    return MatchedPixelSizes({path: found[path].um_per_px for path in slides if path in found}, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Place:
    """A slide under one of the paths by which a row may name it."""

    path: Path
    parts: tuple[str, ...]


def _row(cells: Sequence[str], header: Sequence[str], where: str, line: int) -> PixelSizeRow:
    if len(cells) > len(header):
        raise SlideError(
            f"{where} has {len(cells)} cells under {len(header)} columns",
            expected="a cell for each column, and numbers like 0.25",
            fix="edit the table",
        )
    slide, text = (dict(zip(header, cells, strict=False)).get(column, "") for column in _COLUMNS)
    if not slide.strip():
        raise SlideError(f"{where} names no slide", expected="every slide once, by name", fix="edit the table")
    um = parse_number(text)
    if um is None or not SMALLEST_UM <= um <= LARGEST_UM:  # also false for NaN
        raise SlideError(
            f"{where}: um_per_px is {text!r}",
            expected=f"a number from {SMALLEST_UM:g} to {LARGEST_UM:g}",
            fix="edit it",
        )
    return PixelSizeRow(line, slide, um)


def _places(path: Path, name: str | None) -> Iterator[_Place]:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - the names that the user knows, and not those behind links
    lasts = [(whole.parent, whole.name), (whole.parent, whole.stem)]
    if name is not None:
        lasts.append((whole.parent.parent if name == whole.parent.name else whole.parent, name))
    for folder, last in dict.fromkeys(lasts):
        yield _Place(path, (*folder.parts, last))


def _fitting(row: PixelSizeRow, index: Mapping[str, Sequence[_Place]]) -> tuple[list[Path], bool]:
    """The slides that a row names, and whether it is written like them."""
    parts = [part for part in re.split(r"[/\\]", row.slide.strip()) if part not in ("", ".")]
    places = index.get(_folded(parts[-1]), ()) if parts else ()
    for is_exact, same in ((True, _composed), (False, _folded)):
        wanted = [same(part) for part in parts]
        fitting = [place.path for place in places if [same(part) for part in place.parts[-len(parts) :]] == wanted]
        if fitting:
            return list(dict.fromkeys(fitting)), is_exact and row.slide == row.slide.strip()
    return [], False


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # macOS stores letters and accents apart


def _folded(text: str) -> str:
    return _composed(text).casefold()


def _alike(row: PixelSizeRow, slides: Sequence[Path]) -> str:
    names = {name: path.name for path in slides for name in (path.stem, path.name)}
    alike = closest(row.slide.strip(), names, most=1)
    return f" (there is {names[alike[0]]})" if alike else ""


def _few(items: Sequence[str]) -> str:
    more = len(items) - _MOST_SHOWN
    return "; ".join([*items[:_MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])])
