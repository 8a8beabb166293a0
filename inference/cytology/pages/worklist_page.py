"""The pages of a triage run: the worklist, and for every slide what made it suspicious."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.versions import version_of
from unmissed.inference.cytology.pages.parts import HERE, environment
from unmissed.inference.cytology.pages.slide_page import SlidePages
from unmissed.inference.cytology.pages.words import DISPOSITIONS
from unmissed.inference.cytology.results.reading import ResultError, StoredResult, read_slide_result
from unmissed.inference.cytology.results.summary import EXCLUDED, summarise
from unmissed.inference.cytology.results.worklist import TriageRun, WorklistRow, in_order
from unmissed.inference.reports.templates import script

log = logging.getLogger(__name__)

PAGE = "index.html"

_PREVIEWS = 3
# Reported for a hospital system of 2019 and for a cytopathologist with a microscope (China Daily, 13 June 2019).
REFERENCE_S = 36.0
BY_HAND_S = 360.0


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the worklist as the template shows it; ``link`` is empty where there is no slide page.

    ``place`` is the end of its path where other slides have files of the same name, and empty elsewhere.
    """

    row: WorklistRow
    place: str = ""
    link: str = ""
    previews: tuple[tuple[str, str], ...] = ()
    problem: str = ""


Written = dict[str, tuple[WorklistRow, _Line]]  # by slide


def write_pages(
    folder: Path,
    rows: Sequence[WorklistRow],
    run: TriageRun,
    written: Written | None = None,
) -> None:
    """Write ``index.html`` and a page into every slide's folder, from what is stored there.

    A stored result that is missing or damaged is named on the worklist and does not stop the rest.

    While slides still arrive, every slide changes the ranks and neighbours of others: the pages of slides then have
    none, so that each is written once.

    Args:
        folder: of the run; ``WorklistRow.folder`` is relative to it.
        rows: all slides of the run, in any order.
        run: what is reported about the run.
        written: of an open run, kept by the caller between calls: the slides that have their page, and how they were.

    Raises:
        OutputError: When a page cannot be written.
        ResultError: When slides are excluded although the run has no certified operating point.
    """
    _check_exclusion(rows, run)
    ordered = in_order(rows)
    pages = SlidePages(run, [row for row in ordered if row.folder and written is None])
    places = _places(ordered)
    lines = [_line(folder, row, pages, written) for row in ordered]
    lines = [replace(line, place=places.get(line.row.path, "")) for line in lines]
    figures = summarise(rows, run)
    code = script(HERE / "worklist.js")
    page = (
        environment()
        .get_template("worklist.html")
        .render(
            lines=lines,
            run=run,
            figures=figures,
            known=[name for name in DISPOSITIONS if name in figures["dispositions"]]
            + [name for name in figures["dispositions"] if name not in DISPOSITIONS],
            reference_s=REFERENCE_S,
            by_hand_s=BY_HAND_S,
            script=code,
            version=version_of(),
        )
    )
    write_text(folder / PAGE, page)


def _check_exclusion(rows: Sequence[WorklistRow], run: TriageRun) -> None:
    excluded = sum(row.disposition == EXCLUDED for row in rows)
    if excluded and not run.operating_point:
        raise ResultError(
            f"{excluded} slides are marked {EXCLUDED!r}, but the run has no certified operating point",
            expected="no exclusion without a certificate",
            fix="triage with a policy that has a certificate, or treat every slide as to be reviewed",
        )


def _places(rows: Sequence[WorklistRow]) -> dict[str, str]:
    """Path -> as much of its end as tells it from the paths of slides whose files have the same name."""
    alike: dict[str, list[str]] = {}
    for row in rows:
        alike.setdefault(Path(row.path).stem.casefold(), []).append(row.path)
    found: dict[str, str] = {}
    for paths in (paths for stem, paths in alike.items() if stem and len(paths) > 1):
        parts = [Path(path).parts for path in paths]
        length = 2  # folder and file
        while length < max(map(len, parts)) and len({"/".join(one[-length:]).casefold() for one in parts}) < len(parts):
            length += 1
        found |= {path: "/".join(part[-length:]) for path, part in zip(paths, parts, strict=True)}
    return found


def _line(folder: Path, row: WorklistRow, pages: SlidePages, written: Written | None) -> _Line:
    if not row.folder:
        return _Line(row)
    page = row if written is None else replace(row, rank=None, quintile=None)
    before, line = (written or {}).get(row.slide, (None, None))
    if line and before == page:
        return replace(line, row=row)
    try:
        place = _inside(folder, row.folder)
        result = read_slide_result(place)
    except ResultError as error:
        log.warning("no page for %s: %s", row.slide, error)
        return _Line(row, problem=str(error))
    pages.write(place / PAGE, page, result)
    base = quote(row.folder)
    line = _Line(row, link=f"{base}/{PAGE}", previews=_previews(base, result))
    if written is not None:
        written[row.slide] = page, line
    return line


def _previews(base: str, result: StoredResult) -> tuple[tuple[str, str], ...]:
    """Address and class of the first crops."""
    pairs = zip(result.gallery[:_PREVIEWS], result.findings, strict=False)
    return tuple((f"{base}/{quote(name)}", finding.class_id) for name, finding in pairs)


def _inside(folder: Path, name: str) -> Path:
    """The folder of a slide, which must be in the run's folder."""
    place = (folder / name).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise ResultError(f"the folder {name!r} is outside the run", fix="triage this slide again")
    return place
