"""Smaller pictures, fast: halved as often as possible, which is cheap, and averaged to the exact size at the end."""

import cv2
import numpy as np


def shrink(picture: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """A picture at another size, averaged over areas where it gets smaller.

    A last odd row or column is left out of a halving: with it OpenCV would need ten times as long.

    Args:
        picture: (h, w) or (h, w, 3).
        width_px, height_px: of the result.
    """
    while picture.shape[0] >= 2 * height_px and picture.shape[1] >= 2 * width_px:
        height, width = (side // 2 for side in picture.shape[:2])
        picture = cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    smaller = picture.shape[0] > height_px or picture.shape[1] > width_px
    return cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
