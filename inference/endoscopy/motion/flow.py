"""Points that are followed from one frame to the next: grid corners, Lucas-Kanade, forward and backward."""

from dataclasses import dataclass

import cv2
import numpy as np

_CELL_PX = 16
_MOST_POINTS = 160
_WINDOW_PX = 13
_LEVELS = 3
_RETURN_PX = 0.8  # a point that comes back this far from where it started was lost
_RETURN_SHARE = 0.1  # of its way: fast points return less exactly
_LEAST_CORNER = 2e-5  # smaller eigenvalue of the gradients below which a patch shows noise only
_BORDER_PX = 5
_BURNT = 245
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.02)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Points of two frames that belong together.

    Attributes:
        start, end: float64 (N, 2), x and y in pixels of the small picture.
        tried: how many points were looked for.
    """

    start: np.ndarray
    end: np.ndarray
    tried: int


def usable(small: np.ndarray, small_mask: np.ndarray) -> np.ndarray:
    """Where corners may lie: uint8 (h, w), 255 on tissue away from its border and from highlights.

    A highlight moves with the lamp, not with the wall.
    """
    burnt = cv2.dilate((small >= _BURNT).view(np.uint8), np.ones((7, 7), np.uint8))
    inner = cv2.erode(small_mask, np.ones((2 * _BORDER_PX + 1,) * 2, np.uint8), borderValue=0)
    inner[burnt > 0] = 0
    return inner


def grid_corners(small: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The best corner of each cell of a grid: float32 (N, 2), x and y, at most 160, the strongest first.

    Args:
        small: uint8 (h, w) grey.
        allowed: uint8 (h, w), 0 where no corner may lie.
    """
    strength = cv2.cornerMinEigenVal(small, 5)
    strength[allowed == 0] = 0
    rows, columns = (side // _CELL_PX for side in small.shape)
    if not rows or not columns:
        return np.empty((0, 2), np.float32)
    split = strength[: rows * _CELL_PX, : columns * _CELL_PX].reshape(rows, _CELL_PX, columns, _CELL_PX)
    cells = split.transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    best = cells.argmax(axis=1)
    height = cells[np.arange(len(cells)), best]
    kept = np.flatnonzero(height > _LEAST_CORNER)
    kept = kept[np.argsort(-height[kept], kind="stable")][:_MOST_POINTS]
    row, column = np.divmod(kept, columns)
    y, x = np.divmod(best[kept], _CELL_PX)
    return np.column_stack((column * _CELL_PX + x, row * _CELL_PX + y)).astype(np.float32)


def follow(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> Tracks:
    """Find the points of one picture in the next; those that do not lead back are dropped.

    Args:
        before, now: uint8 (h, w) grey, of the same size.
        points: float32 (N, 2) in ``before``.
    """
    if not len(points):
        return Tracks(np.empty((0, 2)), np.empty((0, 2)), 0)
    far, found = _followed(before, now, points)
    back, led_back = _followed(now, before, far)
    end = far.astype(np.float64)
    way = np.linalg.norm(end - points, axis=1)
    missed = np.linalg.norm(back - points, axis=1)
    kept = found & led_back & (missed < _RETURN_PX + _RETURN_SHARE * way)
    height, width = now.shape
    kept &= (end >= 0).all(axis=1) & (end[:, 0] < width) & (end[:, 1] < height)
    return Tracks(points[kept].astype(np.float64), end[kept], len(points))


def _followed(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the points are now, float32 (N, 2), and which were found, bool (N,)."""
    end, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        np.ascontiguousarray(points[:, None]),
        np.zeros((len(points), 1, 2), np.float32),
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS,
        criteria=_CRITERIA,
    )
    return np.asarray(end)[:, 0], np.asarray(found).ravel() == 1
