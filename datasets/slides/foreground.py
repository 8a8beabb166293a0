"""Which places of a slide hold cells, seen in its overview, and the colour of its glass."""

from typing import NamedTuple

import cv2
import numpy as np

GLASS_SHARE = 0.02  # the brightest part of a slide is taken as its glass
LEAST_GLASS = 85  # grey level, a third of full light: what is darker is no glass, but a slide without any in sight
DIFFERS = 0.056  # of the light, from the glass in any channel: pale cytoplasm differs by 0.08 and more, noise by 0.02
BLACK = 12  # grey level: scanners fill gaps with black


class Foreground(NamedTuple):
    """Cells and glass.

    Attributes:
        mask: bool (rows, columns), holds something other than glass.
        glass: uint8 (3,) RGB, colour of the empty glass.
        light: grey level of the light that passes the glass; limits are shares of it, so that they hold for every
            exposure.
    """

    mask: np.ndarray
    glass: np.ndarray
    light: int


def foreground_of(overview: np.ndarray, inside: np.ndarray | None = None) -> Foreground:
    """Distinguish cells from glass.

    Single cells are kept: a nucleus alone darkens its entry by more than the threshold.

    Args:
        overview: uint8 (rows, columns, 3) RGB, mean colour of places of about 8 um.
        inside: bool (rows, columns), what lies in the picture as a whole; None is everything.
    """
    grey = cv2.cvtColor(overview, cv2.COLOR_RGB2GRAY)
    channels = cv2.split(overview)
    filled = (np.maximum.reduce(channels) < BLACK) | (np.minimum.reduce(channels) == 255)
    glass = _glass(overview, grey, ~filled if inside is None else inside & ~filled)
    light = max(LEAST_GLASS, int(cv2.cvtColor(glass[None, None], cv2.COLOR_RGB2GRAY)[0, 0]))
    differences = [
        cv2.absdiff(channel, np.full_like(channel, value)) for channel, value in zip(channels, glass, strict=True)
    ]
    return Foreground((np.maximum.reduce(differences) > DIFFERS * light) & ~filled, glass, light)


def _glass(picture: np.ndarray, grey: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Colour of empty glass: the median of the brightest part of the slide."""
    counts = np.bincount(grey[real], minlength=256)
    if not counts.any():
        return np.full(3, 255, np.uint8)
    brighter = counts[::-1].cumsum()[::-1]
    bright = real & (grey >= np.flatnonzero(brighter >= GLASS_SHARE * brighter[0])[-1])
    return np.median(picture[bright], axis=0).astype(np.uint8)
