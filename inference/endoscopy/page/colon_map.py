"""The withdrawal drawn along the outline of the colon: a time axis, since no position is measured."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from unmissed.inference.endoscopy.values import SpeedState

# The way of the withdrawal from the caecum to the anus, in units of the drawing.
_WAY = (
    (92, 350), (84, 300), (92, 240), (86, 180), (92, 122), (112, 92), (146, 100), (190, 128), (240, 138), (290, 128),
    (336, 94), (368, 74), (392, 96), (390, 150), (396, 210), (390, 268), (378, 312), (338, 330), (300, 312), (268, 330),
    (256, 366), (254, 420),
)  # fmt: skip
_STEPS = 10
_MARKS_S = (10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
_MOST_MARKS = 10
_BESIDE = 34.0  # between the way and the text of a mark


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the way in one state; ``points`` as SVG writes them."""

    state: SpeedState
    points: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A time on the way; the text is at ``text_x, text_y``."""

    x: float
    y: float
    text_x: float
    text_y: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ColonMap:
    """The drawing: outline, legs of the withdrawal, marks of time."""

    outline: str
    legs: tuple[Leg, ...]
    marks: tuple[Mark, ...]


def colon_map(states: Sequence[tuple[SpeedState, float, float]], start_s: float, end_s: float) -> ColonMap:
    """Lay the withdrawal along the colon.

    Args:
        states: speed state with the times (seconds) at which it began and ended, in time order.
        start_s, end_s: of the withdrawal: the caecum and the anus.
    """
    way = _Way()
    length_s = max(end_s - start_s, 1e-6)
    legs = []
    for state, from_s, to_s in _joined(states):
        first, last = (min(max((time_s - start_s) / length_s, 0.0), 1.0) for time_s in (from_s, to_s))
        if last > first:
            legs.append(Leg(state, _as_svg(way.between(first, last))))
    return ColonMap(_as_svg(way.points), tuple(legs), _marks(way, length_s))


def _joined(states: Sequence[tuple[SpeedState, float, float]]) -> list[tuple[SpeedState, float, float]]:
    """Neighbours of one state as one."""
    found: list[tuple[SpeedState, float, float]] = []
    for state, from_s, to_s in states:
        if found and found[-1][0] is state and from_s <= found[-1][2]:
            found[-1] = (state, found[-1][1], to_s)
        else:
            found.append((state, from_s, to_s))
    return found


class _Way:
    """The smooth way and the share of its length at each of its points."""

    def __init__(self) -> None:
        self.points = _smooth()
        total = [0.0]
        for (ax, ay), (bx, by) in pairwise(self.points):
            total.append(total[-1] + math.hypot(bx - ax, by - ay))
        self._shares = [length / total[-1] for length in total]

    def at(self, share: float) -> tuple[float, float]:
        """The point at a share of the length."""
        place = min(max(bisect_left(self._shares, share), 1), len(self.points) - 1)
        before, after = self._shares[place - 1], self._shares[place]
        part = (share - before) / (after - before)
        (ax, ay), (bx, by) = self.points[place - 1], self.points[place]
        return ax + part * (bx - ax), ay + part * (by - ay)

    def between(self, first: float, last: float) -> list[tuple[float, float]]:
        """The points between two shares of the length."""
        inner = self.points[bisect_right(self._shares, first) : bisect_left(self._shares, last)]
        return [self.at(first), *inner, self.at(last)]


def _marks(way: _Way, length_s: float) -> tuple[Mark, ...]:
    """Round times since the turning point, beside the way."""
    step_s = next((step for step in _MARKS_S if length_s / step <= _MOST_MARKS), _MARKS_S[-1])
    marks = []
    for count in range(min(int(length_s / step_s), _MOST_MARKS) + 1):
        share = count * step_s / length_s
        (x, y), (ax, ay), (bx, by) = way.at(share), way.at(max(share - 0.01, 0)), way.at(min(share + 0.01, 1))
        along = math.hypot(bx - ax, by - ay)
        across_x, across_y = -(by - ay) / along, (bx - ax) / along
        marks.append(Mark(x, y, x - _BESIDE * across_x, y - _BESIDE * across_y, count * step_s))
    return tuple(marks)


def _smooth() -> list[tuple[float, float]]:
    """Catmull-Rom curve through the points of the way."""
    framed = (_WAY[0], *_WAY, _WAY[-1])
    points = []
    for before, start, end, after in zip(framed, framed[1:], framed[2:], framed[3:], strict=False):
        for step in range(_STEPS):
            t = step / _STEPS
            x, y = (
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
                for a, b, c, d in zip(before, start, end, after, strict=True)
            )
            points.append((x, y))
    return [*points, (float(_WAY[-1][0]), float(_WAY[-1][1]))]


def _as_svg(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
