"""Flights as files: a film in MP4 and its truth as a table."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.synthetic.flights.plans import FlightPlan
from unmissed.datasets.synthetic.flights.render import FlightTruth, render_flight

VIDEO_NAME, TRUTH_NAME = "flight.mp4", "truth.csv"
_BOX = ("x_px", "y_px", "width_px", "height_px")
COLUMNS = (*(field.name for field in fields(FlightTruth) if field.name != "polyp_box"), *(f"polyp_{b}" for b in _BOX))


@dataclass(frozen=True, slots=True)
class WrittenFlight:
    """The files of a flight, and how many frames the film has."""

    video: Path
    truth: Path
    frames: int
    legible: int


def write_flight(
    plan: FlightPlan, texture: np.ndarray, folder: Path, progress: Callable[[int, int], None] | None = None
) -> WrittenFlight:
    """Render a flight into a folder: ``flight.mp4`` (MPEG-4 part 2) and ``truth.csv``, a row for each frame.

    Args:
        plan, texture: see ``render_flight``.
        folder: is created; files of these names are replaced once the new ones are complete.
        progress: called with (frames done, frames in all).

    Raises:
        OutputError: When the folder cannot be written, or this OpenCV cannot write MP4.
    """
    make_folder(folder)
    partial = folder / f".{VIDEO_NAME}.partial.mp4"
    legible = 0
    writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"mp4v"), plan.fps, (plan.size_px, plan.size_px))
    try:
        if not writer.isOpened():
            raise OutputError(f"cannot write a film to {folder}", fix="choose a folder that can be written")
        with write_whole(folder / TRUTH_NAME) as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(COLUMNS)
            for frame, truth in render_flight(plan, texture):
                writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
                table.writerow(_row(truth))
                legible += truth.legible
                if progress is not None:
                    progress(frame.index + 1, plan.frames)
            writer.release()
            if not partial.is_file() or partial.stat().st_size == 0:
                raise OutputError(f"the film in {folder} is empty", fix="check the space on the disk")
            partial.replace(folder / VIDEO_NAME)
    finally:
        writer.release()
        partial.unlink(missing_ok=True)
    return WrittenFlight(folder / VIDEO_NAME, folder / TRUTH_NAME, plan.frames, legible)


def _row(truth: FlightTruth) -> list[object]:
    """Booleans as 0 and 1, numbers with three decimals, an absent box as four empty cells."""
    values: list[object] = [getattr(truth, name) for name in COLUMNS[: -len(_BOX)]]
    cells = [int(v) if isinstance(v, bool) else round(v, 3) if isinstance(v, float) else v for v in values]
    return [*cells, *(truth.polyp_box or ("",) * len(_BOX))]
