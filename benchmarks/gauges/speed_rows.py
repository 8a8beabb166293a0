"""Rows of features and true speeds of recorded flights, by the code that watches examinations."""

from dataclasses import dataclass

import numpy as np

from unmissed.benchmarks.gauges.speed_flights import Recording
from unmissed.inference.endoscopy.monitors.speed_features import FEATURES, WINDOW_S, SpeedWindow
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.values import Box, FrameView

RADIUS_MM = 20.0
"""Lumen radius at which the gauge's scale is given in mm/s."""

SOON_S = 0.3
_STRAIGHT_MM_S, _PER_UNIT_MM_S = 35.0, 50.0
_NO_IMAGE = np.empty((0, 0, 3), np.uint8)


def gauge_of(speed_mm_s: np.ndarray) -> np.ndarray:
    """What the gauge should read, 0..1: 1/50 a mm/s up to 35 mm/s (0.7), then ever slower towards 1.

    30 mm/s at a lumen radius of 20 mm is the red limit, 0.6. Above, the gauge still rises, so that faster reads higher.
    """
    speed = np.abs(speed_mm_s)
    start = _STRAIGHT_MM_S / _PER_UNIT_MM_S
    over = np.clip(speed - _STRAIGHT_MM_S, 0, None) / (_PER_UNIT_MM_S * (1 - start))
    result: np.ndarray = np.where(
        speed <= _STRAIGHT_MM_S, speed / _PER_UNIT_MM_S, start + (1 - start) * over / (1 + over)
    )
    return result


@dataclass(frozen=True, slots=True, eq=False)
class FlightRows:
    """A flight, measured motion by measured motion.

    Attributes:
        kind: of the flight.
        values: float (N, F), columns of ``FEATURES``.
        time_s, similarity, trust: (N,).
        speed_mm_s: (N,), true speed of the frame's interval; positive is withdrawal.
        second_mm_s, soon_mm_s: (N,), its mean size over the last second and the last 0.3 s.
        radius_mm: of the lumen.
        legible, frozen: bool (N,).
        segment: (N,) names.
    """

    kind: str
    values: np.ndarray
    time_s: np.ndarray
    similarity: np.ndarray
    trust: np.ndarray
    speed_mm_s: np.ndarray
    second_mm_s: np.ndarray
    soon_mm_s: np.ndarray
    radius_mm: float
    legible: np.ndarray
    frozen: np.ndarray
    segment: np.ndarray

    def at_radius(self, speed_mm_s: np.ndarray) -> np.ndarray:
        """Speeds as they would look in a lumen of 20 mm radius: what a picture can show."""
        return speed_mm_s * (RADIUS_MM / self.radius_mm)


def rows_of(flight: Recording, every: int = 1, keep: int = 1) -> FlightRows:
    """Run the meters over a recording.

    Args:
        every: this number of frames is averaged to one, as if the tip moved that much faster before a slower shutter.
        keep: of the frames after that, only one in this number is used, as at a lower frame rate.

    Returns:
        FlightRows: Of the frames at which a motion was measured.
    """
    similarity, motion, window = SimilarityMeter(), MotionMeter(), SpeedWindow()
    masks = [np.where(mask, 255, 0).astype(np.uint8) for mask in flight.masks]
    count = len(flight.small) // (every * keep)
    intervals = np.arange(count * every * keep).reshape(count, every * keep)
    fps = round((len(flight.time_s) - 1) / float(flight.time_s[-1] - flight.time_s[0]), 3) / keep
    times = np.arange(count) / fps
    measured, values, alike, trust = [], [], [], []
    for row, interval in enumerate(intervals):
        seen = interval[-every:]
        small = flight.small[seen].mean(axis=0).round().astype(np.uint8) if every > 1 else flight.small[seen[0]]
        box = Box(0, 0, small.shape[1], small.shape[0])
        view = FrameView(times[row], box, _NO_IMAGE, small, small, masks[flight.mask_of[seen[-1]]])
        near, moved = similarity.update(view), motion.update(view)
        if moved.past_s > 0:
            window.add(times[row], moved.past_s, near, moved)
            features = window.features()
            measured.append(row)
            values.append([features[name] for name in FEATURES])
            alike.append(near)
            trust.append(moved.trust)
    at = np.array(measured, int)
    size = np.abs(flight.speed_mm_s)[intervals].mean(axis=1) * every
    return FlightRows(
        kind=flight.kind,
        values=np.array(values),
        time_s=times[at],
        similarity=np.array(alike),
        trust=np.array(trust),
        speed_mm_s=(flight.speed_mm_s[intervals].mean(axis=1) * every)[at],
        second_mm_s=trailing_mean(size, round(WINDOW_S * fps))[at],
        soon_mm_s=trailing_mean(size, round(SOON_S * fps))[at],
        radius_mm=flight.radius_mm,
        legible=np.asarray(flight.legible[intervals].all(axis=1))[at],
        frozen=np.asarray(flight.frozen[intervals].any(axis=1))[at],
        segment=flight.segment[intervals[:, -1]][at],
    )


def trailing_mean(values: np.ndarray, count: int) -> np.ndarray:
    """Mean over the last ``count`` values, of fewer at the start."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - count)
    result: np.ndarray = (total[ends] - total[starts]) / (ends - starts)
    return result
