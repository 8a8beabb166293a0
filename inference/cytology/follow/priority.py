"""Which slides come first: a table that a laboratory's system writes while slides arrive."""

import logging
import math
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.slides.pixel_size import parse_number
from unmissed.datasets.tables import read_table

log = logging.getLogger(__name__)

_COLUMNS = ("slide", "priority")


class Priorities:
    """The table, read again when it has changed.

    Args:
        path: CSV in UTF-8 with the columns ``slide`` (file name with or without suffix) and ``priority`` (a number, 1
            comes before 2); others are ignored. None has no rows.

    Raises:
        DatasetError: When it is wrong now. When it is wrong later, a warning says so, and the one before holds.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._rows = path, _read(path) if path else {}
        self._stamp = _stamp(path)

    def of(self, slide: Path) -> float:
        """The priority of a slide; infinite, which is last, when the table does not name it."""
        return min(self._rows.get(name.casefold(), math.inf) for name in (slide.name, slide.stem))

    def refresh(self) -> None:
        """Read the table if it has changed."""
        stamp = _stamp(self._path)
        if self._path is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._rows = _read(self._path)
        except DatasetError as error:
            log.warning("the priorities stay as they were: %s", error)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        about = path.stat() if path else None
    except OSError:
        return None
    return about and (about.st_size, about.st_mtime_ns)


def _read(path: Path) -> dict[str, float]:
    return {
        row["slide"].strip().casefold(): _number(row["priority"], path, row.line) for row in read_table(path, _COLUMNS)
    }


def _number(cell: str, path: Path, line: int) -> float:
    value = parse_number(cell)
    if value is None or not math.isfinite(value):
        raise DatasetError(f"{path}, line {line}: the priority is {cell!r}", expected="a number; 1 comes before 2")
    return value
