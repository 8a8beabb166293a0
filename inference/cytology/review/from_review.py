"""From decisions to a dataset: the cell at every place that was decided, with its class and who said so."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from unmissed.datasets.basis.errors import DatasetError, OutputError
from unmissed.datasets.basis.files import make_folder, write_bytes, write_whole
from unmissed.datasets.basis.names import table_cell
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.view import read_crop
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.cytology.review.quality import truth_of

_SIDE_UM = 64.0  # of a crop: the cell and its neighbours, whatever part of it a model looks at
COLUMNS = (
    *("path", "label", "group", "um_per_px", "slide", "sha256", "x_px", "y_px", "reader", "round", "verdict"),
    *("ai_class", "ai_visible"),
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: pictures, of how many slides, and what was left out, in words."""

    pictures: int
    slides: int
    left_out: tuple[str, ...]


def export(
    desk: Desk,
    output: Path,
    *,
    um_per_px: float = 0.25,
    blind_only: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write every decided place as a PNG, and ``labels.csv`` as `unmissed train`, `evaluate` and `adapt` read it.

    A rejected finding is a NILM cell. Group is the slide, so that no slide is on both sides of a split. A place that
    both rounds decided is taken once, from the blind one, which has not heard the AI.

    Args:
        desk: open.
        output: folder; made, and must be empty.
        um_per_px: of the crops.
        blind_only: only decisions that were made without the AI in sight.
        on_progress: called with places done and places in all.

    Raises:
        DatasetError: When nothing has been decided.
        OutputError: When the folder is not empty, or cannot be written.
    """
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output} is not empty", fix="name a new folder")
    by_hash = {listed.sha256: listed for listed in desk.listed.values() if listed.sha256}
    places: dict[tuple[str, str], Mapping[str, Any]] = {}
    for mark in desk.store.marks():
        if mark["slide"] in by_hash and not (blind_only and mark["ai_visible"]):
            key = mark["slide"], mark["place"]
            if key not in places or mark["round"] == "second":
                places[key] = mark
    if not places:
        raise DatasetError("nothing has been decided on this desk", fix="read some slides with `unmissed review` first")
    make_folder(output / "cells")
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    failed: set[str] = set()
    for number, ((sha, _), mark) in enumerate(sorted(places.items()), 1):
        on_progress(number, len(places))
        listed = by_hash[sha]
        if sha in failed:
            continue
        try:
            slide = desk.shelf.slide(listed)
            image = read_crop(slide, mark["x_px"], mark["y_px"], round(_SIDE_UM / um_per_px), um_per_px)
        except (SlideError, ResultError) as error:  # it has gone or changed; the others go on
            failed.add(sha)
            left_out.append(f"{listed.slide}: {error}")
            continue
        name = f"cells/{sha[:12]}-{number:06}.png"
        write_bytes(output / name, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        rows.append(
            {
                "path": name,
                "label": truth_of(mark),
                "group": sha[:12],
                "um_per_px": um_per_px,
                "slide": table_cell(listed.slide),
                "sha256": sha,
                "x_px": image.shape[1] / 2,
                "y_px": image.shape[0] / 2,
                "reader": table_cell(mark["reader"]),
                "round": mark["round"],
                "verdict": mark["verdict"],
                "ai_class": mark["ai_class"],
                "ai_visible": int(mark["ai_visible"]),
            }
        )
    write_table(output / "labels.csv", COLUMNS, rows)
    return Exported(len(rows), len({row["sha256"] for row in rows}), tuple(left_out))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV table, whole or not at all.

    Raises:
        OutputError: When the file cannot be written.
    """
    with write_whole(path) as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
