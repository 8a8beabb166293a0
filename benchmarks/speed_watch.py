"""Rendered flights through the monitors, frame by frame, with the truth beside what they tell."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.files import write_whole
from unmissed.datasets.synthetic.flights import plan_flight, render_flight
from unmissed.datasets.synthetic.mucosa import Part, textures
from unmissed.inference.endoscopy.clarity import ClarityMeter
from unmissed.inference.endoscopy.content import ContentFinder
from unmissed.inference.endoscopy.freeze import FreezeMeter
from unmissed.inference.endoscopy.motion import MotionMeter
from unmissed.inference.endoscopy.protocol import SpeedLimits
from unmissed.inference.endoscopy.similarity import SimilarityMeter
from unmissed.inference.endoscopy.speed import SpeedMonitor

GAUGES = ("speed", "blur", "similarity", "motion")
_TRUTH = ("time_s", "speed_mm_s", "radius_mm", "legible", "frozen", "segment")
_TOLD = ("passed", *GAUGES, "state", "slipped")
_FPS = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A flight as it was watched, one value a frame.

    Attributes
    ----------
    kind : of the flight.
    columns : ``time_s``, ``speed_mm_s``, ``radius_mm``, ``legible``, ``frozen``, ``segment`` are the truth; ``passed``
        (the gate), the gauges (not a number while grey), ``state`` and ``slipped`` are told.
    """

    kind: str
    columns: Mapping[str, np.ndarray]

    @property
    def second_mm_s(self) -> np.ndarray:
        """True speed: mean size over the last second, what the gauge is to tell."""
        size = np.abs(self.columns["speed_mm_s"])
        total = np.concatenate(([0.0], np.cumsum(size)))
        ends = np.arange(1, len(size) + 1)
        starts = np.maximum(0, ends - round(_FPS))
        result: np.ndarray = (total[ends] - total[starts]) / (ends - starts)
        return result


def watch_flight(
    kind: str, seed: int, pictures: Path, part: Part, folder: Path, *, duration_s: float, size_px: int
) -> Watched:
    """Render a flight and watch it, unless that was done before; the rows stay in ``folder``.

    Parameters
    ----------
    kind, seed : of the flight.
    pictures : folder of pictures for textures.
    part : whose textures.
    """
    path = folder / f"{part}-{kind}-{seed}.csv"
    if not path.exists():
        plan = plan_flight(kind, seed, duration_s=duration_s, fps=_FPS, size_px=size_px)
        texture = next(textures(pictures, part, seed))
        content, clarity, freeze = ContentFinder(), ClarityMeter(), FreezeMeter()
        similarity, motion, monitor = SimilarityMeter(), MotionMeter(), SpeedMonitor(SpeedLimits())
        before = None
        rows = []
        for frame, truth in render_flight(plan, texture):
            view = content.view(frame)
            clear = clarity.of(view, before)
            told = monitor.of(view.time_s, clear, similarity.of(view), motion.of(view), freeze.of(view))
            before = view
            rows.append(
                {
                    **{name: getattr(truth, name) for name in _TRUTH if name != "radius_mm"},
                    "radius_mm": plan.tube.radius_mm,
                    "passed": clear.legible,
                    **{name: getattr(told, name) for name in (*GAUGES, "slipped")},
                    "state": told.state.value,
                }
            )
        with write_whole(path) as stream:
            writer = csv.DictWriter(stream, (*_TRUTH, *_TOLD))
            writer.writeheader()
            writer.writerows(rows)
    return read_watched(path, kind)


def read_watched(path: Path, kind: str) -> Watched:
    """Read the rows of a watched flight."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = {name: np.array(list(_column(name, (row[name] for row in rows)))) for name in (*_TRUTH, *_TOLD)}
    return Watched(kind, columns)


def _column(name: str, words: Iterator[str]) -> Iterator[float | bool | str]:
    for word in words:
        if name in ("segment", "state"):
            yield word
        elif name in ("legible", "frozen", "passed", "slipped"):
            yield word == "True"
        else:
            yield float(word) if word else float("nan")
