"""A slide's result on the disk: figures, tables, boxes for QuPath, and pictures for the page."""

import csv
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from unmissed.datasets.basis import files
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.jpeg import jpeg
from unmissed.datasets.basis.names import readable, table_cell
from unmissed.datasets.basis.words import problems
from unmissed.inference.cytology.results import pictures, reading
from unmissed.inference.cytology.results.geojson import feature_collection
from unmissed.inference.cytology.results.reading import ResultError, StoredResult
from unmissed.inference.cytology.values import Finding, SlideResult, StageSeconds, ThreadSeconds

_WRITERS = 8  # most of the time goes into waiting for the disk, file by file

COLUMNS = ("slide", "x_px", "y_px", "class", "probability", "finder_score")


def write_slide_result(folder: Path, result: SlideResult) -> None:
    """Write everything about a slide into an empty folder.

    ``result.json`` comes last: a folder that has it is complete.

    Args:
        folder: exists and is empty.
        result: of the slide.

    Raises:
        OutputError: When the folder is missing or not empty, or a file cannot be written.
        ResultError: When the result has a value that cannot be (a probability that is not a number, for example).
    """
    _check_empty(folder)
    gallery = _gallery_names(result)
    record = _record(result, gallery)
    height, width = result.thumbnail.shape[:2]
    values = pictures.fitted(result.heat_map, (result.width_px, result.height_px), (width, height))
    scale = result.pixel_size.um_per_px * result.width_px / width
    boxes = feature_collection(result.findings)
    jobs: list[Callable[[], None]] = [
        lambda: files.write_bytes(folder / reading.HEATMAP, pictures.blended_png(values, result.thumbnail, scale)),
        lambda: files.write_bytes(folder / reading.THUMBNAIL, jpeg(result.thumbnail)),
        lambda: files.write_bytes(folder / reading.OVERLAY, pictures.overlay_png(values)),
        lambda: files.write_bytes(folder / reading.HEATMAP_VALUES, pictures.values_png(result.heat_map)),
        lambda: _write_findings(folder / reading.FINDINGS_TABLE, result.slide, result.findings),
        lambda: files.write_text(folder / reading.FINDINGS_GEOJSON, f"{files.json_line(boxes)}\n"),
    ]
    jobs += [partial(_write_crop, folder / name, crop) for name, crop in zip(gallery, result.crops, strict=False)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        for written in [pool.submit(job) for job in jobs]:
            written.result()
    files.write_json(folder / reading.RESULT_FILE, record)


def _check_empty(folder: Path) -> None:
    try:
        found = next(folder.iterdir(), None)
    except OSError as error:
        raise files.output_error(folder, error) from error
    if found is not None:
        raise OutputError(f"{folder} is not empty: it holds {found.name}", fix="name an empty folder")


def _gallery_names(result: SlideResult) -> tuple[str, ...]:
    return tuple(
        f"{reading.GALLERY}/{number:03}_{_plain(finding.class_id)}_{finding.probability:.2f}.jpg"
        for number, (finding, _) in enumerate(zip(result.findings, result.crops, strict=False), 1)
    )


def _plain(class_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", class_id)


def _record(result: SlideResult, gallery: tuple[str, ...]) -> StoredResult:
    """The part of a result that goes into ``result.json``."""
    scores = result.heat_map.scores
    if scores.ndim != 2 or not scores.size or not np.isfinite(scores.max()):
        raise ResultError(f"the heat map of {result.slide} is empty or contains values that are not numbers")
    try:
        return StoredResult.model_validate(
            {
                "slide": readable(result.slide),
                "path": readable(result.path),
                "sha256": result.sha256,
                "reader": result.reader,
                "width_px": result.width_px,
                "height_px": result.height_px,
                "pixel_size": asdict(result.pixel_size),
                "score": float(result.score),
                "grade": result.grade,
                "adequacy": asdict(result.adequacy),
                "notes": [readable(note) for note in result.notes],
                "likeness": result.likeness and result.likeness._asdict(),
                "unseen": result.unseen and asdict(result.unseen),
                "reading": asdict(result.reading),
                "times_s": _rounded(result.times_s),
                "thread_s": _rounded(result.thread_s),
                "counts": {name: float(value) for name, value in result.counts.items()},
                "features": {name: float(value) for name, value in result.features.items()},
                "provenance": files.plain_values(dict(result.provenance)),
                "heat_map": {"rows": scores.shape[0], "columns": scores.shape[1], "cell_px": result.heat_map.cell_px},
                "thumbnail": {"width_px": result.thumbnail.shape[1], "height_px": result.thumbnail.shape[0]},
                "gallery": gallery,
                "findings": [_finding(finding) for finding in result.findings],
            }
        )
    except ValidationError as error:
        raise ResultError(
            f"the result of {result.slide} is invalid: {problems(error, 1)}",
            fix="this is a defect of Unmissed or of the model; please report it with the slide's name and size",
        ) from error


def _rounded(seconds: StageSeconds | ThreadSeconds) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in asdict(seconds).items()}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "x_px": round(float(finding.x_px), 2),
        "y_px": round(float(finding.y_px), 2),
        "box_px": round(float(finding.box_px), 2),
        "class_id": finding.class_id,
        "probability": round(float(finding.probability), 6),
        "abnormal": round(float(finding.abnormal), 6),
        "probabilities": {name: round(float(value), 6) for name, value in finding.probabilities.items()},
        "finder_score": round(float(finding.finder_score), 6),
    }


def _write_findings(path: Path, slide: str, findings: Iterable[Finding]) -> None:
    name = table_cell(slide)
    with files.write_whole(path) as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for finding in findings:
            place = (f"{finding.x_px:.1f}", f"{finding.y_px:.1f}")
            scores = (f"{finding.probability:.6f}", f"{finding.finder_score:.6f}")
            table.writerow([name, *place, table_cell(finding.class_id), *scores])


def _write_crop(path: Path, crop: np.ndarray) -> None:
    files.write_bytes(path, jpeg(crop, 90))
