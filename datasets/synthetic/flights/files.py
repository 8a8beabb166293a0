"""Flights as files: a film in MP4 and its truth as a table."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.synthetic.film_files import TRUTH_NAME, truth_columns, written
from unmissed.datasets.synthetic.flights.plans import FlightPlan
from unmissed.datasets.synthetic.flights.render import FlightTruth, render_flight

VIDEO_NAME = "flight.mp4"
COLUMNS = truth_columns(FlightTruth)


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
    video, legible = folder / VIDEO_NAME, 0
    size_px = (plan.size_px, plan.size_px)
    with closing(written(render_flight(plan, texture), FlightTruth, video, size_px, plan.fps)) as frames:
        for frame, truth in frames:
            legible += truth.legible
            if progress is not None:
                progress(frame.index + 1, plan.frames)
    return WrittenFlight(video, folder / TRUTH_NAME, plan.frames, legible)
