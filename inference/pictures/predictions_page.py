"""The result page of a prediction: one HTML file with everything in it, in English and Chinese, fit for printing."""

import heapq
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.jpeg import jpeg_address
from unmissed.datasets.basis.names import readable
from unmissed.datasets.basis.versions import version_of
from unmissed.datasets.pictures.images import read_picture, shrink_to
from unmissed.datasets.pictures.notes import PictureNote
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.reports.templates import environment
from unmissed.models.cards import Card, Metric

THUMBNAIL_PX = 160  # long side; shown at 132 CSS px, so still sharp on paper
MAX_THUMBNAILS = 200  # about 2 MB of page
MAX_ERRORS = 200
SUSPECT_GROUP = "abnormal"

_SUMMARY_METRICS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRun:
    """What is reported about the run.

    Attributes:
        variant: the key of the card's files that ran.
        runtime: name of the runtime that ran, "onnx-cpu" for example.
        device: the processor in words, where it is known.
        seconds: wall time from the first file read to the last result.
        csv: the table that belongs to the page; linked relative to the page.
        note, note_zh: shown large above the results ("These cells are drawn ...").
        finished: when the run ended.
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
    notes: tuple[PictureNote, ...]

    @property
    def is_suspect(self) -> bool:
        """More probably abnormal than not, whichever class is the most probable one."""
        return self.suspect is not None and self.suspect >= 0.5


def write_page(path: Path, rows: Iterable[PredictionRow], card: Card, run: PageRun) -> None:
    """Write the result page, whole or not at all.

    Pictures are in falling order of the probability of the group "abnormal"; a model without that group has its
    least certain pictures first. The first 200 are shown, all are counted.

    Args:
        path: the HTML file.
        rows: one per picture, failed ones included.
        card: the card of the model that ran.
        run: what is reported about the run.

    Raises:
        OutputError: When the page cannot be written.
    """
    rows = list(rows)
    done = [(row.path, row.probabilities.tolist(), row.notes) for row in rows if row.probabilities is not None]
    suspects = card.groups().get(SUSPECT_GROUP, ())
    shown = heapq.nsmallest(MAX_THUMBNAILS, done, key=lambda one: (-_urgency(one[1], suspects), str(one[0])))
    failed = [(row.path, row.error or "") for row in rows if row.probabilities is None]
    page = (
        environment(Path(__file__).parent)
        .get_template("predictions.html")
        .render(
            card=card,
            run=run,
            cells=[_cell(*one, card, suspects) for one in shown],
            hidden=len(done) - len(shown),
            errors=[
                (readable(picture.name), readable(error.replace(str(picture), picture.name)))
                for picture, error in failed[:MAX_ERRORS]
            ],
            failed=len(failed),
            notes=_note_counts([notes for _, _, notes in done]),
            noted=sum(bool(notes) for _, _, notes in done),
            total=len(rows),
            has_suspects=bool(suspects),
            suspect_count=sum(_urgency(values, suspects) >= 0.5 for _, values, _ in done) if suspects else 0,
            classes=_class_counts([values for _, values, _ in done], card),
            file=card.files[run.variant],
            metrics=_metrics(card),
            speed=len(done) / run.seconds if run.seconds > 0 else 0.0,
            csv_link=quote(os.path.relpath(run.csv, path.parent)) if run.csv else "",
            version=version_of(),
        )
    )
    write_text(path, page)


def _top(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _urgency(values: Sequence[float], suspects: Sequence[int]) -> float:
    return sum(values[index] for index in suspects) if suspects else -max(values)


def _note_counts(rows: Iterable[tuple[PictureNote, ...]]) -> list[tuple[PictureNote, int]]:
    """The first note of each kind, and how many there are of it; the most frequent first."""
    first: dict[str, PictureNote] = {}
    counts = Counter(first.setdefault(note.kind, note).kind for notes in rows for note in notes)
    return [(first[kind], count) for kind, count in counts.most_common()]


def _cell(
    path: Path, values: Sequence[float], notes: tuple[PictureNote, ...], card: Card, suspects: Sequence[int]
) -> _Cell:
    top = _top(values)
    info = card.classes[top]
    return _Cell(
        name=readable(path.name),
        class_name=info.name,
        class_name_zh=info.name_zh,
        top=values[top],
        suspect=min(1.0, _urgency(values, suspects)) if suspects else None,
        thumbnail=_thumbnail(path),
        notes=notes,
    )


def _thumbnail(path: Path) -> str:
    """A small JPEG as a data URL; empty when the picture cannot be read any more."""
    try:
        image = read_picture(path, min_side_px=THUMBNAIL_PX).pixels
    except ImageError:
        return ""
    return jpeg_address(shrink_to(image, THUMBNAIL_PX), colours="420")


def _class_counts(done: Sequence[Sequence[float]], card: Card) -> list[dict[str, Any]]:
    counts = Counter(map(_top, done))
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
