"""Similarity of a frame to the frames before it, by difference hashes: the published measure of withdrawal speed."""

from collections import deque

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SIDE = 8
_LAGS_S, _WEIGHTS = (0.1, 0.2, 0.3), (3.0, 2.0, 1.0)
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
    """Weighted share of equal hash bits between a frame and the pictures of 0.1, 0.2 and 0.3 s before.

    The patent (EP3848891, US11800969) hashes each frame by dHash, takes the overlap with each of the n frames before
    and weighs them; its n and its weights are not published. Here the overlap is taken at fixed times, between the
    frames that there are, so that any frame rate reads alike; nearer pictures count more, falling linearly.
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
        past.append((view.time_s, bits))
        while len(past) > 2 and view.time_s - past[1][0] >= _LAGS_S[-1]:
            past.popleft()
        lags_s = [view.time_s - time_s for time_s, _ in reversed(past)]
        alike = [float(np.mean(bits == then)) for _, then in reversed(past)]
        return float(np.average(np.interp(_LAGS_S, lags_s, alike), weights=_WEIGHTS))
