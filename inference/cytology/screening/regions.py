"""Which regions of a slide hold cells, and which of those are blurred or obscured."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.slides.foreground import foreground_of
from unmissed.inference.cytology.screening.scan import Scan

# Shares of the light that passes the glass.
DARK = 0.38  # clumps, blood and pen so thick that no nucleus can be recognised: an optical density of 0.42
DETAIL = 0.012  # coarse detail below which focus cannot be assessed
CLUMP_UM = 80.0  # dark areas narrower than this are nuclei and folds
SHARP_WINDOW_UM = 130.0  # focus is judged over windows of this size
# Fine over coarse detail of a sharp place, and the share of the places with detail that are sharp in a sharp window.
# CRIC fields blurred by 0.5 um (sigma) pass up to 0.38, and those blurred by 1 um do not from here on, in any light and
# stain; cells drawn without texture and blurred by 0.25 um just pass.
SHARP = 0.34
SHARP_SHARE = 0.33
COLOURLESS = 12.0  # grey levels between the channels: fields of two laboratories have 30 and more, grey ones 3


@dataclass(frozen=True)
class Regions:
    """Masks over the cells of the finder's heat map, and their shares.

    Attributes:
        foreground: bool (rows, columns), holds something other than glass.
        foreground_mm2: its area.
        out_of_focus, obscured: share of the foreground, 0..1; what is obscured is not judged for its focus.
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
    inside = scan.grid.inside
    foreground, glass, light = foreground_of(picture, inside)
    area = max(1, int(foreground.sum()))
    obscured = _clumps(foreground & (grey < DARK * light), CLUMP_UM / um_per_cell)
    clear = foreground & ~obscured
    blurred = _blurred(scan, clear, inside & (scan.coarse > DETAIL * light), SHARP_WINDOW_UM / um_per_cell)
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
    channels = [pixels[:, i] * np.float32(255 / max(1, int(value))) for i, value in enumerate(glass)]
    return float(np.quantile(np.maximum.reduce(channels) - np.minimum.reduce(channels), 0.95))


def _blurred(scan: Scan, clear: np.ndarray, detailed: np.ndarray, window: float) -> np.ndarray:
    """Clear foreground around which too few of the places with detail are sharp.

    A share of places, and not a mean, because smooth thick cells, which have coarse detail only, are no blur.
    """
    side = (max(1, round(window)),) * 2
    told = clear & detailed
    sharp = told & (scan.fine > SHARP * scan.coarse)
    sharp_share, told_share = (cv2.blur(m.astype(np.float32), side) for m in (sharp, told))
    return clear & (sharp_share < SHARP_SHARE * told_share)


def _clumps(dark: np.ndarray, width: float) -> np.ndarray:
    """Dark places that are wider than nuclei and folds."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, round(width)),) * 2)
    return dark & cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, disk).astype(bool)
