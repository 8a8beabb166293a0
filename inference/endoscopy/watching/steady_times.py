"""Times of frames that arrive in bursts: when they were taken, not when they came."""

from collections import deque
from dataclasses import dataclass

_SAME_S = 0.008  # frames nearer than this came in one burst: no endoscope gives 125 a second
_BURST_SHARE = 0.3  # of the frames of the last seconds: now and then a late frame is no burst
_SPAN_S = 3.0  # from which the rate is taken
_NOTED_S = 1.0
_GAP_S = 1.0  # after a longer silence everything starts again


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A frame: its number in the stream, when it came, and whether right after the one before."""

    index: int
    time_s: float
    is_same: bool


class SteadyTimes:
    """Spreads frames that are stamped as they arrive, in bursts, evenly over the time in which they were taken.

    A slow machine or network hands out several frames at once, and such stamps say nothing about how far the picture
    moved in between. The rate is taken from the first frames of the bursts, and no frame was taken later than it came.
    Stamps that are not in bursts stay as they are.

    Attributes:
        seconds: for how long stamps have been replaced.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._arrivals: deque[_Arrival] = deque()
        self._last: tuple[int, float] | None = None

    def time_of(self, index: int, time_s: float) -> float:
        """When a frame was taken, in stream seconds; never before the frame before it.

        Args:
            index: of the frame in the stream, those that were dropped counted.
            time_s: its stamp.
        """
        arrivals, last = self._arrivals, self._last
        if arrivals and not (index > arrivals[-1].index and 0 <= time_s - arrivals[-1].time_s <= _GAP_S):
            arrivals.clear()
            last = None
        arrivals.append(_Arrival(index, time_s, bool(arrivals) and time_s - arrivals[-1].time_s < _SAME_S))
        while time_s - arrivals[0].time_s > _SPAN_S:
            arrivals.popleft()
        found = self._taken_s(index, time_s)
        if last is not None:
            if found < time_s:
                self.seconds += max(0.0, found - last[1])
            found = max(found, last[1])
        self._last = index, found
        return found

    def _taken_s(self, index: int, time_s: float) -> float:
        """By the line that frames would have come on if none had been late; the stamp itself outside bursts."""
        first = [arrival for arrival in self._arrivals if not arrival.is_same]
        if len(first) < 2 or len(first) > (1 - _BURST_SHARE) * len(self._arrivals):
            return time_s
        frame_s = (first[-1].time_s - first[0].time_s) / (first[-1].index - first[0].index)
        start_s = min(arrival.time_s - frame_s * arrival.index for arrival in self._arrivals)
        return min(time_s, start_s + frame_s * index)

    def notes(self) -> tuple[str, ...]:
        """A note for the result, in both languages, where stamps have been replaced for a second or more."""
        if self.seconds < _NOTED_S:
            return ()
        return (
            f"Frames arrived in bursts for {self.seconds:.0f} s: their times were spread evenly, so the speed is less "
            f"certain there. 有{self.seconds:.0f}秒画面成批到达：已按均匀间隔推算各帧时间，该时段速度不太确定。",
        )
