"""How a slide looks, whatever it shows: the stain and sharpness of places with cells, and the colour of its glass."""

from typing import NamedTuple

import cv2
import numpy as np

from unmissed.datasets.pictures.appearance import STATISTICS, Reason, appearance
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import read_crop

PLACE_PX, UM_PER_PX = 128, 0.25  # 32 um: of 64 um hold too few nothing but cells; at 0.5 um/px blur is not seen
MOST_PLACES = 64
LEAST_PLACES = 4  # the emptiest of 176 fields has 10
_FILLED = 0.5  # of a place: the share that holds cells

_SPREADS = ("spread_of_green_to_red", "spread_of_blue_to_yellow", "contrast")
_LEFT_OUT = ("dark_part", "bright_part")  # nearly always 0 here
_LEAST_SPREAD = 0.2  # of CIELAB, added before the logarithm: the noise of 8 bits
_LIGHT = 0.3  # weight of the glass's lightness: lamps differ more than colours

# In order, as in ``STATISTICS``; spreads are logarithms, so that no colour at all is far from little colour.
CELLS: dict[str, Reason] = {
    f"log_{name}" if name in _SPREADS else name: reason for name, reason in STATISTICS.items() if name not in _LEFT_OUT
}
GLASS: dict[str, Reason] = {
    "glass_lightness": "light",
    "glass_green_to_red": "colour",
    "glass_blue_to_yellow": "colour",
}


class SlideLooks(NamedTuple):
    """Numbers of a slide.

    Attributes:
        cells: float64 (places, 12), ``CELLS`` of each place.
        glass: float64 (3,), ``GLASS``.
    """

    cells: np.ndarray
    glass: np.ndarray


def looks_of(
    slide: Slide, foreground: np.ndarray, glass: np.ndarray, cell_px: float, cache: TileCache | None = None
) -> SlideLooks:
    """Look at up to 64 places with cells, chosen at random and always alike.

    What the places show is taken relative to the glass, so that the lamp and the white balance do not count twice.

    Args:
        slide: an open slide whose pixel size is known.
        foreground, glass: see ``foreground_of``.
        cell_px: side of an entry of the foreground, level-0 pixels.
        cache: keeps decoded tiles.

    Raises:
        SlideError: When a tile is damaged, or the slide's pixel size is not known.
    """
    if slide.pixel_size is None:
        places = np.empty((0, 2))
    else:
        places = _places(foreground, PLACE_PX * UM_PER_PX / (slide.pixel_size.um_per_px * cell_px)) * cell_px
    table = np.clip(np.arange(256)[:, None] * 255 / np.maximum(glass, 1) + 0.5, 0, 255).astype(np.uint8)[None]
    crops = (read_crop(slide, x_px, y_px, PLACE_PX, UM_PER_PX, cache) for x_px, y_px in places.tolist())
    cells = [_of_place(cv2.LUT(crop, table)) for crop in crops]
    lab = cv2.cvtColor((glass[None, None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0, 0].astype(np.float64)
    return SlideLooks(np.array(cells).reshape(-1, len(CELLS)), lab * (_LIGHT, 1, 1))


def _places(foreground: np.ndarray, side: float) -> np.ndarray:
    """Centres, x and y in entries, of squares of about this side that hold cells."""
    rows, columns = (max(1, round(count / side)) for count in foreground.shape)
    share = cv2.resize(foreground.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    y, x = np.nonzero(share >= _FILLED)
    chosen = np.random.default_rng(0).permutation(len(x))[:MOST_PLACES]
    scale = np.array([foreground.shape[1] / columns, foreground.shape[0] / rows])
    centres: np.ndarray = (np.stack([x, y], axis=1)[chosen] + 0.5) * scale
    return centres


def _of_place(picture: np.ndarray) -> np.ndarray:
    found = dict(zip(STATISTICS, appearance(picture), strict=True))
    for name in _SPREADS:
        found[name] = np.log(found[name] + _LEAST_SPREAD)
    return np.array([value for name, value in found.items() if name not in _LEFT_OUT])
