"""What comes between the lens and a filmed still: defocus, the wall, water with bubbles, darkness, and the room."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from unmissed.datasets.synthetic.exams.stills_motion import FilmFormat
from unmissed.datasets.synthetic.exams.stills_timeline import Spoilt
from unmissed.datasets.synthetic.flights.degradation_parts import share_of
from unmissed.datasets.synthetic.flights.degradations import BLUR_RADIUS, COVERED, DARK_SHARE
from unmissed.datasets.synthetic.flights.spoils import Spoils

_RAMP_S = 0.3  # in which it comes and goes
_RADIUS = 0.045  # of the width: the lens fully out of focus
_MOST_COVERED = 0.95
_STOPS = 7.0  # of darkness
_DARK = 26  # grey level
_HALVED_PX = 16  # a longer smear is made on a picture of half the size
_GAMMA = 2.2


class Spoiler:
    """Spoils pictures of one film.

    Args:
        film: its frame.
        seed: of the scenery.
    """

    def __init__(self, film: FilmFormat, seed: int) -> None:
        self._film, (self._width, self._height) = film, film.size_px
        self._side = max(film.size_px)
        self._scenery = Spoils(self._side, seed)

    def room(self, time_s: float) -> np.ndarray:
        """What is seen outside the body: uint8 (h, w, 3)."""
        return self._on_square(np.zeros((self._height, self._width, 3), np.uint8), self._scenery.outside, 1.0, time_s)

    def spoil(self, image: np.ndarray, planned: Sequence[Spoilt], time_s: float) -> tuple[np.ndarray, str]:
        """The picture at a time, uint8 (h, w, 3), and why it is not legible; "" where it is."""
        reason = ""
        for item in planned:
            if item.start_s < time_s < item.end_s:
                strength = min(1.0, (time_s - item.start_s) / _RAMP_S, (item.end_s - time_s) / _RAMP_S)
                image, spoilt = self._spoil(image, item.kind, strength, time_s)
                reason = reason or spoilt
        return image, reason

    def _spoil(self, image: np.ndarray, kind: str, strength: float, time_s: float) -> tuple[np.ndarray, str]:
        if kind == "blur":
            radius = _RADIUS * strength
            blurred = cv2.GaussianBlur(image, (0, 0), max(0.3, radius * self._width / 2))
            return blurred, kind if radius >= BLUR_RADIUS else ""
        if kind == "dark":
            spoilt = cv2.convertScaleAbs(image, alpha=2 ** (-_STOPS * strength / _GAMMA))
            return spoilt, kind if share_of(spoilt, self._film.mask, at_most=_DARK) >= DARK_SHARE else ""
        share = _MOST_COVERED * strength
        cover = self._scenery.wall if kind == "wall" else self._scenery.water
        return self._on_square(image, cover, share, time_s), kind if share >= COVERED else ""

    def _on_square(
        self,
        image: np.ndarray,
        cover: Callable[[np.ndarray, float, float], np.ndarray],
        share: float,
        time_s: float,
    ) -> np.ndarray:
        """The scenery is square and made of linear light."""
        over, beside = self._side - self._height, self._side - self._width
        around = (over // 2, over - over // 2, beside // 2, beside - beside // 2)
        square = cv2.copyMakeBorder(image, *around, cv2.BORDER_REPLICATE)
        light = cv2.pow(square.astype(np.float32) / 255, _GAMMA)
        seen = cv2.pow(np.clip(cover(light, share, time_s), 0, 1), 1 / _GAMMA)
        top, left = around[0], around[2]
        return np.asarray(255 * seen[top : top + self._height, left : left + self._width], np.uint8)


def smeared(image: np.ndarray, length_px: float, way: float) -> np.ndarray:
    """The picture, uint8 (h, w, 3), moved by so many pixels while it was taken; ``way`` in radians."""
    if length_px < 1:
        return image
    if length_px > _HALVED_PX:
        height, width = image.shape[:2]
        half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        return cv2.resize(smeared(half, length_px / 2, way), (width, height), interpolation=cv2.INTER_LINEAR)
    reach = int(np.ceil(length_px / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = np.array([np.cos(way), np.sin(way)]) * length_px / 2
    ends = np.round((reach + np.array([-step, step])) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
