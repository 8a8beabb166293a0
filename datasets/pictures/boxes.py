"""From a heat map to boxes, for things that differ in size: each box spans what belongs to its peak."""

import cv2
import numpy as np

from unmissed.datasets.pictures.peaks import find_peaks

_FINER = 4  # the map is interpolated by this before an extent is taken
_SHARE = 0.8  # of its peak's score down to which a cell belongs to a box: lower ones join neighbours into one
_LARGEST_OVERLAP = 0.3  # intersection over union, beyond which the lower of two boxes is the same thing again


def find_boxes(
    heat: np.ndarray, stride_px: int, radius_px: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the extents of the bright parts of a heat map.

    Around every peak (see ``find_peaks``) the connected cells of at least 80 % of its score make its box. A box that
    overlaps a higher one, or has its centre inside one, is left out.

    Args:
        heat: float32 (h, w), finite scores.
        stride_px: side of a cell.
        radius_px: two peaks are further apart than this.
        threshold: lowest score of a peak.

    Returns:
        boxes: float32 (N, 4), left, top, right, bottom in pixels; the highest score first.
        scores: float32 (N,).
        cells: int (N, 2), row and column of each peak.
    """
    rows, columns, scores = find_peaks(heat, radius_px / stride_px, threshold)
    height, width = heat.shape
    cells = np.stack([np.clip(np.rint(rows), 0, height - 1), np.clip(np.rint(columns), 0, width - 1)], axis=1)
    cells = cells.astype(int)
    fine = cv2.resize(heat, (width * _FINER, height * _FINER), interpolation=cv2.INTER_LINEAR)
    boxes = [_extent(fine, row, column, float(score)) for (row, column), score in zip(cells, scores, strict=True)]
    found = np.array(boxes, np.float32).reshape(-1, 4) * (stride_px / _FINER)
    kept: list[int] = []
    for index in range(len(found)):
        if not any(_is_same(found[index], found[other]) for other in kept):
            kept.append(index)
    return found[kept], scores[kept], cells[kept]


def _extent(fine: np.ndarray, row: int, column: int, score: float) -> tuple[int, int, int, int]:
    """Box of the connected part around a cell, in pixels of the interpolated map; at least the cell itself."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((fine >= _SHARE * score).astype(np.uint8), connectivity=4)
    top, left = row * _FINER, column * _FINER
    own = labels[top : top + _FINER, left : left + _FINER]
    label = int(own.max())
    if label == 0:
        return left, top, left + _FINER, top + _FINER
    x, y, width, height, _ = stats[label].tolist()
    return x, y, x + width, y + height


def _is_same(box: np.ndarray, higher: np.ndarray) -> bool:
    centre = (box[:2] + box[2:]) / 2
    if (centre >= higher[:2]).all() and (centre <= higher[2:]).all():
        return True
    sides = np.clip(np.minimum(box[2:], higher[2:]) - np.maximum(box[:2], higher[:2]), 0, None)
    common = float(sides.prod())
    union = float((box[2:] - box[:2]).prod() + (higher[2:] - higher[:2]).prod()) - common
    return common > _LARGEST_OVERLAP * union
