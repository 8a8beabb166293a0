"""The slides of a study: what a triage run or a table of scores says of them, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.basis.names import from_cell
from unmissed.datasets.basis.words import first_few, unknown_name
from unmissed.datasets.tables import iterate_table
from unmissed.inference.cytology.certification.cases import Cases, read_cases
from unmissed.inference.cytology.policy.dispositions import Disposition
from unmissed.inference.cytology.policy.life import Role
from unmissed.inference.cytology.policy.policy import load_policy

WORKLIST = "worklist.csv"


class Station(StrEnum):
    """Where a slide of the study ended; every slide is in exactly one."""

    NO_RESULT = "no_result"
    """Not in the run, failed, or without a score."""
    UNPROCESSABLE = "unprocessable"
    """The scan, or the process, has to be repeated."""
    SCANT = "scant"
    """Too few cells."""
    UNLIKE = "unlike"
    """Screened, but unlike the training laboratories: always reviewed."""
    REVIEW = "review"
    """Reviewed in the order of the worklist."""
    QC_REVIEW = "qc_review"
    """Below the operating point, and drawn for quality review."""
    EXCLUDED = "no_further_review"
    """Screened out."""


_STATIONS = {
    Disposition.RERUN: Station.UNPROCESSABLE,
    Disposition.PROCESS_REVIEW: Station.UNPROCESSABLE,
    Disposition.SCANT: Station.SCANT,
    Disposition.REVIEW: Station.REVIEW,
    Disposition.QC_REVIEW: Station.QC_REVIEW,
    Disposition.NO_FURTHER_REVIEW: Station.EXCLUDED,
}
_STEPS = list(Station)


@dataclass(frozen=True)
class Cohort:
    """Slides with truth and what the machine did with them; all arrays have one entry a slide.

    Attributes:
        cases: the slides; their score is NaN without one.
        stations: place in ``Station``; only of a run, or of a table that has dispositions.
        grades: the machine's grade, as its place in ``severity``; -1 without one.
        severity: Bethesda classes, the mildest first; never_excluded_from: one of them.
        has_dispositions: whether a run said what is to be done with each slide.
        seconds: the machine's median for a slide; None where it is not known.
        left_out: slides with the role choose or calibrate, which have no part in a study that has slides to check.
        facts: what is known of the run: name -> words.
        notes: what the reader should know, in English and Chinese.
    """

    cases: Cases
    stations: np.ndarray
    grades: np.ndarray
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


@dataclass(frozen=True)
class _Row:
    """A line of the worklist, or of a table of scores."""

    score: float | None
    station: Station
    grade: str = ""
    seconds: float = 0.0


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
        rows, facts = _run_rows(source), _facts(source)
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
        rows, absent = _table_rows(source, cases), []
    return _cohort(table, cases, rows, facts, absent)


def _cohort(
    table: Path, cases: Cases, rows: Mapping[str, _Row], facts: Mapping[str, str], absent: list[str]
) -> Cohort:
    rule = load_policy("screening").grade
    severity = rule.severity
    keep, notes, left_out = _to_check(cases)
    if absent:
        n, shown = len(absent), first_few(absent)
        notes.append(
            (f"{n:,} slides of the truth table have no result in the run: {shown}.", f"真值表中 {n:,} 张玻片在运行中无结果：{shown}。")
        )
    nothing = _Row(None, Station.NO_RESULT)
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


def _names(truth: Path) -> list[str]:
    rows = iterate_table(truth, ["slide"])
    _, header = next(rows)
    at = header.index("slide")
    return [cells[at].strip() for _, cells in rows]


def _run_rows(folder: Path) -> dict[str, _Row]:
    """Slide -> what the worklist says of it."""
    path = folder / WORKLIST
    if not path.is_file():
        raise DatasetError(
            f"{folder} has no {WORKLIST}", expected="the folder of a finished `unmissed triage`", fix="check the path"
        )
    return _rows(path, ["slide", "disposition", "score", "grade", "seconds", "error"])


def _table_rows(path: Path, cases: Cases) -> dict[str, _Row]:
    rows = iterate_table(path, ["slide"])
    _, header = next(rows)
    if "disposition" in header:
        return _rows(path, ["slide", "disposition", "score"], machine_grade="machine_grade")
    return {
        slide: _Row(score, Station.REVIEW)
        for slide, score in zip(cases.slides, cases.scores.tolist(), strict=True)
        if not np.isnan(score)
    }


def _rows(path: Path, columns: list[str], machine_grade: str = "grade") -> dict[str, _Row]:
    rows = iterate_table(path, columns)
    _, header = next(rows)
    at = {name: place for place, name in enumerate(header)}
    optional = {name: at.get(name) for name in (machine_grade, "seconds", "error", "unlike")}
    found = {}
    for line, cells in rows:
        grade, seconds, error, unlike = ("" if at is None else cells[at].strip() for at in optional.values())
        name, disposition = from_cell(cells[at["slide"]].strip()), cells[at["disposition"]].strip()
        if disposition not in list(Disposition):
            raise unknown_name(DatasetError, f"disposition in line {line} of {path.name}", disposition, [*Disposition])
        try:
            score = float(text) if (text := cells[at["score"]].strip()) else None
            spent = float(seconds or 0)
        except ValueError as error_:
            raise DatasetError(f"{path.name}, line {line}: a score or time is no number", fix="triage again") from error_
        station = _STATIONS[Disposition(disposition)]
        if error or score is None:
            station = Station.NO_RESULT
        elif unlike and station is Station.REVIEW:
            station = Station.UNLIKE
        found[name] = _Row(score, station, from_cell(grade), spent)
    return found


def _facts(folder: Path) -> dict[str, str]:
    """What run.json and summary.json say of the run; what is missing is left out."""
    run, summary = ({**read_json(path)} if (path := folder / name).is_file() else {} for name in ("run.json", "summary.json"))
    settings = run.get("settings") or {}
    models = run.get("models") or {}
    found = {
        "Unmissed": settings.get("unmissed"),
        "models": "; ".join(
            f"{role}: {model.get('name')} {model.get('version')} ({str(model.get('sha256'))[:12]})"
            for role, model in models.items()
        ),
        "preset": (settings.get("preset") or {}).get("name"),
        "runtime": settings.get("runtime"),
        "preparation": settings.get("preparation"),
        "policy": (run.get("policy") or {}).get("name"),
        "operating point": summary.get("operating_point"),
        "no certificate": summary.get("no_certificate"),
    }
    return {name: str(value) for name, value in found.items() if value}
