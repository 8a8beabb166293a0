"""What became of every slide, as worklist.csv or a table of scores says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.basis.names import from_cell
from unmissed.datasets.basis.words import unknown_name
from unmissed.datasets.tables import iterate_table
from unmissed.inference.cytology.certification.cases import ROUNDED, Cases
from unmissed.inference.cytology.policy.dispositions import Disposition
from unmissed.inference.cytology.values import AdequacyVerdict
from unmissed.inference.reports.models import models_in_words

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


@dataclass(frozen=True)
class Row:
    """A line of the worklist, or of a table of scores; certain: enough to see, no doubt."""

    score: float | None
    station: Station
    grade: str = ""
    seconds: float = 0.0
    is_certain: bool = True


def rows_of_run(folder: Path) -> dict[str, Row]:
    """Slide -> what the worklist says of it."""
    path = folder / WORKLIST
    if not path.is_file():
        raise DatasetError(
            f"{folder} has no {WORKLIST}", expected="the folder of a finished `unmissed triage`", fix="check the path"
        )
    needed = ["slide", "disposition", "score", "grade", "seconds", "error", "adequacy", "unlike", "doubts"]
    return _rows(path, needed)


def rows_of_table(path: Path, cases: Cases) -> dict[str, Row]:
    """Slide -> what its disposition says; without that column all that have a score are reviewed."""
    rows = iterate_table(path, ["slide"])
    _, header = next(rows)
    if "disposition" in header:
        return _rows(path, ["slide", "disposition", "score"], machine_grade="machine_grade")
    return {
        slide: Row(score, Station.REVIEW)
        for slide, score in zip(cases.slides, cases.scores.tolist(), strict=True)
        if not np.isnan(score)
    }


def _rows(path: Path, columns: list[str], machine_grade: str = "grade") -> dict[str, Row]:
    rows = iterate_table(path, columns)
    _, header = next(rows)
    at = {name: place for place, name in enumerate(header)}
    optional = [at.get(name) for name in (machine_grade, "seconds", "error", "unlike", "adequacy", "doubts")]
    found = {}
    for line, cells in rows:
        texts = ["" if place is None else cells[place].strip() for place in optional]
        grade, seconds, error, unlike, adequacy, doubts = texts
        name, disposition = from_cell(cells[at["slide"]].strip()), cells[at["disposition"]].strip()
        if disposition not in list(Disposition):
            raise unknown_name(DatasetError, f"disposition in line {line} of {path.name}", disposition, [*Disposition])
        try:
            score = float(text) if (text := cells[at["score"]].strip()) else None
            spent = float(seconds or 0)
        except ValueError:
            score = -1.0
        if score is not None and not (0 <= score <= 1 and 0 <= spent < np.inf):
            raise DatasetError(
                f"{path.name}, line {line}: a score or a time is none",
                expected="a score from 0 to 1, and seconds",
                fix="take worklist.csv as triage wrote it",
            )
        station = _STATIONS[Disposition(disposition)]
        if error or score is None:
            station = Station.NO_RESULT
        elif unlike and station is Station.REVIEW:
            station = Station.UNLIKE
        found[name] = Row(
            None if score is None else max(0.0, score - ROUNDED),
            station,
            from_cell(grade),
            spent,
            adequacy in ("", AdequacyVerdict.ADEQUATE) and not doubts,
        )
    return found


def facts_of_run(folder: Path) -> dict[str, str]:
    """What run.json and summary.json say of the run; what is missing is left out."""
    run, summary = (
        {**read_json(path)} if (path := folder / name).is_file() else {} for name in ("run.json", "summary.json")
    )
    settings = _mapping(run.get("settings"))
    found = {
        "note": summary.get("note"),
        "Unmissed": settings.get("unmissed"),
        "models": "; ".join(f"{role}: {words}" for role, words in models_in_words(run.get("models")).items()),
        "preset": _mapping(settings.get("preset")).get("name"),
        "runtime": settings.get("runtime"),
        "preparation": settings.get("preparation"),
        "policy": _mapping(run.get("policy")).get("name"),
        "operating point": summary.get("operating_point"),
        "no certificate": summary.get("no_certificate"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
