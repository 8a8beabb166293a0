"""Rendered flights through the monitors, frame by frame, with the truth beside what they report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.synthetic.flights.mucosa import TexturePart, textures
from unmissed.datasets.synthetic.flights.render import plan_flight, render_flight
from unmissed.inference.endoscopy.frame.clarity import ClarityMeter
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.monitors.speed import SpeedMonitor
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.motion.motion import MOTION_FEATURES, MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import SpeedLimits
from unmissed.inference.endoscopy.values import Clarity, Motion, Reason

GAUGES = ("speed", "blur", "similarity", "motion")
_FPS = 25.0
_RADIUS_MM = 20.0  # of the gauge's scale


@dataclass(frozen=True, slots=True, eq=False)
class WatchedFlight:
    """A flight as it was watched, one value a frame.

    Attributes:
        kind: of the flight.
        columns: ``time_s``, ``speed_mm_s``, ``radius_mm``, ``legible``, ``frozen``, ``segment`` are the truth;
            ``passed`` (the gate), the gauges (not a number while grey), ``state`` and ``slipped`` are told.
    """

    kind: str
    columns: Mapping[str, np.ndarray]

    @property
    def second_mm_s(self) -> np.ndarray:
        """True speed: mean size over the last second, what the gauge should read."""
        size = np.abs(self.columns["speed_mm_s"])
        total = np.concatenate(([0.0], np.cumsum(size)))
        ends = np.arange(1, len(size) + 1)
        starts = np.maximum(0, ends - round(_FPS))
        result: np.ndarray = (total[ends] - total[starts]) / (ends - starts)
        return result

    def as_seen(self) -> "WatchedFlight":
        """The same flight with its apparent speed, for a lumen of 20 mm radius: a picture has no scale."""
        speed = self.columns["speed_mm_s"] * (_RADIUS_MM / self.columns["radius_mm"])
        return WatchedFlight(self.kind, {**self.columns, "speed_mm_s": speed})


def watch_flight(
    kind: str, seed: int, pictures: Path, part: TexturePart, folder: Path, *, duration_s: float, size_px: int
) -> WatchedFlight:
    """Render a flight and watch it. What the gauges read stays in ``folder``, so that only they run again.

    Args:
        kind, seed: of the flight.
        pictures: folder of pictures for textures.
        part: whose textures.
    """
    path = folder / f"{part}-{kind}-{seed}.npz"
    if not path.exists():
        with write_whole(path, "wb") as stream:
            found = _measured(kind, seed, pictures, part, duration_s, size_px)
            np.savez(stream, allow_pickle=False, **found)
    with np.load(path, allow_pickle=False) as kept:
        columns = dict(kept)
    return WatchedFlight(kind, columns | _assessed(columns))


def _measured(
    kind: str, seed: int, pictures: Path, part: TexturePart, duration_s: float, size_px: int
) -> dict[str, np.ndarray]:
    plan = plan_flight(kind, seed, duration_s=duration_s, fps=_FPS, size_px=size_px)
    content, clarity, freeze = ContentFinder(), ClarityMeter(), FreezeMeter()
    similarity, motion = SimilarityMeter(), MotionMeter()
    before = None
    rows: list[dict[str, Any]] = []
    for frame, truth in render_flight(plan, next(textures(pictures, part, seed))):
        view = content.view(frame)
        clear, moved = clarity.update(view, before), motion.update(view)
        before = view
        rows.append(
            {
                **{
                    name: getattr(truth, name)
                    for name in ("time_s", "speed_mm_s", "legible", "frozen", "segment", "reason")
                },
                "radius_mm": plan.tube.radius_mm,
                "clarity": clear.score,
                "passed": clear.legible,
                "told_frozen": freeze.update(view),
                "alike": similarity.update(view),
                "trust": moved.trust,
                "past_s": moved.past_s,
                "moved": [moved.features[name] for name in MOTION_FEATURES],
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _assessed(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    monitor = SpeedMonitor(SpeedLimits())
    speeds = []
    for k, time_s in enumerate(columns["time_s"]):
        passed = bool(columns["passed"][k])
        clarity = Clarity(float(columns["clarity"][k]), passed, Reason.NONE if passed else Reason.BLUR)
        features = dict(zip(MOTION_FEATURES, map(float, columns["moved"][k]), strict=True))
        motion = Motion(0.0, 0.0, float(columns["trust"][k]), features, float(columns["past_s"][k]))
        frozen = bool(columns["told_frozen"][k])
        speeds.append(monitor.update(float(time_s), clarity, float(columns["alike"][k]), motion, frozen))
    gauges = {name: np.array([getattr(speed, name) for speed in speeds], dtype=float) for name in GAUGES}
    return {
        **gauges,
        "state": np.array([speed.state.value for speed in speeds]),
        "slipped": np.array([speed.slipped for speed in speeds]),
    }
