"""Whether the picture is frozen: a frozen picture is not an observation, and clocks stop."""

from collections import deque

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SAME = 0.35  # mean grey values; the noise of a live sensor alone makes consecutive frames differ by more
_SPAN_S = 0.4
_SHARE = 0.8  # of the frames of a span: the others may be key frames of a compressed stream, which pulse a little
_JUMP = 2.0  # mean grey values that no key frame of a still picture makes
_GAP_S = 1.0  # frames further apart are not compared
_SAMPLE_PX = 160  # pixels along the longer side that are compared


class FreezeMeter:
    """Compares each frame with the one before.

    Single pixels at full resolution are compared, not means over areas: areas average the sensor's noise away, and
    that noise distinguishes a live picture that does not move from a frozen one.
    """

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._last_s = 0.0
        self._differences: deque[tuple[float, float]] = deque()

    def update(self, view: FrameView) -> bool:
        """True once the picture has been frozen for 0.4 s by its time stamps."""
        step = max(1, max(view.grey.shape) // _SAMPLE_PX)
        sample = np.ascontiguousarray(view.grey[::step, ::step])
        last, elapsed_s = self._last, view.time_s - self._last_s
        self._last, self._last_s = sample, view.time_s
        if last is None or last.shape != sample.shape or not 0 <= elapsed_s < _GAP_S:
            self._differences.clear()
            return False
        difference = float(np.mean(cv2.absdiff(sample, last)))
        if difference > _JUMP:
            self._differences.clear()
            return False
        self._differences.append((view.time_s - elapsed_s, difference))
        while len(self._differences) > 1 and self._differences[1][0] <= view.time_s - _SPAN_S:
            self._differences.popleft()
        same = sum(found < _SAME for _, found in self._differences)
        lasted = view.time_s - self._differences[0][0] >= _SPAN_S - 1e-6
        return lasted and same >= _SHARE * len(self._differences)
