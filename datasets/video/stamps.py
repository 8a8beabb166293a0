"""Times that only increase, from the time stamps of a container."""

import math

_RESTART_S = 1.0  # a step back this far is a new start (files joined end to end); less is disorder
_LEAST_STEP_S = 0.001


class StreamClock:
    """Turns time stamps into stream time: 0 at the first frame, strictly rising.

    Most containers need nothing. Raw streams carry no stamps (they stay the same: frames are counted), joined files
    start again at 0 (they are put end to end), and some writers mix up the order (by a millisecond the later one wins).

    Args:
        interval_s: usual time between frames.

    Attributes:
        repaired: frames whose stamp could not be taken as it was.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._stamp_s: float | None = None
        self._offset_s = self._last_s = 0.0
        self.repaired = 0

    def update(self, stamp_s: float) -> float:
        """Stream time of the next frame."""
        if self._stamp_s is None:
            self._stamp_s = stamp_s if math.isfinite(stamp_s) else 0.0
            self._offset_s = -self._stamp_s
            return 0.0
        if not math.isfinite(stamp_s):
            stamp_s = self._stamp_s
        time_s = stamp_s + self._offset_s
        if time_s <= self._last_s:
            self.repaired += 1
            if stamp_s == self._stamp_s:
                time_s = self._last_s + self._interval_s
            elif self._last_s - time_s < _RESTART_S:
                time_s = self._last_s + _LEAST_STEP_S
            else:
                time_s = self._last_s + self._interval_s
                self._offset_s = time_s - stamp_s
        self._stamp_s, self._last_s = stamp_s, time_s
        return time_s
