"""How the picture moves: axial motion separated from roll, angulation, side steps and contraction of the wall."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from unmissed.inference.endoscopy.motion.flow import Tracks, follow, grid_corners, usable
from unmissed.inference.endoscopy.motion.lumen import LumenFinder
from unmissed.inference.endoscopy.motion.smear import SMEAR_FEATURES, SmearMeter
from unmissed.inference.endoscopy.motion.tube_fit import VIEW_RAD, TubeFit, fit_scale, fit_tube, rays
from unmissed.inference.endoscopy.values import FrameView, Motion

_PAIR_S = 0.09  # pictures so far apart are compared at every frame rate, or what they would show is worked out
_NEAR_SHARE = 0.06  # of it: a pair that differs by less is taken as it is
_LEAST_S = 0.065  # from one look to the next: motion is averaged over longer times anyway
_MOST_S = 0.3  # over more, too many points are lost, and what was in between is not known
_SLOW_S = 0.13  # to this distance, two longer ones lead back to what the pair would show
_SOON_S = 0.05  # after a start, a nearer pair is better than none
_GAP_S = 0.5
_LEAST_POINTS = 12
_AGREE_PX = 1.0
_AGREE_SHARE = 0.15  # of a point's way
_RINGS = ((0.0, 0.45), (0.45, 0.8), (0.8, 2.0))  # radians from the axis of the tube
_MOST_RATE = 20.0  # no part of a motion is larger than this, in its unit a second: wild fits stay in range

FLOW_FEATURES = (
    *("axial", "axial_middle", "scale", "inner", "centre", "outer", "median", "least_quarter", "most_quarter"),
    *("contraction", "side", "pan", "roll", "way", "residual", "agree", "tracked", "points"),
)
"""Rates are a second; ``axial`` and what follows it up to ``most_quarter`` are positive when drawn back."""

MOTION_FEATURES = (*FLOW_FEATURES, "change", *SMEAR_FEATURES)


class MotionMeter:
    """Motion up to a frame, as a pair of pictures 90 ms apart shows it, at any frame rate and with uneven stamps.

    How many points are lost, how far the rest disagree and even the rate that they show depend on how far apart two
    pictures are. So where there is no pair of 90 ms, a nearer and a farther one are compared, and each figure is taken
    between the two.
    """

    def __init__(self) -> None:
        self._lumen, self._smear = LumenFinder(), SmearMeter()
        self._past: deque[tuple[float, np.ndarray]] = deque()
        self._looked_s: float | None = None
        self._held = nothing()

    def update(self, view: FrameView) -> Motion:
        """Motion up to this frame.

        Returns:
            Motion: The one before, with ``past_s`` 0, where the last look is too near; ``nothing`` where there are no
                pictures to compare: at first, after a gap and after a change of size.
        """
        past = self._past
        if past and (past[-1][1].shape != view.small.shape or not 0 <= view.time_s - past[-1][0] <= _GAP_S):
            self._forget()
        if self._looked_s is not None and view.time_s - self._looked_s < _LEAST_S:
            return self._kept(view, self._held)
        while past and view.time_s - past[0][0] > _MOST_S + 1e-6:
            past.popleft()
        pairs = pairs_of([view.time_s - time_s for time_s, _ in past])
        if not pairs:
            return self._kept(view, nothing())
        farthest_s = view.time_s - past[min(pairs)][0]
        past_s = farthest_s if self._looked_s is None else min(view.time_s - self._looked_s, farthest_s)
        found = self._compared([(*past[place], weight) for place, weight in pairs.items()], view, past_s)
        self._looked_s = view.time_s
        self._kept(view, replace(found, past_s=0.0))
        return found

    def _kept(self, view: FrameView, held: Motion) -> Motion:
        self._past.append((view.time_s, view.small))
        self._held = held
        return held

    def _forget(self) -> None:
        self._past.clear()
        self._lumen.reset()
        self._looked_s, self._held = None, nothing()

    def _compared(self, pairs: list[tuple[float, np.ndarray, float]], view: FrameView, past_s: float) -> Motion:
        lumen = self._lumen.update(view.small, view.small_mask, past_s)
        corners = grid_corners(view.small, usable(view.small, view.small_mask))
        features = dict.fromkeys(MOTION_FEATURES, 0.0)
        trust = 0.0
        for time_s, before, weight in pairs:
            found = _pair_features(before, view, corners, lumen, view.time_s - time_s)
            trust += weight * found["agree"] * found["tracked"]
            for name, value in found.items():
                features[name] += weight * value
        features |= self._smear.measure(view.small, view.small_mask, lumen)
        return Motion(
            expansion_s=features["axial"],
            rotation_deg_s=float(np.degrees(features["roll"])),
            trust=float(np.clip(trust, 0, 1)),
            features=features,
            past_s=past_s,
        )


def nothing() -> Motion:
    """No motion was detected."""
    return Motion(0.0, 0.0, 0.0, dict.fromkeys(MOTION_FEATURES, 0.0))


def pairs_of(ages_s: Sequence[float]) -> dict[int, float]:
    """Which earlier pictures are compared with one, and the weight of each: what they show together is that of 90 ms.

    Args:
        ages_s: how much older each of them is, the oldest first.

    Returns:
        dict
            place -> weight; the weights add up to 1. Empty where none fits.
    """
    fitting = {place: age_s for place, age_s in enumerate(ages_s) if 0 < age_s <= _MOST_S + 1e-6}
    if not fitting:
        return {}
    nearest = min(fitting, key=lambda place: abs(fitting[place] - _PAIR_S))
    if abs(fitting[nearest] - _PAIR_S) <= _NEAR_SHARE * _PAIR_S:
        return {nearest: 1.0}
    shorter = [place for place, age_s in fitting.items() if age_s < _PAIR_S]
    longer = [place for place, age_s in fitting.items() if age_s > _PAIR_S][::-1]
    if not longer:
        return {nearest: 1.0} if fitting[nearest] >= _SOON_S else {}
    if shorter:
        one, other = shorter[0], longer[0]
    elif len(longer) > 1 and fitting[longer[0]] <= _SLOW_S:
        one, other = longer[0], longer[1]
    else:
        return {longer[0]: 1.0}
    share = (_PAIR_S - fitting[one]) / (fitting[other] - fitting[one])
    return {one: 1 - share, other: share}


def _change(before: np.ndarray, view: FrameView) -> float:
    """Mean grey difference over the spread of grey values."""
    level, spread = cv2.meanStdDev(view.small, mask=view.small_mask)
    inside = max(1, cv2.countNonZero(view.small_mask))
    difference = cv2.absdiff(before, view.small) & view.small_mask
    return float(difference.sum()) / inside / (float(spread[0, 0]) + 0.05 * float(level[0, 0]) + 2.0)


def _pair_features(
    before: np.ndarray, view: FrameView, corners: np.ndarray, lumen: np.ndarray, apart_s: float
) -> dict[str, float]:
    """What a pair of pictures shows; the corners are those of the later one, and are followed back."""
    features = dict.fromkeys(FLOW_FEATURES, 0.0) | {"change": _change(before, view)}
    back = follow(view.small, before, corners)
    features["points"] = back.tried / 160
    features["tracked"] = len(back.start) / max(1, back.tried)
    if len(back.start) >= _LEAST_POINTS:
        features |= _flow_features(Tracks(back.end, back.start, back.tried), lumen, view.small.shape, apart_s)
    return features


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
    found = {name: float(np.clip(value / past_s, -_MOST_RATE, _MOST_RATE)) for name, value in rates.items()}
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
