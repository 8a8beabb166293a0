"""From decisions to a dataset: the cell at every place that was decided, and the fields around, with who said so."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.basis.errors import DatasetError, OutputError
from unmissed.datasets.basis.files import make_folder, write_bytes, write_whole
from unmissed.datasets.basis.jpeg import jpeg
from unmissed.datasets.basis.names import table_cell
from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.view import read_crop
from unmissed.datasets.tables import read_table
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.cytology.review.events import SIGNED
from unmissed.inference.cytology.review.settling import truth_of
from unmissed.inference.cytology.review.worklist import ListedSlide

_SIDE_UM = 64.0  # of a crop: the cell and its neighbours, whatever part of it a model looks at
_FIELD_PX = 1024  # side of a field
_FIELD_QUALITY = 95
COLUMNS = (
    *("path", "label", "group", "um_per_px", "slide", "patient", "sha256", "x_px", "y_px", "reader", "round"),
    *("verdict", "ai_class", "ai_visible"),
)
Mark = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: cells and fields, of how many slides, and what was left out, in words."""

    pictures: int
    fields: int
    slides: int
    left_out: tuple[str, ...]


def export(
    desk: Desk,
    output: Path,
    *,
    um_per_px: float = 0.25,
    blind_only: bool = False,
    patients: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write what was decided as `unmissed train`, `evaluate` and `adapt` read it (dataset `csv`).

    ``labels.csv`` has a PNG for every place. ``fields/labels.csv`` has the same places in fields of 1,024 px, where
    the reading is signed and nothing in the field was left undecided: they show what is no finding, too. A rejected
    finding is a NILM cell. A place that both rounds decided is taken once, from the blind one, which has not heard
    the AI. Group is the patient, or the slide, so that none is on both sides of a split.

    Args:
        desk: open.
        output: folder; made, and must be empty.
        um_per_px: of the pictures.
        blind_only: only decisions that were made without the AI in sight.
        patients: slide -> patient, where they are known.
        on_progress: called with slides done and slides in all.

    Raises:
        DatasetError: When nothing has been decided, or the patient of a decided slide is missing.
        OutputError: When the folder is not empty, or cannot be written.
    """
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output} is not empty", fix="name a new folder")
    by_slide = _decided(desk, blind_only)
    if not by_slide:
        raise DatasetError("nothing has been decided on this desk", fix="read some slides with `unmissed review` first")
    unknown = [one.slide for one in by_slide if patients is not None and one.slide not in patients]
    if unknown:
        raise DatasetError(
            f"{len(unknown)} slides have no patient, such as {unknown[0]}",
            expected="a row for every slide that was read",
            fix="add them to the table of patients",
        )
    make_folder(output / "cells")
    make_folder(output / "fields")
    cells: list[dict[str, Any]] = []
    fields: list[dict[str, Any]] = []
    left_out: list[str] = []
    for number, (listed, marks) in enumerate(by_slide.items(), 1):
        patient = (patients or {}).get(listed.slide, "")
        try:
            slide = desk.shelf.slide(listed)
            undecided = _undecided(desk, listed, marks)
            own_cells = list(_cells(slide, listed, marks, patient, output, um_per_px))
            own_fields = list(_fields(slide, listed, marks, patient, undecided, output, um_per_px))
        except (SlideError, ResultError) as error:  # it has gone or changed; the others go on
            left_out.append(f"{listed.slide}: {error}")
            continue
        cells += own_cells
        fields += own_fields
        on_progress(number, len(by_slide))
    write_table(output / "labels.csv", COLUMNS, cells)
    write_table(output / "fields" / "labels.csv", COLUMNS, fields)
    made = len({row["path"] for row in fields})
    return Exported(len(cells), made, len({row["sha256"] for row in cells}), tuple(left_out))


def _decided(desk: Desk, blind_only: bool) -> dict[ListedSlide, list[Mark]]:
    """Slides with what was decided about their places, each place once."""
    by_hash = {listed.sha256: listed for listed in desk.listed.values() if listed.sha256}
    places: dict[tuple[str, str], Mark] = {}
    mark: Mark
    for mark in desk.store.marks():
        if mark["slide"] in by_hash and not (blind_only and mark["ai_visible"]):
            key = mark["slide"], mark["place"]
            if key not in places or mark["round"] == "second":
                places[key] = mark
    found: dict[ListedSlide, list[Mark]] = defaultdict(list)
    for (sha, _), mark in sorted(places.items()):
        found[by_hash[sha]].append(mark)
    return found


def _undecided(desk: Desk, listed: ListedSlide, marks: list[Mark]) -> np.ndarray | None:
    """Places (N, 2) that the AI found and nobody decided; None where no reading of the slide is signed."""
    if not any(desk.store.state(listed.sha256, round_)["status"] in SIGNED for round_ in ("first", "second")):
        return None
    known = {mark["place"] for mark in marks}
    shown = ((place, one) for place, one in desk.shelf.places(listed).items() if one.class_id != "NILM")
    return np.array([(one.x_px, one.y_px) for place, one in shown if place not in known]).reshape(-1, 2)


def _cells(
    slide: Slide, listed: ListedSlide, marks: list[Mark], patient: str, output: Path, um_per_px: float
) -> Iterator[dict[str, Any]]:
    for number, mark in enumerate(marks, 1):
        image = read_crop(slide, mark["x_px"], mark["y_px"], round(_SIDE_UM / um_per_px), um_per_px)
        name = f"cells/{listed.sha256[:12]}-{number:05}.png"
        write_bytes(output / name, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        yield _row(name, listed, mark, patient, um_per_px, image.shape[1] / 2, image.shape[0] / 2)


def _fields(
    slide: Slide,
    listed: ListedSlide,
    marks: list[Mark],
    patient: str,
    undecided: np.ndarray | None,
    output: Path,
    um_per_px: float,
) -> Iterator[dict[str, Any]]:
    """The squares of a grid that hold decided places and no undecided one."""
    if undecided is None or slide.pixel_size is None:
        return
    scale = um_per_px / slide.pixel_size.um_per_px
    side = _FIELD_PX * scale  # level-0 pixels
    squares: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    for mark in marks:
        squares[int(mark["x_px"] // side), int(mark["y_px"] // side)].append(mark)
    spoilt = {(int(x // side), int(y // side)) for x, y in undecided}
    for (column, row), inside in sorted(squares.items()):
        if (column, row) in spoilt:
            continue
        left, top = column * side, row * side
        image = read_crop(slide, left + side / 2, top + side / 2, _FIELD_PX, um_per_px)
        name = f"{listed.sha256[:12]}-{column:03}-{row:03}.jpg"
        write_bytes(output / "fields" / name, jpeg(image, _FIELD_QUALITY))
        for mark in inside:
            place = ((mark[axis] - start) / scale for axis, start in (("x_px", left), ("y_px", top)))
            yield _row(name, listed, mark, patient, um_per_px, *(round(one, 1) for one in place))


def _row(
    name: str, listed: ListedSlide, mark: Mark, patient: str, um_per_px: float, x_px: float, y_px: float
) -> dict[str, Any]:
    return {
        "path": name,
        "label": truth_of(mark),
        "group": table_cell(patient) or listed.sha256[:12],
        "um_per_px": um_per_px,
        "slide": table_cell(listed.slide),
        "patient": table_cell(patient),
        "sha256": listed.sha256,
        "x_px": x_px,
        "y_px": y_px,
        "reader": table_cell(mark["reader"]),
        "round": mark["round"],
        "verdict": mark["verdict"],
        "ai_class": mark["ai_class"],
        "ai_visible": int(mark["ai_visible"]),
    }


def read_patients(path: Path) -> dict[str, str]:
    """The patient of each slide, from a table with the columns slide and patient.

    Raises:
        DatasetError: When the table cannot be read, or lacks a name.
    """
    rows = read_table(path, ("slide", "patient"))
    for row in rows:
        if not (row["slide"].strip() and row["patient"].strip()):
            raise DatasetError(f"{path.name}, line {row.line}, lacks a name", expected="slide and patient in every row")
    return {row["slide"].strip(): row["patient"].strip() for row in rows}


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV table, whole or not at all.

    Raises:
        OutputError: When the file cannot be written.
    """
    with write_whole(path) as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
