"""The result page of a prediction: one HTML file with everything in it, in English and Chinese, fit for printing."""

import heapq
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.jpeg import jpeg_address
from unmissed.datasets.basis.names import readable
from unmissed.datasets.basis.versions import version_of
from unmissed.datasets.pictures.images import read_image, shrink_to
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.reports.numbers import percent as _percent
from unmissed.models.cards import Card, Metric

THUMBNAIL_PX = 160  # long side; shown at 132 CSS px, so still sharp on paper
MAX_THUMBNAILS = 200  # about 2 MB of page
MAX_ERRORS = 200
SUSPECT_GROUP = "abnormal"

_SUMMARY_METRICS = 12


@dataclass(frozen=True, slots=True)
class PageRow:
    """One picture of the page.

    Attributes
    ----------
    path : the picture, read again for its thumbnail.
    probabilities : in the order of the card's classes; empty after an error.
    error : why there is no result; empty when there is one.
    """

    path: Path
    probabilities: tuple[float, ...] = ()
    error: str = ""

    @classmethod
    def from_row(cls, row: PredictionRow) -> Self:
        """The page's view of a row of the prediction."""
        return cls(row.path, () if row.probabilities is None else tuple(row.probabilities.tolist()), row.error or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRun:
    """What is reported about the run.

    Attributes
    ----------
    variant : the key of the card's files that ran.
    runtime : name of the runtime that ran, "onnx-cpu" for example.
    device : the processor in words, where it is known.
    seconds : wall time from the first file read to the last result.
    csv : the table that belongs to the page; linked relative to the page.
    note, note_zh : shown large above the results ("These cells are drawn ...").
    finished : when the run ended.
    """

    variant: str
    runtime: str
    seconds: float
    device: str = ""
    csv: Path | None = None
    note: str = ""
    note_zh: str = ""
    finished: datetime = field(default_factory=lambda: datetime.now().astimezone())


@dataclass(frozen=True, slots=True)
class _Cell:
    """A row as the template shows it."""

    name: str
    class_name: str
    class_name_zh: str
    top: float
    suspect: float | None
    thumbnail: str

    @property
    def is_suspect(self) -> bool:
        """More probably abnormal than not, whichever class is the most probable one."""
        return self.suspect is not None and self.suspect >= 0.5


def write_page(path: Path, rows: Iterable[PageRow], card: Card, run: PageRun) -> None:
    """Write the result page, whole or not at all.

    Pictures are in falling order of the probability of the group "abnormal"; a model without that group has its
    least certain pictures first. The first 200 are shown, all are counted.

    Parameters
    ----------
    path : the HTML file.
    rows : one per picture, failed ones included.
    card : the card of the model that ran.
    run : what is reported about the run.

    Raises
    ------
    OutputError
        When the page cannot be written.
    """
    rows = list(rows)
    done = [row for row in rows if not row.error]
    suspects = card.groups().get(SUSPECT_GROUP, ())
    shown = heapq.nsmallest(MAX_THUMBNAILS, done, key=lambda row: (-_urgency(row, suspects), str(row.path)))
    failed = [row for row in rows if row.error]
    page = (
        _environment()
        .get_template("predictions.html")
        .render(
            card=card,
            run=run,
            cells=[_cell(row, card, suspects) for row in shown],
            hidden=len(done) - len(shown),
            errors=[
                (readable(row.path.name), readable(row.error.replace(str(row.path), row.path.name)))
                for row in failed[:MAX_ERRORS]
            ],
            failed=len(failed),
            total=len(rows),
            has_suspects=bool(suspects),
            suspect_count=sum(_urgency(row, suspects) >= 0.5 for row in done) if suspects else 0,
            classes=_class_counts(done, card),
            file=card.files[run.variant],
            metrics=_metrics(card),
            speed=len(done) / run.seconds if run.seconds > 0 else 0.0,
            csv_link=quote(os.path.relpath(run.csv, path.parent)) if run.csv else "",
            version=version_of(),
        )
    )
    write_text(path, page)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    return environment


def _top(row: PageRow) -> int:
    return max(range(len(row.probabilities)), key=row.probabilities.__getitem__)


def _urgency(row: PageRow, suspects: Sequence[int]) -> float:
    return sum(row.probabilities[index] for index in suspects) if suspects else -max(row.probabilities)


def _cell(row: PageRow, card: Card, suspects: Sequence[int]) -> _Cell:
    top = _top(row)
    info = card.classes[top]
    return _Cell(
        name=readable(row.path.name),
        class_name=info.name,
        class_name_zh=info.name_zh,
        top=row.probabilities[top],
        suspect=min(1.0, _urgency(row, suspects)) if suspects else None,
        thumbnail=_thumbnail(row.path),
    )


def _thumbnail(path: Path) -> str:
    """A small JPEG as a data URL; empty when the picture cannot be read any more."""
    try:
        image = read_image(path, min_side_px=THUMBNAIL_PX)
    except ImageError:
        return ""
    return jpeg_address(shrink_to(image, THUMBNAIL_PX), colours="420")


def _class_counts(done: Sequence[PageRow], card: Card) -> list[dict[str, Any]]:
    counts = Counter(_top(row) for row in done)
    return [
        {"info": info, "count": counts[index], "share": counts[index] / len(done) if done else 0.0}
        for index, info in enumerate(card.classes)
    ]


def _metrics(card: Card) -> list[tuple[str, str, str]]:
    """The first metrics of the card as (name, value with its interval, data)."""

    def words(metric: Metric) -> str:
        if metric.low is None or metric.high is None:
            return f"{metric.value:.3f}"
        return f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"

    items = list(card.metrics.items())[:_SUMMARY_METRICS]
    return [(name.replace("_", " "), words(metric), metric.on) for name, metric in items]
