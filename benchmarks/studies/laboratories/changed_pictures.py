"""Slides in memory, changed as scanners differ from one another: light, tint, focus, compression and pixel size."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.slides.base import Level, PixelSize, Slide
from unmissed.datasets.slides.view import LevelView, read_area

TILE_PX = 512
WHITE = 253  # glass of CRIC fields, which finder and judge were trained on; grey level
_LEVELS = 3
_MOST_PX = 200_000_000  # that are held in memory
_QUALITY = 70
_MEAN_UM = 8.0  # over squares of this side glass shows no noise
_GLASS_SHARE = 0.02  # the brightest part
_LIT = 0.02  # glass this near to white is left as it is
_MOST_GAIN = 1.4  # what needs more is no glass, or a light of another kind

Change = Callable[[np.ndarray, float], tuple[np.ndarray, float]]
"""From a picture and its micrometres per pixel to those of the changed one."""


class PictureSlide(Slide):
    """A picture as a slide: level 0 and two coarser ones."""

    reader = "memory"

    def __init__(self, picture: np.ndarray, um_per_px: float) -> None:
        self.path = Path("memory")
        self.pixel_size = PixelSize(um_per_px, "file")
        self._pictures = [np.ascontiguousarray(picture)]
        while len(self._pictures) < _LEVELS and min(self._pictures[-1].shape[:2]) > 1:
            last = self._pictures[-1]
            half = (max(1, last.shape[1] // 2), max(1, last.shape[0] // 2))
            self._pictures.append(cv2.resize(last, half, interpolation=cv2.INTER_AREA))
        self.levels = tuple(
            Level(held.shape[1], held.shape[0], float(2**number), TILE_PX, TILE_PX)
            for number, held in enumerate(self._pictures)
        )

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """A tile; see ``Slide.read``."""
        width, height = self.levels[level].tile_size(column, row, scale)
        left, top = column * TILE_PX, row * TILE_PX
        return self._pictures[level][top : top + height, left : left + width].copy()


def picture_of(slide: Slide) -> np.ndarray:
    """The whole of level 0, or of its upper left part where it is too large to hold: uint8 (height, width, 3)."""
    view = LevelView(slide, 0, 1)
    width = min(view.width_px, _MOST_PX)
    return read_area(view, 0, 0, width, min(view.height_px, max(1, _MOST_PX // width)))


def with_white_glass(picture: np.ndarray, um_per_px: float) -> np.ndarray:
    """The picture in a light in which its glass is white; as it is where that is so, or no gain of reason does it."""
    shrink = um_per_px / _MEAN_UM
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    glass = np.median(small[grey >= np.quantile(grey, 1 - _GLASS_SHARE)], axis=0)
    gains = WHITE / np.maximum(glass, 1)
    if np.abs(gains - 1).max() <= _LIT or gains.max() > _MOST_GAIN:
        return picture
    return _gains(*gains)(picture, um_per_px)[0]


def _gains(red: float, green: float, blue: float) -> Change:
    """Each channel of the light times its gain; what is brighter than white is white."""
    table = np.clip(np.round(np.arange(256)[:, None] * (red, green, blue)), 0, 255).astype(np.uint8)[None]
    return lambda picture, um_per_px: (cv2.LUT(picture, table), um_per_px)


def _gamma(power: float) -> Change:
    table = np.round(255 * (np.arange(256) / 255) ** power).astype(np.uint8)
    return lambda picture, um_per_px: (cv2.LUT(picture, table), um_per_px)


def _blur(sigma_um: float) -> Change:
    return lambda picture, um_per_px: (cv2.GaussianBlur(picture, (0, 0), sigma_um / um_per_px), um_per_px)


def _jpeg(picture: np.ndarray, um_per_px: float) -> tuple[np.ndarray, float]:
    """Compressed tile by tile, as slides are."""
    changed = picture.copy()
    for top in range(0, len(picture), TILE_PX):
        for left in range(0, picture.shape[1], TILE_PX):
            tile = changed[top : top + TILE_PX, left : left + TILE_PX]
            _, coded = cv2.imencode(".jpg", tile[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            tile[...] = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1]
    return changed, um_per_px


def _resampled(to_um_per_px: float) -> Change:
    def change(picture: np.ndarray, um_per_px: float) -> tuple[np.ndarray, float]:
        factor = um_per_px / to_um_per_px
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=how), to_um_per_px

    return change


CHANGES: dict[str, Change] = {
    "red x 0.9": _gains(0.9, 1, 1),
    "red x 1.1": _gains(1.1, 1, 1),
    "green x 0.9": _gains(1, 0.9, 1),
    "green x 1.1": _gains(1, 1.1, 1),
    "blue x 0.9": _gains(1, 1, 0.9),
    "blue x 1.1": _gains(1, 1, 1.1),
    "light x 0.9": _gains(0.9, 0.9, 0.9),
    "light x 1.1": _gains(1.1, 1.1, 1.1),
    "gamma 0.9": _gamma(0.9),
    "gamma 1.1": _gamma(1.1),
    "blur 0.25 um": _blur(0.25),
    "blur 0.4 um": _blur(0.4),
    f"JPEG quality {_QUALITY}": _jpeg,
    "0.22 um/px": _resampled(0.22),
    "0.28 um/px": _resampled(0.28),
}
