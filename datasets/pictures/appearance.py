"""How a picture looks, whatever it shows: colour, light and sharpness in fourteen numbers."""

import math
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.pictures.images import shrink_to

Reason = Literal["colour", "light", "sharpness"]

# In order; the reason is what is named where a picture deviates there.
STATISTICS: dict[str, Reason] = {
    "green_to_red": "colour",
    "blue_to_yellow": "colour",
    "spread_of_green_to_red": "colour",
    "spread_of_blue_to_yellow": "colour",
    "red_with_light": "colour",
    "yellow_with_light": "colour",
    "lightness": "light",
    "contrast": "light",
    "dark_part": "light",
    "bright_part": "light",
    "detail_1_to_2_px": "sharpness",
    "detail_2_to_4_px": "sharpness",
    "detail_4_to_8_px": "sharpness",
    "detail_at_2_px": "sharpness",
}

_LARGEST_PX = 320
_ELLIPSE = 0.9  # of the sides; black corners of an endoscope's picture lie outside
_DARK, _BRIGHT = 8.0, 92.0  # of the lightness L* of CIELAB, 0..100
_OCTAVES = 4
_LEAST_DETAIL = 0.02  # of L*, added before the logarithm: below the noise of 8 bits
_LEAST_SPREAD = 0.5  # of a*, b* or L*: a correlation of less is noise


def appearance(picture: np.ndarray) -> np.ndarray:
    """The statistics of a picture inside the ellipse that touches nine tenths of its sides, float64 (14,).

    Colours are CIELAB; detail is the mean size of the bands of a Laplacian pyramid of the lightness (Burt and Adelson
    1983), as the logarithm of the ratio of neighbouring octaves, so that contrast cancels.

    Args:
        picture: uint8 (h, w, 3) RGB, at the size that a model takes.
    """
    lab = cv2.cvtColor(shrink_to(picture, _LARGEST_PX).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inside, light = _ellipse(lab.shape[0], lab.shape[1]), cv2.extractChannel(lab, 0)
    count = cv2.countNonZero(inside)
    means, spreads = (numbers.ravel().tolist() for numbers in cv2.meanStdDev(lab, mask=inside))
    correlations = [
        # Shrunk to 0 where either hardly varies, as in a grey picture.
        (cv2.mean(cv2.multiply(cv2.extractChannel(lab, k), light), inside)[0] - means[k] * means[0])
        / ((spreads[k] + _LEAST_SPREAD) * (spreads[0] + _LEAST_SPREAD))
        for k in (1, 2)
    ]
    dark, bright = (np.count_nonzero(part & (inside > 0)) / count for part in (light < _DARK, light > _BRIGHT))
    band = np.full_like(light, means[0])  # black corners must not be an edge
    cv2.copyTo(light, inside, band)
    detail = []
    for _ in range(_OCTAVES):
        coarse = cv2.pyrDown(band)
        height, width = band.shape
        size = cv2.norm(band, cv2.pyrUp(coarse, dstsize=(width, height)), cv2.NORM_L1)
        detail.append(math.log(size / cv2.countNonZero(_ellipse(height, width)) + _LEAST_DETAIL))
        band = coarse
    colours = (means[1], means[2], spreads[1], spreads[2], *correlations)
    steps = (fine - coarse for fine, coarse in pairwise(detail))
    return np.array([*colours, means[0], spreads[0], math.sqrt(dark), math.sqrt(bright), *steps, detail[1]])


@lru_cache(maxsize=64)
def _ellipse(height: int, width: int) -> np.ndarray:
    rows, columns = (np.abs(np.arange(n) + 0.5 - n / 2) / (_ELLIPSE * n / 2) for n in (height, width))
    inside: np.ndarray = np.where(rows[:, None] ** 2 + columns[None] ** 2 <= 1, 255, 0).astype(np.uint8)
    return inside
