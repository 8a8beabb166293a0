"""The slides of a triage run as a desk lists them, without reading their results."""

import csv
import io
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from unmissed.datasets.basis.names import folder_name, from_cell
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of
from unmissed.inference.cytology.results.reading import RESULT_FILE, ResultError

_MOST_BYTES = 200_000_000
_NEEDED = {"slide", "disposition", "rank", "score", "grade", "adequacy", "n_findings", "error", "path"}
_SHA256 = re.compile(rb'"sha256":\s*"([0-9a-f]{64})"')
_HEAD_BYTES = 8192  # the file's own hash comes before everything that has hashes of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSlide:
    """A slide of the worklist.

    Attributes:
        key: names it in addresses; made of its name, and leads nowhere by itself.
        slide, disposition, rank, score, grade, adequacy, n_findings, error, unlike: as ``WorklistRow``.
        path: of the slide's file, as it was screened.
        folder: of its result.
        sha256: of the slide's file as screened; empty when there is no result, or it was not hashed.
    """

    key: str
    slide: str
    disposition: str
    rank: int | None
    score: float | None
    grade: str
    adequacy: str
    n_findings: int
    error: str
    unlike: str
    path: str
    folder: Path
    sha256: str


def read_worklist(run: Path) -> tuple[ListedSlide, ...]:
    """The slides of a run in the order of its worklist.

    Args:
        run: output folder of ``unmissed triage``.

    Raises:
        ResultError: When there is no worklist, or it was written by an older version.
    """
    path = run / "worklist.csv"
    try:
        table = csv.DictReader(io.StringIO(read_regular(path, _MOST_BYTES).decode("utf-8")))
        rows = list(table)
    except (OSError, ValueError, csv.Error) as error:
        cause = cause_of(error) if isinstance(error, OSError) else str(error)
        raise ResultError(
            f"cannot read {path}: {cause}",
            expected="the output folder of `unmissed triage`",
            fix="check the path, or triage the slides first",
        ) from error
    missing = _NEEDED - set(table.fieldnames or ())
    if missing:
        raise ResultError(
            f"{path} lacks the columns {', '.join(sorted(missing))}: it was written by another version of Unmissed",
            expected="a worklist of this version",
            fix="triage the slides again with this version",
        )
    try:
        return tuple(_listed(run, row) for row in rows)
    except (TypeError, ValueError) as error:
        raise ResultError(f"{path} is damaged: {error}", fix="run the same triage command again") from error


def _listed(run: Path, row: dict[str, str]) -> ListedSlide:
    slide = from_cell(row["slide"])
    folder = run / "slides" / folder_name(slide)
    return ListedSlide(
        key=sha256(slide.encode("utf-8", "surrogatepass")).hexdigest()[:20],
        slide=slide,
        disposition=row["disposition"],
        rank=int(row["rank"]) if row["rank"] else None,
        score=float(row["score"]) if row["score"] else None,
        grade=from_cell(row["grade"]),
        adequacy=row["adequacy"],
        n_findings=int(row["n_findings"] or 0),
        error=from_cell(row["error"]),
        unlike=row.get("unlike") or "",
        path=from_cell(row["path"]),
        folder=folder,
        sha256="" if row["error"] else _hash_in(folder / RESULT_FILE),
    )


def _hash_in(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            found = _SHA256.search(stream.read(_HEAD_BYTES))
    except OSError:
        return ""
    return found[1].decode("ascii") if found else ""
