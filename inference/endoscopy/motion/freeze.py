"""Whether the picture is frozen: a frozen picture is not an observation, and clocks stop."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SAME = 0.35  # mean grey values; the noise of a live sensor alone makes consecutive frames differ by more
_SPAN_S = 0.4
_SHARE = 0.8  # of the looks of a span: the others may be key frames of a compressed stream, which pulse a little
_JUMP = 2.0  # mean grey values that no key frame of a still picture makes
_GAP_S = 1.0  # frames further apart are not compared
_LEAST_S = 0.065  # nearer frames of a live picture can be alike: 60 and 15 frames a second are compared alike
_SAMPLE_PX = 160  # pixels along the longer side that are compared
_CELL_PX = 8  # of the small picture: means over cells average noise away, and keep motion
_LEAST_CELLS = 30
# Over 0.4 s the cells of a still picture under an analogue grabber's noise changed by 1.5 to 2.2 times what that noise
# explains, those of a real colon by 4.5 and more (72 s, 1,790 pairs), and by the motion of 0.7 px and more.
_NOISE_TIMES, _MOVED_PX = 2.5, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A frame that is compared: whether it was like the one before, and what it shows."""

    time_s: float
    is_same: bool
    small: np.ndarray


class FreezeMeter:
    """Compares each frame with the one about a fifteenth of a second before, and with the one 0.4 s before.

    Single pixels at full resolution are compared first: areas average the sensor's noise away, and that noise
    distinguishes a live picture that does not move from a frozen one. But a recorder that takes the picture of the
    processor over an analogue line adds noise of its own, to a frozen picture too. There the means of small areas
    decide: a picture that is still but for its noise, for 0.4 s, is frozen, since a living wall always moves a little.
    """

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._last_s = 0.0
        self._looks: deque[_Look] = deque()
        self._frozen = False

    def update(self, view: FrameView) -> bool:
        """True once the picture has been frozen for 0.4 s by its time stamps."""
        step = max(1, max(view.grey.shape) // _SAMPLE_PX)
        sample = np.ascontiguousarray(view.grey[::step, ::step])
        last, elapsed_s = self._last, view.time_s - self._last_s
        if last is None or last.shape != sample.shape or not 0 <= elapsed_s < _GAP_S:
            return self._restart(view, sample)
        if elapsed_s < _LEAST_S and not self._frozen:
            return False
        difference = float(np.mean(cv2.absdiff(sample, last)))
        is_same = difference < _SAME or is_still(self._looks[0].small, view)
        if difference > _JUMP and not is_same:
            return self._restart(view, sample)
        if elapsed_s < _LEAST_S:
            return self._frozen
        self._last, self._last_s = sample, view.time_s
        self._looks.append(_Look(view.time_s, is_same, view.small))
        while len(self._looks) > 2 and self._looks[1].time_s <= view.time_s - _SPAN_S + 1e-6:
            self._looks.popleft()
        compared = list(self._looks)[1:]
        same = sum(look.is_same for look in compared)
        lasted = view.time_s - self._looks[0].time_s >= _SPAN_S - 1e-6
        self._frozen = lasted and same >= _SHARE * len(compared)
        return self._frozen

    def _restart(self, view: FrameView, sample: np.ndarray) -> bool:
        self._last, self._last_s, self._frozen = sample, view.time_s, False
        self._looks.clear()
        self._looks.append(_Look(view.time_s, False, view.small))
        return False


def is_still(then: np.ndarray, view: FrameView) -> bool:
    """Whether a small picture, uint8 (h, w), and that of a frame differ by noise only, and a motion would show."""
    now = view.small
    if then.shape != now.shape:
        return False
    inside = _cells(view.small_mask) >= 254
    if np.count_nonzero(inside) < _LEAST_CELLS:
        return False
    difference = now.astype(np.float32) - then
    grain = difference - cv2.blur(difference, (3, 3))
    noise = float(np.sqrt(np.mean(_cells(grain * grain)[inside]) * 9 / 8))  # the mean of nine takes a ninth away
    change = _cells(difference)
    moved = float(np.std(change[inside]))
    light = _cells(now)
    across = np.diff(light, axis=1)[inside[:, 1:] & inside[:, :-1]]
    down = np.diff(light, axis=0)[inside[1:] & inside[:-1]]
    slope = float(np.sqrt((np.mean(across**2) + np.mean(down**2)) / 2)) / _CELL_PX if across.size and down.size else 0.0
    return moved < _NOISE_TIMES * noise / _CELL_PX and moved < _MOVED_PX * slope


def _cells(picture: np.ndarray) -> np.ndarray:
    """Means over cells, float32 (rows, columns); what is left over at the right and below is not used."""
    rows, columns = (side // _CELL_PX for side in picture.shape)
    if not rows or not columns:
        return np.empty((0, 0), np.float32)
    whole = picture[: rows * _CELL_PX, : columns * _CELL_PX]
    cells: np.ndarray = cv2.resize(whole.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return cells
