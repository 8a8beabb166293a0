"""Tables that come with pictures: read strictly, with what is wrong named by line, and paths that stay inside."""

import csv
import io
import logging
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, closest, one_line
from unmissed.datasets.records import DatasetInfo

log = logging.getLogger(__name__)

_MOST_BYTES = 200_000_000  # a line for each of a million pictures
_MOST_COLUMNS = 1_000  # of a table of pictures; what claims more makes every row slow
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_NO_TEXT = {  # how files begin that are no UTF-8
    b"\xff\xfe": "is in UTF-16, as Excel's “Unicode Text” is",
    b"\xfe\xff": "is in UTF-16",
    b"PK\x03\x04": "is an Excel workbook",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook",
}
_AS_UTF_8 = "in Excel: Save As, “CSV UTF-8 (Comma delimited)”; in LibreOffice: Save As, CSV, Unicode (UTF-8)"


class TableRow(dict[str, str]):
    """A row by its columns; a cell that is not there is empty.

    Attributes:
        line: of the file where the row ends.
    """

    line: int = 0


def read_table(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[TableRow]:
    """Read a CSV table (UTF-8, with or without byte-order mark); rows without any text are left out.

    Raises:
        DatasetError: The file cannot be read, is of another encoding or has another separator, a column is missing or
            there twice, a row has more cells than the header, or there are no rows.
    """
    lines = iterate_table(path, columns, delimiter)
    _, header = next(lines)
    rows = []
    for line, cells in lines:
        row = TableRow(zip(header, cells, strict=False))
        row.line = line
        rows.append(row)
    return rows


def iterate_table(path: Path, columns: Sequence[str], delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Read a large table as ``read_table`` does, row by row.

    Yields:
        The line of the file and its cells, as many as there are columns or more; first those of the header.

    Raises:
        DatasetError: As of ``read_table``.
    """
    # Decoded in pieces: text in memory takes four times the room.
    lines = io.TextIOWrapper(io.BytesIO(_checked(path)), "utf-8-sig", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    is_empty = True
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, columns, delimiter)
        yield reader.line_num, header
        for cells in reader:
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                raise DatasetError(
                    f"{path.name}, line {reader.line_num}, has more cells than there are columns",
                    expected=f"{len(header)}: {', '.join(header)}",
                    fix=f"put cells with {_SEPARATORS.get(delimiter, delimiter)} in them in double quotes",
                )
            if any(map(str.strip, cells)):
                is_empty = False
                yield reader.line_num, [*cells, *[""] * (len(header) - len(cells))]
    except csv.Error as error:
        raise DatasetError(
            f"cannot read {path}: line {reader.line_num}: {error}",
            expected="CSV in which every double quote that opens is closed",
            fix="correct that line",
        ) from error
    if is_empty:
        raise DatasetError(f"the table {path} has no rows", expected=f"columns {', '.join(columns)} and a row or more")


def inside(root: Path, name: str, source: Path) -> Path:
    """Resolve a path that a table names, as it is written or as Windows writes it; it must stay inside ``root``.

    Returns:
        The first of these paths at which there is a file, or the path as written.

    Raises:
        DatasetError: When it points outside.
    """
    paths = [_inside(root, text, source) for text in spellings(name)]
    return next((path for path in paths if is_file(path)), paths[0])


def cell_number(row: TableRow, column: str, place: str) -> float | None:
    """A cell as a number, None when it is empty.

    Args:
        place: where the row is, for the message.

    Raises:
        DatasetError: For anything else.
    """
    text = row.get(column, "").strip()
    try:
        number = float(text) if text else 0.0
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DatasetError(f"{place}: {column} is {text!r}", expected="a number, with a point for its fraction")
    return number if text else None


def spellings(name: str) -> list[str]:
    """A path as a table has it: as it is written, without spaces around it, and with the separators of this system."""
    return list(dict.fromkeys((name, name.strip(), PureWindowsPath(name.strip()).as_posix())))


def is_file(path: Path) -> bool:
    """Whether there is a file; a name that the system cannot have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def report_absent(info: DatasetInfo, table: Path, absent: Sequence[str], present: int) -> None:
    """Warn about rows without a picture; an error when no row has one.

    Args:
        absent: the pictures as the rows name them.
        present: number of rows with a picture.

    Raises:
        DatasetError: When ``present`` is 0.
    """
    if not absent:
        return
    if present:
        log.warning(
            "%s: %d rows of %s name pictures that are absent, first %s; skipped",
            *(info.title, len(absent), table.name, one_line(absent[0])),
        )
        return
    is_absolute = PureWindowsPath(absent[0].strip()).drive or absent[0].startswith("/")
    raise DatasetError(
        f"{table.name} of {info.title} names {len(absent)} pictures and none of them is there, first "
        f"{one_line(absent[0])!r}" + ", an absolute path" * bool(is_absolute),
        expected=info.layout,
        fix="write the paths relative to the table" if is_absolute else "unpack the images into the same folder",
    )


def _checked(path: Path) -> bytes:
    """A file that is UTF-8."""
    try:
        data = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise DatasetError(f"cannot read the table {path}: {cause_of(error)}", fix="check the file") from error
    what = next((words for start, words in _NO_TEXT.items() if data.startswith(start)), "")
    try:
        if not what:
            data.decode("utf-8-sig")
            return data
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"is not in UTF-8 (line {line}); it looks like {_encoding(data)}"
    raise DatasetError(f"the table {path} {what}", expected="a CSV file in UTF-8", fix=_AS_UTF_8)


def _encoding(data: bytes) -> str:
    """A guess: bytes of one Western letter often are a Chinese character, but hardly ever two of them in a row."""
    if re.search("[\u4e00-\u9fff]{2}", data.decode("gb18030", "replace")):
        return "GBK or GB 18030, the encoding of Chinese Windows"
    return "a Western European encoding (Windows-1252)"


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str], delimiter: str) -> None:
    if len(header) > _MOST_COLUMNS:
        raise DatasetError(f"the table {path} has {len(header):,} columns", expected=f"at most {_MOST_COLUMNS:,}")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DatasetError(f"the table {path} has two columns {twice[0]!r}", fix="rename or remove one of them")
    missing = [column for column in columns if column not in header]
    if not missing:
        return
    for sign, words in _SEPARATORS.items():
        if sign != delimiter and set(columns) <= {cell.strip(' "') for cell in delimiter.join(header).split(sign)}:
            raise DatasetError(
                f"the columns of {path} are separated by {words}",
                expected=_SEPARATORS.get(delimiter, delimiter),
                fix=_AS_UTF_8,
            )
    close = [f"{found[0]} for {name}" for name in missing if (found := closest(name, header, most=1))]
    raise DatasetError(
        f"the table {path} has no column {', '.join(missing)}",
        expected=f"columns {', '.join(columns)} and at least one row",
        fix=f"is it {', '.join(close)}? rename it" if close else "check the first line of the file",
    )


def _inside(root: Path, name: str, source: Path) -> Path:
    base = root.resolve()
    try:
        path = (base / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a byte of 0, a name too long, links in a circle
        raise DatasetError(f"{source.name} names a path that cannot be: {one_line(repr(name))}") from error
    if not path.is_relative_to(base):
        raise DatasetError(
            f"{source.name} names a file outside the dataset folder: {name!r}",
            expected=f"paths inside {root}",
            fix="write paths that stay inside; a table from elsewhere that does this is not to be used",
        )
    return root / path.relative_to(base)
