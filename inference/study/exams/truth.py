"""What is known of examinations: a strict table, and the records that watching left."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.tables import TableRow, read_table
from unmissed.inference.endoscopy.exam.schema import EXAM_FILE, ExamError, StoredExam, read_stored

CLOCKS = ("caecum_s", "withdrawal_s", "examination_s", "effective_s", "therapy_s", "frozen_s", "illegible_s")
NONE = "none"
"""In a cell: no site was seen, the caecum was not reached."""


@dataclass(frozen=True)
class ExamTruth:
    """A row of the table.

    Attributes:
        line: of the file.
        patient: the examination's name where the table names no patients.
        seen: codes of the sites that were seen; None where it is not known.
        clocks: clock -> seconds, or None where there was no such moment; those that are not known are missing.
    """

    line: int
    patient: str
    seen: frozenset[str] | None
    clocks: Mapping[str, float | None]


def read_truth(path: Path) -> dict[str, ExamTruth]:
    """Read the truth: columns exam; seen, clocks as in exam.json, and patient where they are known.

    Raises:
        DatasetError: The table cannot be read, names an examination twice or none, says nothing, or has a time that is
            none.
    """
    found: dict[str, ExamTruth] = {}
    for row in read_table(path, ["exam"]):
        name = row["exam"].strip()
        if not name or name in found:
            what = "has no exam" if not name else f"has a second row for {one_line(name, 60)}"
            raise DatasetError(f"{path.name}, line {row.line} {what}", expected="one row an examination")
        patient = row.get("patient", "").strip() or name
        found[name] = ExamTruth(row.line, patient, _seen(row), _clocks(path, row))
    if not any(one.seen is not None or one.clocks for one in found.values()):
        raise DatasetError(
            f"{path.name} says nothing of the examinations",
            expected=f"a column seen, or one of {', '.join(CLOCKS)}, with values",
            fix="add what is known",
        )
    return found


def _seen(row: TableRow) -> frozenset[str] | None:
    text = row.get("seen", "").replace(";", " ").replace("；", " ").split()
    return None if not text else frozenset() if text == [NONE] else frozenset(text)


def _clocks(path: Path, row: TableRow) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for clock in CLOCKS:
        text = row.get(clock, "").strip()
        if not text:
            continue
        try:
            value = None if text == NONE else float(text)
        except ValueError:
            value = math.nan
        if value is not None and not 0 <= value < math.inf:
            raise DatasetError(
                f"{path.name}, line {row.line}: {clock} is {one_line(repr(text), 40)}",
                expected=f"seconds, such as 412.5, or {NONE}",
                fix="write seconds without separators; 6:52 is 412",
            )
        found[clock] = value
    return found


def read_exams(folder: Path) -> tuple[dict[str, StoredExam], list[str]]:
    """The examinations of a folder by name, and the names of those that cannot be read."""
    found, damaged = {}, []
    for path in sorted(folder.glob(f"*/{EXAM_FILE}")):
        try:
            found[path.parent.name] = read_stored(path.parent)
        except ExamError:
            damaged.append(path.parent.name)
    return found, damaged
