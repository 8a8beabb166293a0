"""What people said of the same slides: how often they are right, how fast, and how they agree with the machine."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.tables import read_table
from unmissed.inference.cytology.certification.cases import POSITIVE
from unmissed.inference.reports.agreement import kappa
from unmissed.inference.study.accuracy import Rule
from unmissed.inference.study.cohort import Cohort
from unmissed.inference.study.numbers import Estimate, resampled, share


@dataclass(frozen=True)
class Reader:
    """One reader and the machine, on the slides that the reader read and the machine could process.

    Attributes:
        name: as in the table.
        slides: that both judged.
        not_processed: read, but not processed by the machine; they count for nothing here.
        sensitivity, specificity: of the reader, by slides.
        machine_sensitivity, machine_specificity: of the machine on the same slides.
        kappa_machine, kappa_truth: positive or negative, beyond chance.
        kappa_grades: of the Bethesda classes, weighted by squared distance; None where reader or machine gives none.
        seconds: median of a slide; None without times.
    """

    name: str
    slides: int
    not_processed: int
    sensitivity: Estimate
    specificity: Estimate
    machine_sensitivity: Estimate
    machine_specificity: Estimate
    kappa_machine: Estimate
    kappa_truth: Estimate
    kappa_grades: Estimate | None
    seconds: float | None


@dataclass
class _Said:
    rows: list[int]
    positive: list[bool]
    grades: list[int]
    seconds: list[float]


def read_readings(path: Path, cohort: Cohort, rule: Rule) -> list[Reader]:
    """Read who said what: CSV with reader, case (the slide), answer, and seconds if known.

    An answer is negative or positive (0, 1, 阴性, 阳性) or a Bethesda class, where NILM is negative.

    Raises:
        DatasetError: The table is wrong, names a slide twice for a reader, or one that the study does not have.
    """
    row_of = {slide: i for i, slide in enumerate(cohort.cases.slides)}
    said: dict[str, _Said] = {}
    seen: set[tuple[str, int]] = set()
    for row in read_table(path, ["reader", "case", "answer"]):
        reader, case, answer = (row[name].strip() for name in ("reader", "case", "answer"))
        grade = cohort.severity.index(answer) if answer in cohort.severity else -1
        positive = POSITIVE.get(answer.lower(), None if grade < 0 else grade > 0)
        index = row_of.get(case)
        seconds = _seconds(row.get("seconds", ""))
        problem = (
            "no reader" if not reader
            else f"the case {one_line(repr(case), 60)}, which the study does not have" if index is None
            else f"the answer {one_line(repr(answer), 40)}" if positive is None
            else f"the time {one_line(repr(row['seconds']), 40)}" if seconds is None
            else f"a second answer of {one_line(reader, 40)} for {one_line(case, 60)}" if (reader, index) in seen
            else ""
        )  # fmt: skip
        if problem or index is None or positive is None or seconds is None:
            raise DatasetError(
                f"{path.name}, line {row.line}, has {problem}",
                expected=f"a slide of the study once a reader; 0 or 1, or one of {', '.join(cohort.severity)}; seconds",
                fix="correct that row",
            )
        seen.add((reader, index))
        one = said.setdefault(reader, _Said([], [], [], []))
        one.rows.append(index)
        one.positive.append(positive)
        one.grades.append(grade)
        one.seconds.append(seconds)
    return [_reader(name, one, cohort, rule) for name, one in said.items()]


def _seconds(text: str) -> float | None:
    """A time; NaN for none, None for what is no time."""
    try:
        found = float(text.strip() or "nan")
    except ValueError:
        return None
    return None if found < 0 or np.isinf(found) else found


def _reader(name: str, said: _Said, cohort: Cohort, rule: Rule) -> Reader:
    rows = np.array(said.rows)
    fit = cohort.processable[rows]
    rows, human = rows[fit], np.array(said.positive)[fit]
    grades, times = np.array(said.grades)[fit], np.array(said.seconds)
    truth, patients, machine = cohort.cases.positive[rows], cohort.cases.patients[rows], ~rule.negative[rows]
    made = cohort.grades[rows].astype(int)
    both = (grades >= 0) & (made >= 0)
    return Reader(
        name=name,
        slides=len(rows),
        not_processed=int((~fit).sum()),
        sensitivity=share(human[truth], patients[truth]),
        specificity=share(~human[~truth], patients[~truth]),
        machine_sensitivity=share(machine[truth], patients[truth]),
        machine_specificity=share(~machine[~truth], patients[~truth]),
        kappa_machine=_kappa(human.astype(int), machine.astype(int), 2, patients),
        kappa_truth=_kappa(human.astype(int), truth.astype(int), 2, patients),
        kappa_grades=_kappa(grades[both], made[both], len(cohort.severity), patients[both], weighted=True)
        if both.any()
        else None,
        seconds=float(np.nanmedian(times)) if np.isfinite(times).any() else None,
    )


def _kappa(
    first: np.ndarray, second: np.ndarray, classes: int, patients: np.ndarray, *, weighted: bool = False
) -> Estimate:
    def of(weights: np.ndarray) -> np.ndarray:
        return np.array([kappa(first, second, classes, weighted, row) for row in weights])

    return resampled(of, patients)
