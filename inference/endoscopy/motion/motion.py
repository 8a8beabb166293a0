"""How the picture moves: axial motion separated from roll, angulation, side steps and contraction of the wall."""

import cv2
import numpy as np

from unmissed.inference.endoscopy.motion.flow import Tracks, follow, grid_corners, usable
from unmissed.inference.endoscopy.motion.lumen import LumenFinder
from unmissed.inference.endoscopy.motion.smear import SMEAR_FEATURES, SmearMeter
from unmissed.inference.endoscopy.motion.tube_fit import VIEW_RAD, TubeFit, fit_scale, fit_tube, rays
from unmissed.inference.endoscopy.values import FrameView, Motion

_GAP_S = 0.5
_LEAST_S = 0.028  # nearer frames move too little to measure: at 50 and 60 a second every other one is compared
_LEAST_POINTS = 12
_AGREE_PX = 1.0
_AGREE_SHARE = 0.15  # of a point's way
_RINGS = ((0.0, 0.45), (0.45, 0.8), (0.8, 2.0))  # radians from the axis of the tube
_MOST_S = 20.0  # no part of a motion is larger than this, in its unit a second: wild fits stay in range

FLOW_FEATURES = (
    *("axial", "axial_middle", "scale", "inner", "centre", "outer", "median", "least_quarter", "most_quarter"),
    *("contraction", "side", "pan", "roll", "way", "residual", "agree", "tracked", "points"),
)
"""Rates are a second; ``axial`` and what follows it up to ``most_quarter`` are positive when drawn back."""

MOTION_FEATURES = (*FLOW_FEATURES, "change", "interval", *SMEAR_FEATURES)


class MotionMeter:
    """Motion from one frame to the next, at any frame rate."""

    def __init__(self) -> None:
        self._lumen, self._smear = LumenFinder(), SmearMeter()
        self._before: FrameView | None = None
        self._corners = np.empty((0, 2), np.float32)
        self._last = nothing()

    def update(self, view: FrameView) -> Motion:
        """Motion since the frame before; ``nothing`` for the first, after a gap and after a change of size."""
        before = self._before
        past_s = view.time_s - before.time_s if before is not None else 0.0
        if before is None or before.small.shape != view.small.shape or not 0 < past_s <= _GAP_S:
            self._lumen.reset()
            self._last = nothing()
        elif past_s < _LEAST_S:
            return self._last
        else:
            self._last = self._between(before, view, past_s)
        self._before = view
        self._corners = grid_corners(view.small, usable(view.small, view.small_mask))
        return self._last

    def _between(self, before: FrameView, view: FrameView, past_s: float) -> Motion:
        lumen = self._lumen.update(view.small, view.small_mask, past_s)
        features = dict.fromkeys(MOTION_FEATURES, 0.0)
        features |= self._smear.measure(view.small, view.small_mask, lumen)
        features["change"] = _change(before, view)
        features["interval"] = past_s
        tracks = follow(before.small, view.small, self._corners)
        features["points"] = tracks.tried / 160
        features["tracked"] = len(tracks.start) / max(1, tracks.tried)
        if len(tracks.start) >= _LEAST_POINTS:
            features |= _flow_features(tracks, lumen, view.small.shape, past_s)
        return Motion(
            expansion_s=features["axial"],
            rotation_deg_s=float(np.degrees(features["roll"])),
            trust=features["agree"] * features["tracked"],
            features=features,
        )


def nothing() -> Motion:
    """No motion was detected."""
    return Motion(0.0, 0.0, 0.0, dict.fromkeys(MOTION_FEATURES, 0.0))


def _change(before: FrameView, view: FrameView) -> float:
    """Mean grey difference over the spread of grey values."""
    level, spread = cv2.meanStdDev(view.small, mask=view.small_mask)
    inside = max(1, cv2.countNonZero(view.small_mask))
    difference = cv2.absdiff(before.small, view.small) & view.small_mask
    return float(difference.sum()) / inside / (float(spread[0, 0]) + 0.05 * float(level[0, 0]) + 2.0)


def _flow_features(tracks: Tracks, lumen: np.ndarray, shape: tuple[int, ...], past_s: float) -> dict[str, float]:
    height, width = shape
    px_per_rad = max(width, height) / VIEW_RAD
    start, end = rays(tracks.start, width, height), rays(tracks.end, width, height)
    fit = fit_tube(start, end, rays(lumen[None], width, height)[0], px_per_rad)
    straight = fit_tube(start, end, np.array([0.0, 0.0, 1.0]), px_per_rad)
    way = np.linalg.norm(tracks.end - tracks.start, axis=1)
    agree = fit.residual_px < _AGREE_PX + _AGREE_SHARE * way
    rates = {
        "axial": fit.axial,
        "axial_middle": straight.axial,
        "scale": -fit_scale(tracks.start, tracks.end, lumen),
        **_by_place(fit),
        "contraction": fit.contraction,
        "side": float(np.linalg.norm(fit.side)),
        "pan": float(np.linalg.norm(fit.turn[:2])) / VIEW_RAD,
        "roll": float(fit.turn[2]),
        "way": float(np.median(way)) / max(width, height),
    }
    found = {name: float(np.clip(value / past_s, -_MOST_S, _MOST_S)) for name, value in rates.items()}
    found["residual"] = float(min(5.0, np.median(fit.residual_px)))
    found["agree"] = float(np.mean(agree))
    return found


def _by_place(fit: TubeFit) -> dict[str, float]:
    """Axial motion as rings and quadrants show it; where a place has too few points, as all points do."""
    found = {
        name: _median(fit.axial_by_point[(fit.angles >= low) & (fit.angles < high)], fit.axial)
        for name, (low, high) in zip(("inner", "centre", "outer"), _RINGS, strict=True)
    }
    found["median"] = _median(fit.axial_by_point[fit.angles > _RINGS[0][1]], fit.axial)
    quarters = [
        _median(fit.axial_by_point[(fit.quarters == k) & (fit.angles > _RINGS[0][1])], fit.axial) for k in range(4)
    ]
    found["least_quarter"], found["most_quarter"] = min(quarters), max(quarters)
    return found


def _median(values: np.ndarray, otherwise: float) -> float:
    return float(np.median(values)) if len(values) >= 5 else otherwise
