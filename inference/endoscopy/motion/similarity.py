"""Similarity of a frame to the frames before it, by difference hashes: the published measure of withdrawal speed."""

from collections import deque

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SIDE = 8
_REACH_S = 0.36  # nine frames at 25 a second
_STEP_S = 0.04
_GAP_S = 0.5


def dhash(picture: np.ndarray) -> np.ndarray:
    """Difference hash: whether each cell of an 8 x 9 reduction is darker than its right neighbour.

    Args:
        picture: uint8 (h, w) grey.

    Returns:
        np.ndarray
            bool (64,).
    """
    cells = cv2.resize(picture, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (cells[:, 1:] > cells[:, :-1]).ravel()


class SimilarityMeter:
    """Weighted share of equal hash bits between a frame and those of the last 0.36 s.

    The patent (EP3848891, US11800969) hashes each frame by dHash, takes the overlap with each of the n frames before
    and weighs them; its n and its weights are not published. Here n is nine frames at 25 frames/s, counted by time
    so that any frame rate reads alike, and nearer frames count more, falling linearly.
    """

    def __init__(self) -> None:
        self._past: deque[tuple[float, np.ndarray]] = deque(maxlen=64)
        self._shape: tuple[int, ...] = ()

    def update(self, view: FrameView) -> float:
        """Similarity, 0..1; 1 for the first frame, after a gap of half a second and after a change of size."""
        bits = dhash(view.small)
        past = self._past
        if past and (view.small.shape != self._shape or not 0 < view.time_s - past[-1][0] <= _GAP_S):
            past.clear()
        self._shape = view.small.shape
        while past and view.time_s - past[0][0] > _REACH_S + _STEP_S / 2:
            past.popleft()
        total = weight = 0.0
        for time_s, bits_then in past:
            near = 1.0 + _STEP_S / _REACH_S - (view.time_s - time_s) / _REACH_S
            near = max(near, _STEP_S / _REACH_S)
            total += near * float(np.mean(bits == bits_then))
            weight += near
        past.append((view.time_s, bits))
        return total / weight if weight else 1.0
