"""The worklist: the order of the slides, and the reasons why some could not be screened."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.basis.names import table_cell
from unmissed.datasets.pictures.appearance import Reason
from unmissed.inference.cytology.results.drift import Drift

COLUMNS = (
    *("slide", "disposition", "rank", "quintile", "score", "grade", "adequacy", "n_findings", "seconds", "error"),
    *("path", "unlike", "doubts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistRow:
    """One slide of a run.

    Attributes:
        slide: name, unique within the run.
        disposition: what is to be done with it ("review", "no_further_review" ...).
        rank: 1 is the most suspicious slide of its block; None without a score.
        quintile: 1 is the most suspicious fifth of its block; None without a score.
        score: 0..1, higher is worse; None when the slide could not be screened.
        grade: the most severe class that its findings support; empty without a score.
        adequacy: one of ``AdequacyVerdict``; empty when the slide could not be screened.
        n_findings: judged candidates whose most probable class is abnormal.
        seconds: wall time spent on the slide.
        error: why there is no score, and what to do; empty when there is one.
        folder: the stored result, relative to the run's folder, such as "slides/a12"; empty when there is none.
        reasons: the rules that led to the disposition, in words.
        path: the file or folder of the slide; several slides may have the same file name.
        unlike: in what the slide looks unlike the training laboratories; empty when it does not. These slides are a
            block of their own, before the others.
        doubts: what was assumed or left out, in words; a slide with one is never excluded.
    """

    slide: str
    disposition: str
    rank: int | None = None
    quintile: int | None = None
    score: float | None = None
    grade: str = ""
    adequacy: str = ""
    n_findings: int = 0
    seconds: float = 0.0
    error: str = ""
    folder: str = ""
    reasons: tuple[str, ...] = ()
    path: str = ""
    unlike: Reason | Literal[""] = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageRun:
    """What summary and pages report about a run.

    Attributes:
        seconds: wall time in which the slides of the list were screened, all sessions of a resumed run together.
        operating_point: the certified operating point that excluded slides, in words; empty when there is none, and
            then no slide may be excluded.
        no_certificate: why there is none, in words ("the certificate was issued for another finder").
        preset, preparation, policy: names of what was asked for.
        runtime: what ran the models.
        machine: processor and cores, in words.
        models: name -> version, variant or hash, in words.
        notes: what the reader should know about the whole run.
        drift: the slides of the run against those of the certificate.
        note, note_zh: shown large on every page ("These cells are drawn").
        finished: when the run ended.
    """

    seconds: float
    operating_point: str = ""
    no_certificate: str = ""
    preset: str = ""
    preparation: str = ""
    policy: str = ""
    runtime: str = ""
    machine: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()
    note: str = ""
    note_zh: str = ""
    finished: datetime = field(default_factory=lambda: datetime.now().astimezone())


def in_order(rows: Iterable[WorklistRow]) -> list[WorklistRow]:
    """Slides unlike the training laboratories, then the others, both by rank; without one at the end, by name."""
    return sorted(rows, key=lambda row: (not row.unlike, row.rank is None, row.rank or 0, row.slide))


def write_worklist(path: Path, rows: Iterable[WorklistRow]) -> None:
    """Write ``worklist.csv``, whole or not at all: UTF-8, one row per slide, as ``in_order`` sorts.

    Raises:
        OutputError: When the file cannot be written.
    """
    with write_whole(path) as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for row in in_order(rows):
            table.writerow(_cells(row))


def _cells(row: WorklistRow) -> list[str]:
    return [
        table_cell(row.slide),
        row.disposition,
        "" if row.rank is None else str(row.rank),
        "" if row.quintile is None else str(row.quintile),
        "" if row.score is None else f"{row.score:.6f}",
        table_cell(row.grade),
        row.adequacy,
        str(row.n_findings),
        f"{row.seconds:.2f}",
        table_cell(row.error),
        table_cell(row.path),
        row.unlike,
        table_cell("; ".join(row.doubts)),
    ]
