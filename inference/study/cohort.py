"""The slides of a study: what a triage run or a table of scores says of them, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.tables import iterate_table
from unmissed.inference.cytology.certification.cases import Cases, read_cases
from unmissed.inference.cytology.policy.life import Role
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.study.rows import Row, Station, facts_of_run, rows_of_run, rows_of_table

_STEPS = list(Station)


@dataclass(frozen=True)
class Cohort:
    """Slides with truth and what the machine did with them; all arrays have one entry a slide.

    Attributes:
        cases: the slides; their score is NaN without one.
        stations: place in ``Station``; only of a run, or of a table that has dispositions.
        grades: the machine's grade, as its place in ``severity``; -1 without one.
        severity: Bethesda classes, the mildest first; never_excluded_from: one of them.
        certain: bool; a slide with too little to see or in doubt is never excluded, also where findings bring it to
            review.
        has_dispositions: whether a run said what is to be done with each slide.
        seconds: the machine's median for a slide; None where it is not known.
        left_out: slides with the role choose or calibrate, which have no part in a study that has slides to check.
        facts: what is known of the run: name -> words.
        notes: what the reader should know, in English and Chinese.
    """

    cases: Cases
    stations: np.ndarray
    grades: np.ndarray
    certain: np.ndarray
    severity: tuple[str, ...]
    never_excluded_from: str
    has_dispositions: bool
    seconds: float | None = None
    left_out: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()

    def at(self, *stations: Station) -> np.ndarray:
        """Which slides ended at one of some stations."""
        return np.isin(self.stations, [_STEPS.index(station) for station in stations])

    @property
    def processable(self) -> np.ndarray:
        """Which slides have a score and enough to see."""
        return ~self.at(Station.NO_RESULT, Station.UNPROCESSABLE, Station.SCANT)


def read_cohort(source: Path, truth: Path | None, truth_column: str = "truth") -> Cohort:
    """Read the cohort of a study.

    Args:
        source: folder of a triage run, or a CSV file with slide, score and truth, and the disposition if known.
        truth: CSV file with slide and truth, for a folder.
        truth_column: says who is positive.

    Raises:
        DatasetError: A table is wrong, a slide of the run has no truth, or one of the two truths is missing.
    """
    if source.is_dir():
        if truth is None:
            raise DatasetError(f"{source} has no truth of its own", expected="--truth TRUTH.csv, with slide and truth")
        rows, facts = rows_of_run(source), facts_of_run(source)
        known = _names(truth)
        absent = [slide for slide in known if slide not in rows]
        if len(absent) == len(known):
            raise DatasetError(
                f"no slide of {truth.name} is in the run {source}, first {first_few(absent)}",
                expected="names of slides as in worklist.csv",
                fix="name the table of this run",
            )
        scores = {slide: row.score for slide, row in rows.items()} | dict.fromkeys(absent)
        cases = read_cases(truth, truth_column, scores)
        table = truth
    else:
        if truth is not None:
            raise DatasetError(f"{source} is a table, which has its own truth", fix="leave out --truth")
        cases, facts, table = read_cases(source, truth_column), {}, source
        rows, absent = rows_of_table(source, cases), []
    return _cohort(table, cases, rows, facts, absent)


def _cohort(table: Path, cases: Cases, rows: Mapping[str, Row], facts: Mapping[str, str], absent: list[str]) -> Cohort:
    rule = load_policy("screening").grade
    severity = rule.severity
    keep, notes, left_out = _to_check(cases)
    if absent:
        n, shown = len(absent), first_few(absent)
        notes.append(
            (
                f"{n:,} slide{'s' * (n > 1)} of the truth table without a result in the run: {shown}.",
                f"真值表中 {n:,} 张玻片在运行中无结果：{shown}。",
            )
        )
    nothing = Row(None, Station.NO_RESULT)
    found = [rows.get(slide, nothing) for slide in cases.slides]
    stations = np.array([_STEPS.index(row.station) for row in found], np.int8)
    cases = cases.some(keep)
    if not cases.positive.any() or cases.positive.all():
        what = "no positive slide" if not cases.positive.any() else "no negative slide"
        raise DatasetError(f"{table.name} has {what}", expected="slides of both kinds", fix="add the others")
    if not cases.knows_patients:
        notes.append(
            ("The table names no patients: each slide counts as one.", "表中无患者编号：每张玻片按一名患者计。")
        )
    seconds = [row.seconds for row in found if row.seconds]
    return Cohort(
        cases=cases,
        stations=stations[keep],
        grades=np.array([severity.index(row.grade) if row.grade in severity else -1 for row in found], np.int8)[keep],
        certain=np.array([row.is_certain for row in found])[keep],
        severity=tuple(severity),
        never_excluded_from=rule.never_exclude_from,
        has_dispositions=any(row.station in (Station.EXCLUDED, Station.QC_REVIEW) for row in found) or bool(facts),
        seconds=float(np.median(seconds)) if seconds else None,
        left_out=left_out,
        facts=facts,
        notes=tuple(notes),
    )


def _to_check(cases: Cases) -> tuple[np.ndarray, list[tuple[str, str]], int]:
    """The slides that had no part in choosing or proving; all of them where none is marked so."""
    check = cases.in_role(Role.CHECK)
    if check.any():
        left = int((~check).sum())
        return check, [], left
    note = (
        "The slides that chose the model or proved the threshold are those of the study: its figures flatter.",
        "用于选择模型或证明阈值的玻片与本研究相同：结果偏乐观。",
    )
    return np.ones(len(check), bool), [note] if cases.knows_roles else [], 0


def says_simulated(table: Path) -> bool:
    """Whether a table has a column simulated in which a row says 1."""
    rows = iterate_table(table, [])
    _, header = next(rows)
    if "simulated" not in header:
        return False
    at = header.index("simulated")
    return any(cells[at].strip().lower() in ("1", "yes", "true") for _, cells in rows)


def _names(truth: Path) -> list[str]:
    rows = iterate_table(truth, ["slide"])
    _, header = next(rows)
    at = header.index("slide")
    return [cells[at].strip() for _, cells in rows]
