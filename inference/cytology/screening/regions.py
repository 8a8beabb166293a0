"""Which regions of a slide hold cells, and which of those are blurred or obscured."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.slides.foreground import foreground_of
from unmissed.inference.cytology.screening.scan import Scan

DARK = 95  # grey level of clumps, blood and pen so thick that no nucleus can be recognised
CLUMP_UM = 80.0  # dark areas narrower than this are nuclei and folds
SHARP_WINDOW_UM = 130.0  # focus is judged over windows of this size
BLURRED = 0.36  # fine over coarse detail: sharp fields have 0.50 and more, blurred by 1 um (sigma) 0.33 and less
COLOURLESS = 12.0  # grey levels between the channels: fields of two laboratories have 30 and more, grey ones 3
DETAIL = 1.5  # grey levels of coarse detail below which focus cannot be assessed


@dataclass(frozen=True)
class Regions:
    """Masks over the cells of the finder's heat map, and their shares.

    Attributes:
        foreground: bool (rows, columns), holds something other than glass.
        foreground_mm2: its area.
        out_of_focus, obscured: share of the foreground, 0..1.
        glass: uint8 (3,) RGB, colour of the empty glass.
        mean: mean grey level of the whole slide, 0..255.
        colour: difference between the channels, beside that of the glass, which 5 % of the foreground exceed, 0..255.
    """

    foreground: np.ndarray
    foreground_mm2: float
    out_of_focus: float
    obscured: float
    glass: np.ndarray
    mean: float
    colour: float

    @property
    def is_grey(self) -> bool:
        """Whether there are cells and they have no colour; every model was trained on stained cells."""
        return bool(self.foreground.any()) and self.colour < COLOURLESS


def find_regions(scan: Scan, um_per_cell: float) -> Regions:
    """Distinguish cells from glass, sharp from blurred, and clear from obscured.

    Args:
        scan: maps of the slide.
        um_per_cell: side of a map cell.
    """
    picture = scan.overview
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    foreground, glass = foreground_of(picture)
    area = max(1, int(foreground.sum()))
    blurred = _blurred(scan, foreground, SHARP_WINDOW_UM / um_per_cell)
    obscured = _clumps(grey, foreground, CLUMP_UM / um_per_cell)
    return Regions(
        foreground,
        float(foreground.sum()) * (um_per_cell / 1000) ** 2,
        float(blurred.sum()) / area,
        float(obscured.sum()) / area,
        glass,
        float(grey.mean()),
        _colour(picture[foreground], glass),
    )


def _colour(pixels: np.ndarray, glass: np.ndarray) -> float:
    """Spread between the channels of uint8 (N, 3) where the light is as white as the glass."""
    if not len(pixels):
        return 0.0
    balanced = pixels * (255 / np.maximum(glass, 1).astype(np.float32))
    return float(np.quantile(np.ptp(balanced, axis=1), 0.95))


def _blurred(scan: Scan, foreground: np.ndarray, window: float) -> np.ndarray:
    """Foreground whose fine detail is weak for its coarse detail."""
    side = (max(1, round(window)),) * 2
    held = foreground.astype(np.float32)
    fine, coarse, weight = (cv2.blur(m, side) for m in (scan.fine * held, scan.coarse * held, held))
    return foreground & (coarse > DETAIL * weight) & (fine < BLURRED * coarse)


def _clumps(grey: np.ndarray, foreground: np.ndarray, width: float) -> np.ndarray:
    """Dark foreground that is wider than nuclei and folds."""
    dark = (foreground & (grey < DARK)).astype(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, round(width)),) * 2)
    return cv2.morphologyEx(dark, cv2.MORPH_OPEN, disk).astype(bool)
