"""From a heat map to places: the highest cell, then the highest that is far enough from it, and so on."""

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ModelError


def find_peaks(heat: np.ndarray, radius_cells: float, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find places in a heat map by greedy non-maximum suppression.

    The highest cell is a peak and silences all cells within the radius; the highest cell that is left is the next.
    Clumped nuclei melt into one plateau, which has a single local maximum but several peaks of this kind. Of equal
    cells the first in reading order is taken, so the answer does not depend on chance.

    Args:
        heat: float32 (h, w), finite scores.
        radius_cells: two peaks are further apart than this, in cells; below 1 every cell that is high enough is a peak.
        threshold: lowest score of a peak.

    Returns:
        rows, columns, scores: float32 (N,) each, the highest score first. A whole number means the centre of that cell;
            the fraction is the vertex of the parabola through the cell and its two neighbours, within half a cell. In
            pixels the place is ``(columns + 0.5) * stride_px, (rows + 0.5) * stride_px``. Scores are those of the
            cells.

    Raises:
        ModelError: When the map is not two-dimensional or holds a value that is not finite.
    """
    heat = np.ascontiguousarray(heat, dtype=np.float32)
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise ModelError(
            f"a heat map of shape {heat.shape} cannot be searched",
            expected="two dimensions, and finite scores",
            fix="export the model again",
        )
    if not heat.size:
        return np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.float32)
    disk = _disk(radius_cells)
    is_peak = _suppress(heat, threshold, disk)
    rows, columns = np.nonzero(is_peak)
    scores = heat[rows, columns]
    order = np.argsort(-scores, kind="stable")
    rows, columns, scores = rows[order], columns[order], scores[order]
    framed = np.pad(heat, 1, mode="edge")
    row_shift = _vertex(framed[rows, columns + 1], scores, framed[rows + 2, columns + 1])
    column_shift = _vertex(framed[rows + 1, columns], scores, framed[rows + 1, columns + 2])
    return (rows + row_shift).astype(np.float32), (columns + column_shift).astype(np.float32), scores


def _disk(radius_cells: float) -> np.ndarray:
    reach = max(0, int(radius_cells))
    offsets = np.arange(-reach, reach + 1)
    return (offsets[:, None] ** 2 + offsets**2 <= radius_cells**2).astype(np.uint8) if reach else np.ones((1, 1), "u1")


def _suppress(heat: np.ndarray, threshold: float, disk: np.ndarray) -> np.ndarray:
    """Greedy suppression, all local maxima of what is left at a time: the same answer as one cell after the other."""
    left = heat >= threshold
    order = np.flatnonzero(left)
    order = order[np.argsort(-heat.ravel()[order], kind="stable")]
    ranks = np.zeros(heat.size, np.float32 if order.size < 2**24 else np.float64)
    ranks[order] = np.arange(order.size, 0, -1)  # unique, so that ties fall in reading order
    rank = ranks.reshape(heat.shape)
    kept = np.zeros(heat.shape, bool)
    while left.any():
        ranks_left = np.where(left, rank, 0)
        highest = left & (ranks_left >= cv2.dilate(ranks_left, disk))
        kept |= highest
        left &= cv2.dilate(highest.astype(np.uint8), disk) == 0
    return kept


def _vertex(before: np.ndarray, at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Offset of a parabola's vertex from its middle point; 0 on a plateau."""
    bend = before - 2 * at + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return np.clip(shift, -0.5, 0.5)
