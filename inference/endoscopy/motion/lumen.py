"""Where the lumen is: the far end of the bowel is the darkest region, because light falls with the distance squared."""

import cv2
import numpy as np

_CELL_PX = 8
_SHARE = 0.06  # of the tissue that is taken for the lumen
_FOLLOW_S = 0.25


class LumenFinder:
    """Centre of the darkest region, followed over a quarter of a second so that a shadow does not move it."""

    def __init__(self) -> None:
        self._place: np.ndarray | None = None

    def reset(self) -> None:
        """Forget where it was."""
        self._place = None

    def update(self, small: np.ndarray, small_mask: np.ndarray, past_s: float) -> np.ndarray:
        """Centre of the lumen, float64 (2,): x and y in pixels of the small picture.

        Args:
            small: uint8 (h, w) grey.
            small_mask: uint8 (h, w), 0 where there is no tissue.
            past_s: time since the last call.
        """
        found = darkest(small, small_mask)
        if self._place is None:
            self._place = found
        else:
            self._place = self._place + (found - self._place) * min(1.0, past_s / (_FOLLOW_S + past_s))
        return self._place


def darkest(small: np.ndarray, small_mask: np.ndarray) -> np.ndarray:
    """Weighted centre of the darkest cells; the middle of the picture where nothing is masked in."""
    height, width = small.shape
    size = max(1, width // _CELL_PX), max(1, height // _CELL_PX)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    light = cv2.GaussianBlur(cv2.resize(small, size, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 1.2)
    inside = cv2.resize(small_mask, size, interpolation=cv2.INTER_AREA) > 200
    if np.count_nonzero(inside) < 16:
        return middle
    values = light[inside]
    low = np.quantile(values, _SHARE)
    weight = np.clip(low + 2.0 - values, 0, None)
    rows, columns = np.nonzero(inside)
    x, y = (columns + 0.5) * width / size[0] - 0.5, (rows + 0.5) * height / size[1] - 0.5
    return np.array([np.average(x, weights=weight), np.average(y, weights=weight)])
