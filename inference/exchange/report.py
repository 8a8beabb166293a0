"""What is told of a slide, in no format yet: every writer takes this one value."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.cytology.results.reading import RESULT_FILE, StoredResult, read_slide_result
from unmissed.inference.cytology.values import Finding
from unmissed.inference.exchange.identity import digest_of

_DESK = Path("review", "desk.sqlite")


class ExchangeError(UnmissedError):
    """A result cannot be given to another system."""


class Model(NamedTuple):
    """A model that took part: what it did, which it is, and the SHA-256 of its file."""

    role: str
    name: str
    version: str
    sha256: str


class Signature(NamedTuple):
    """Who signed the slide at the review desk, with which class, and when (ISO 8601)."""

    reader: str
    grade: str
    at: str


@dataclass(frozen=True)
class SlideReport:
    """A slide's result with who signed it.

    Attributes:
        folder: of the stored result.
        result: as stored.
        signature: None until a person has signed.
        made: when the result was made.
    """

    folder: Path
    result: StoredResult
    signature: Signature | None
    made: datetime

    @property
    def is_final(self) -> bool:
        """Whether a person answers for it; before that every format says preliminary."""
        return self.signature is not None

    @property
    def grade(self) -> str:
        """The class of whoever signed; until then the machine's."""
        return self.signature.grade if self.signature else self.result.grade

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The models of the run; none for a result that does not name them."""
        return models_of(self.result.provenance)

    @cached_property
    def digest(self) -> str:
        """Of everything that is told, and of nothing that a second run changes (times, counts of what was read)."""
        kept = {"slide", "sha256", "width_px", "height_px", "pixel_size", "score", "grade", "adequacy", "findings"}
        return digest_of([self.result.model_dump(mode="json", include=kept), self.models, self.signature])

    @cached_property
    def classes(self) -> dict[str, tuple[Finding, ...]]:
        """Class -> its findings, most suspicious first; in the order of the Bethesda system, others after it."""
        count = Counter(finding.class_id for finding in self.result.findings)
        order = [*(name for name in BETHESDA if name in count), *(name for name in count if name not in BETHESDA)]
        return {name: tuple(one for one in self.result.findings if one.class_id == name) for name in order}

    @property
    def abnormal(self) -> int:
        """How many findings are of an abnormal class."""
        return len(self.result.findings) - len(self.classes.get("NILM", ()))


def models_of(provenance: Mapping[str, Any]) -> tuple[Model, ...]:
    """The models that a provenance names with their hashes."""
    found = provenance.get("models")
    return tuple(
        Model(str(role), str(one.get("name", role)), str(one.get("version", "")), str(one["sha256"]))
        for role, one in (found if isinstance(found, dict) else {}).items()
        if isinstance(one, dict) and "sha256" in one
    )


class Reports(NamedTuple):
    """The slides of a place, and slide -> why its result cannot be read."""

    slides: tuple[SlideReport, ...]
    failed: dict[str, UnmissedError]


def read_reports(place: Path, database: str | None = None) -> Reports:
    """Read the slide's folder, or all slides of a triage run, in the order of their names.

    A run that was read at the review desk brings the signatures of first readings; one that two readers dispute has
    none.

    Args:
        place: of the results.
        database: of the desk, as `unmissed review` is given it; None: the file beside the results.

    Raises:
        ExchangeError: When there is no result, or the desk's file cannot be read.
        DeskError, ConfigError: When there is no desk in this database, or it does not answer.
        ModuleNotFoundError: For a database without the extra app.
    """
    folders = [place] if (place / RESULT_FILE).is_file() else sorted(path.parent for path in _results(place))
    if not folders:
        raise ExchangeError(
            f"{place} holds no result",
            expected="the output of triage, or one slide's folder in it",
            fix="check the path; `unmissed triage` makes results",
        )
    run = folders[0].absolute().parents[1] if folders == [place] else place.absolute()
    signatures = _signatures(run / _DESK) if database is None else _signatures_in(database)
    reports, failed = [], {}
    for folder in folders:
        try:
            result = read_slide_result(folder)
        except UnmissedError as error:
            failed[folder.name] = error
            continue
        made = datetime.fromtimestamp((folder / RESULT_FILE).stat().st_mtime, UTC).replace(microsecond=0)
        reports.append(SlideReport(folder, result, signatures.get(result.sha256 or ""), made))
    return Reports(tuple(reports), failed)


def _results(run: Path) -> list[Path]:
    return [path for path in (run / "slides").glob(f"*/{RESULT_FILE}") if not path.parent.name.startswith(".")]


def _signatures(desk: Path) -> dict[str, Signature]:
    """SHA-256 of a slide -> who signed its first reading; read beside a desk that is in use."""
    if not desk.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{desk.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "select slide, reader, grade, signed_at from reading where round = 'first' and status = 'signed'"
            ).fetchall()
    except sqlite3.Error as error:
        raise ExchangeError(
            f"the review desk {desk} cannot be read: {error}", fix="open it with `unmissed review`, then try again"
        ) from error
    return {slide: Signature(reader, grade, at) for slide, reader, grade, at in rows}


def _signatures_in(database: str) -> dict[str, Signature]:
    """The same from a desk that is kept elsewhere, such as on PostgreSQL."""
    from unmissed.inference.cytology.review.database import Database
    from unmissed.inference.cytology.review.store import DecisionStore

    opened = Database(database, must_exist=True)
    try:
        rows = DecisionStore(opened).readings("first")
    finally:
        opened.close()
    signed = (row for row in rows if row["status"] == "signed")
    return {row["slide"]: Signature(row["reader"], row["grade"], row["signed_at"]) for row in signed}
