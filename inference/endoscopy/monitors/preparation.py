"""Preparation of the bowel in thirds of the withdrawal, from what a classifier says of single frames."""

from array import array
from statistics import median
from typing import Literal, NamedTuple

from unmissed.inference.endoscopy.protocol import PreparationLimits
from unmissed.inference.endoscopy.values import Preparation, PreparedThird, Reason, Scene, Sight

_LONGEST_FRAME_S = 1.0  # a frame represents no more time than this
_WASH_S = 1.0  # so long with water before the lens is washing, less is a splash
_WASHED_S = 15.0  # what was seen for so long before washing is what was washed, if it is seen for a while afterwards
_LONGEST_WINDOW_S = 15.0  # assessable frames further apart than this are not of one view
_THIRDS = 3


class _Window(NamedTuple):
    """Some seconds of assessable view: begin, end, mean probability of good, seconds."""

    start_s: float
    end_s: float
    good: float
    seconds: float


class PreparationMonitor:
    """Collects windows of assessable view and when the bowel was washed; judges them when the withdrawal is known.

    Preparation is scored after washing, so of the seconds before a washing and those after it only the latter count:
    the last pass. Without a position of the tip the thirds are thirds of the time.

    A window takes 32 bytes; an hour has about a thousand.

    Args:
        limits: of the protocol.
    """

    def __init__(self, limits: PreparationLimits) -> None:
        self._limits = limits
        self._last: tuple[float, float | None, bool] | None = None
        self._open = (0.0, 0.0, 0.0)  # start, seconds, seconds times probability
        self._windows = array("d")
        self._washes: list[tuple[float, float]] = []
        self._wash_start_s: float | None = None
        self._is_told = False

    def update(self, time_s: float, legible: bool, sight: Sight, reason: Reason) -> None:
        """Take a frame; each represents the time until the next one.

        Args:
            time_s: rising.
            legible: legible and not frozen; other frames do not count.
            sight: with the probability of good preparation; none of it counts outside, or with a tool in the view.
            reason: why it is not legible: water is washing.
        """
        good = None if sight.scene in (Scene.OUTSIDE, Scene.INSTRUMENT) else sight.preparation
        self._is_told = self._is_told or good is not None
        if self._last is not None:
            self._add(self._last, min(max(time_s - self._last[0], 0.0), _LONGEST_FRAME_S))
        self._last = (time_s, good if legible else None, reason is Reason.WATER)

    def result(self, start_s: float | None, end_s: float) -> Preparation | None:
        """The thirds of the withdrawal.

        Args:
            start_s: of the withdrawal; None without a turning point. Nothing before it counts.
            end_s: when the tip was out.

        Returns:
            Preparation or None: None where no frame was assessable at all.
        """
        if not self._is_told:
            return None
        if start_s is None or end_s <= start_s:
            return Preparation((), None, "no_caecum")
        windows = [window for window in self._all() if start_s <= window.start_s and window.end_s <= end_s]
        windows = self._last_pass(windows)
        step_s = (end_s - start_s) / _THIRDS
        thirds = tuple(self._third(windows, start_s + k * step_s, start_s + (k + 1) * step_s) for k in range(_THIRDS))
        scores = [third.score for third in thirds]
        adequate = False if 1 in scores else None if None in scores else True
        return Preparation(thirds, adequate, "few_frames" if None in scores else "")

    def _add(self, frame: tuple[float, float | None, bool], seconds: float) -> None:
        time_s, good, is_water = frame
        if self._open[1] and time_s - self._open[0] > _LONGEST_WINDOW_S:
            self._open = (0.0, 0.0, 0.0)
        if good is not None and seconds > 0:
            start_s, total_s, sum_good = self._open if self._open[1] else (time_s, 0.0, 0.0)
            self._open = (start_s, total_s + seconds, sum_good + seconds * good)
            if self._open[1] >= self._limits.window_s - 1e-6:
                self._close(time_s + seconds)
        if is_water:
            self._wash_start_s = time_s if self._wash_start_s is None else self._wash_start_s
            if time_s + seconds - self._wash_start_s >= _WASH_S - 1e-6:
                if self._washes and self._washes[-1][0] == self._wash_start_s:
                    self._washes.pop()
                self._washes.append((self._wash_start_s, time_s + seconds))
                self._open = (0.0, 0.0, 0.0)  # a window is before or after a washing
        else:
            self._wash_start_s = None

    def _close(self, end_s: float) -> None:
        start_s, total_s, sum_good = self._open
        self._windows.extend((start_s, end_s, sum_good / total_s, total_s))
        self._open = (0.0, 0.0, 0.0)

    def _all(self) -> list[_Window]:
        return [_Window(*self._windows[place : place + 4]) for place in range(0, len(self._windows), 4)]

    def _last_pass(self, windows: list[_Window]) -> list[_Window]:
        """Without the windows that were washed afterwards and seen again."""
        for start_s, end_s in self._washes:
            if any(end_s <= window.start_s <= end_s + _WASHED_S for window in windows):
                windows = [one for one in windows if not start_s - _WASHED_S <= one.end_s <= start_s]
        return windows

    def _third(self, windows: list[_Window], start_s: float, end_s: float) -> PreparedThird:
        inside = [one for one in windows if start_s <= (one.start_s + one.end_s) / 2 < end_s]
        seconds = sum(one.seconds for one in inside)
        if not inside or seconds < self._limits.least_s - 1e-6:
            return PreparedThird(start_s, end_s, None, None, seconds)
        good = median(one.good for one in inside)
        score: Literal[1, 2] = 2 if good >= self._limits.good else 1
        return PreparedThird(start_s, end_s, score, good, seconds)
