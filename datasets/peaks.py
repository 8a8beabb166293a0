"""From a heat map to places: local maxima, one within each radius."""

import cv2
import numpy as np

from unmissed.datasets.errors import ModelError


def find_peaks(heat: np.ndarray, radius_cells: float, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the local maxima of a heat map.

    A cell is a peak when no cell within the radius is higher. Of equal cells within the radius of each other the first
    in reading order is taken, so the answer does not depend on chance.

    Parameters
    ----------
    heat : float32 (h, w), finite scores.
    radius_cells : two peaks are further apart than this, in cells; below 1 every cell that is high enough is a peak.
    threshold : lowest score of a peak.

    Returns
    -------
    rows, columns, scores : float32 (N,) each, the highest score first. A whole number means the centre of that cell;
        the fraction is the vertex of the parabola through the cell and its two neighbours, within half a cell. In
        pixels the place is ``(columns + 0.5) * stride_px, (rows + 0.5) * stride_px``. Scores are those of the cells.

    Raises
    ------
    ModelError
        When the map is not two-dimensional or holds a value that is not finite.
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
    is_peak = _first_of_equals((heat >= cv2.dilate(heat, disk)) & (heat >= threshold), disk)
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


def _first_of_equals(candidates: np.ndarray, disk: np.ndarray) -> np.ndarray:
    """Of maxima within each other's disk, which are equal, keep the first in reading order; int8 scores tie often."""
    kept = np.zeros(candidates.shape, np.uint8)
    left = candidates
    early = np.arange(left.size, 0, -1, dtype=np.float64).reshape(left.shape)
    while left.any():
        rank = np.where(left, early, 0.0)
        first = left & (rank >= cv2.dilate(rank, disk))
        kept[first] = 1
        left = left & ~cv2.dilate(first.astype(np.uint8), disk).astype(bool)
    return kept.astype(bool)


def _vertex(before: np.ndarray, at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Offset of a parabola's vertex from its middle point; 0 on a plateau."""
    bend = before - 2 * at + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return np.clip(shift, -0.5, 0.5)
