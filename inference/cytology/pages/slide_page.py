"""The page of one slide: its thumbnail with the heat map, and the gallery of what was found."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.versions import version_of
from unmissed.inference.cytology.pages.parts import HERE, environment
from unmissed.inference.cytology.results import pictures, reading
from unmissed.inference.cytology.results.reading import StoredResult
from unmissed.inference.cytology.results.worklist import TriageRun, WorklistRow
from unmissed.inference.cytology.values import Finding
from unmissed.inference.reports.templates import facts, script


@dataclass(frozen=True, slots=True)
class _Crop:
    """A finding with its picture; ``left`` and ``top`` are percent of the thumbnail."""

    number: int
    picture: str
    finding: Finding
    x_mm: float
    y_mm: float
    left: float
    top: float


class SlidePages:
    """Writes the slide pages of a run; each leads to the one before and after it.

    Args:
        run: what is reported about the run.
        rows: the slides that lead to each other, in the order of the worklist.
    """

    def __init__(self, run: TriageRun, rows: Sequence[WorklistRow]) -> None:
        self._run = run
        self._template = environment().get_template("slide.html")
        self._script = script(HERE / "slide.js")
        self._rows = rows
        self._places = {row.slide: place for place, row in enumerate(rows)}
        self._gradient = _gradient()

    def write(self, path: Path, row: WorklistRow, result: StoredResult) -> None:
        """Write the page of a slide, whole or not at all.

        Args:
            path: the HTML file, in the folder of the stored result.
            row: the slide's place on the worklist.
            result: what is stored about it.

        Raises:
            OutputError: When the page cannot be written.
        """
        um_per_px = result.pixel_size.um_per_px
        bar_px, bar_label = pictures.scale_bar(um_per_px, result.width_px)
        page = self._template.render(
            row=row,
            result=result,
            run=self._run,
            file_name=PurePath(result.path).name,
            crops=[_crop(number, name, result) for number, name in enumerate(result.gallery)],
            shown=Counter(finding.class_id for finding in result.findings[: len(result.gallery)]),
            found=Counter(finding.class_id for finding in result.findings),
            bar_share=100 * bar_px / result.width_px,
            bar_label=bar_label,
            size_mm=(result.width_px * um_per_px / 1000, result.height_px * um_per_px / 1000),
            stages=asdict(result.times_s),
            counted=_counted(result),
            facts=list(facts(result.provenance)),
            files=reading,
            pictures=pictures,
            gradient=self._gradient,
            worklist=_way(row.folder, "index.html"),
            before=self._link(row, -1),
            after=self._link(row, 1),
            total=sum(bool(other.unlike) is bool(row.unlike) for other in self._rows),
            script=self._script,
            version=version_of(),
        )
        write_text(path, page)

    def _link(self, row: WorklistRow, step: int) -> str:
        """Address of the page that many places further; empty at the ends of the worklist, and off it."""
        place = self._places.get(row.slide, -len(self._rows) - 1) + step
        return _way(row.folder, f"{self._rows[place].folder}/index.html") if 0 <= place < len(self._rows) else ""


def _crop(index: int, picture: str, result: StoredResult) -> _Crop:
    finding, um_per_px = result.findings[index], result.pixel_size.um_per_px
    return _Crop(
        number=index + 1,
        picture=quote(picture),
        finding=finding,
        x_mm=finding.x_px * um_per_px / 1000,
        y_mm=finding.y_px * um_per_px / 1000,
        left=100 * finding.x_px / result.width_px,
        top=100 * finding.y_px / result.height_px,
    )


def _counted(result: StoredResult) -> dict[str, float]:
    """What is counted of a slide, and what its threads did."""
    threads = {f"thread_s_{work}": seconds for work, seconds in asdict(result.thread_s).items()}
    return {**asdict(result.reading), **result.counts, **threads}


def _gradient() -> str:
    """Colours of the heat map on white, from 0 to 1, as CSS writes them."""
    colours, alphas = pictures.palette()
    stops = []
    for value in range(0, 256, 15):
        red, green, blue = (
            round(255 * (1 - alphas[value]) + part * alphas[value]) for part in map(int, colours[value])
        )
        stops.append(f"rgb({red} {green} {blue}) {value / 2.55:.0f}%")
    return f"linear-gradient(90deg, {', '.join(stops)})"


def _way(folder: str, target: str) -> str:
    """Relative address from a slide's folder to a file of the run."""
    return quote(os.path.relpath(target, folder).replace(os.sep, "/"))
