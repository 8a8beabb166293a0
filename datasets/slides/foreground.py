"""Which places of a slide hold cells, seen in its overview, and the colour of its glass."""

import cv2
import numpy as np

GLASS_SHARE = 0.02  # the brightest part of a slide is taken as its glass
DIFFERS = 14  # grey levels from the glass in any channel: pale cytoplasm differs by 20 and more, noise by 5
BLACK = 12  # scanners fill gaps with black


def foreground_of(overview: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinguish cells from glass.

    Single cells are kept: a nucleus alone darkens its entry by more than the threshold.

    Args:
        overview: uint8 (rows, columns, 3) RGB, mean colour of places of about 8 um.

    Returns:
        foreground: bool (rows, columns), holds something other than glass.
        glass: uint8 (3,) RGB, colour of the empty glass.
    """
    grey = cv2.cvtColor(overview, cv2.COLOR_RGB2GRAY)
    channels = cv2.split(overview)
    filled = (np.maximum.reduce(channels) < BLACK) | (np.minimum.reduce(channels) == 255)
    glass = _glass(overview, grey, ~filled)
    differences = [
        cv2.absdiff(channel, np.full_like(channel, value)) for channel, value in zip(channels, glass, strict=True)
    ]
    return (np.maximum.reduce(differences) > DIFFERS) & ~filled, glass


def _glass(picture: np.ndarray, grey: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Colour of empty glass: the median of the brightest part of the slide."""
    counts = np.bincount(grey[real], minlength=256)
    if not counts.any():
        return np.full(3, 255, np.uint8)
    brighter = counts[::-1].cumsum()[::-1]
    bright = real & (grey >= np.flatnonzero(brighter >= GLASS_SHARE * brighter[0])[-1])
    return np.median(picture[bright], axis=0).astype(np.uint8)
