"""How often the lesion model looks in real time: every n-th frame, n chosen by the time that it takes."""

import math
from collections import deque
from statistics import median

_SHARE = 0.8  # of the time between two looks that a look may take; the rest evens out looks that take longer
_CALM = 0.8  # looks are made more frequent only where they would take less than this part of what they may
_LOOKS, _INTERVALS = 7, 25  # of which the medians are taken: a second or so of frames
_MOST_FRAMES = 250
_INTERVAL_MS = (4.0, 1000.0)  # what a frame lasts, at 250 to 1 a second; other numbers are defects of a time stamp


class LookPace:
    """Chooses n so that a look is over before the next one is due.

    It follows the machine both ways: up as soon as the median of the last looks asks for it, down only where there is
    time to spare, so that it does not waver between two numbers.

    Args:
        interval_ms: between two frames, as the stream was announced; it is measured from then on.

    Attributes:
        every: n; the model looks at every n-th frame.
    """

    def __init__(self, interval_ms: float) -> None:
        low, high = _INTERVAL_MS
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self._intervals: deque[float] = deque([min(max(interval_ms, low), high)], maxlen=_INTERVALS)
        self.every = 1

    @property
    def interval_ms(self) -> float:
        """Median time between two frames of the stream."""
        return median(self._intervals)

    def add_interval(self, milliseconds: float) -> None:
        """Take the time between two frames that followed each other in the stream."""
        low, high = _INTERVAL_MS
        if low <= milliseconds <= high:
            self._intervals.append(milliseconds)
            self._choose()

    def add_look(self, milliseconds: float) -> None:
        """Take the time that a look took."""
        self._looks.append(milliseconds)
        self._choose()

    def _choose(self) -> None:
        if not self._looks:
            return
        frames = median(self._looks) / (_SHARE * self.interval_ms)
        least, calm = (min(max(1, math.ceil(count)), _MOST_FRAMES) for count in (frames, frames / _CALM))
        if least > self.every:
            self.every = least
        elif calm < self.every:
            self.every = calm
