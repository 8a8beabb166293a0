"""Heat maps of pictures of any size: overlapping canvases whose borders are not used, so that no seam is left."""

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError

InferBatch = Callable[[np.ndarray], np.ndarray]


def heat_map(
    image: np.ndarray, run: InferBatch, *, size_px: int, stride_px: int, halo_px: int, at_once: int = 8
) -> np.ndarray:
    """Run a fully convolutional model over a picture of any size; what is outside the picture is mirrored.

    Args:
        image: uint8 (height, width, 3) RGB at the model's scale.
        run: canvases uint8 (N, size_px, size_px, 3) -> maps float32 (N, K, size_px / stride_px, size_px / stride_px).
        size_px, stride_px: side of a canvas, and of a cell of its map.
        halo_px: border of a canvas whose cells are left out; rounded up to whole cells.
        at_once: canvases given to ``run`` together, which bounds the memory.

    Returns:
        float32 (K, ceil(height / stride_px), ceil(width / stride_px)); cell (r, c) covers the pixels from
        x = c * stride_px, y = r * stride_px.

    Raises:
        ConfigError: When the borders leave nothing of a canvas.
    """
    margin = -(-halo_px // stride_px)
    inner = size_px // stride_px - 2 * margin
    if inner < 1:
        raise ConfigError(
            f"a canvas of {size_px} px with a halo of {halo_px} px has no inside",
            expected=f"a halo below {size_px // 2} px",
            fix="export the model with a larger canvas",
        )
    height, width = image.shape[:2]
    rows, columns = -(-height // stride_px), -(-width // stride_px)
    down, across = -(-rows // inner), -(-columns // inner)
    step, before = inner * stride_px, margin * stride_px
    framed = cv2.copyMakeBorder(
        image,
        before,
        down * step + before - height,
        before,
        across * step + before - width,
        cv2.BORDER_REFLECT_101,
    )
    places = list(product(range(down), range(across)))
    whole: np.ndarray | None = None
    for start in range(0, len(places), at_once):
        some = places[start : start + at_once]
        canvases = [framed[r * step : r * step + size_px, c * step : c * step + size_px] for r, c in some]
        for (row, column), found in zip(some, run(np.stack(canvases)), strict=True):
            if whole is None:
                whole = np.empty((len(found), down * inner, across * inner), np.float32)
            part = found[:, margin : margin + inner, margin : margin + inner]
            whole[:, row * inner : (row + 1) * inner, column * inner : (column + 1) * inner] = part
    if whole is None:
        raise ConfigError(f"a picture of {width} x {height} px has no pixels", expected="one pixel or more")
    return whole[:, :rows, :columns]
