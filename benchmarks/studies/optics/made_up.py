"""Five made-up endoscopes with their processors, fixed before any model was trained for them.

They are no makers' products, and share no code or formula with ``training/looks``: colours are mixed by a matrix in
linear light, tones follow other curves, edges are enhanced by other filters, and the masks are of other shapes. Do not
change them: figures measured with them would no longer be comparable.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.pictures.endoscope_area import cut_to_endoscope

_GAMMA = 2.2  # of a screen, to and from linear light


@dataclass(frozen=True)
class MadeUp:
    """An endoscope with its processor.

    Attributes:
        name: of the row in the table.
        frame_px: width and height of the frame.
        place: left, top, right, bottom of the picture in the frame, as shares of its sides.
        field: share of the sides of the scene that is seen, from its middle.
        power: of the mask, a superellipse: 2 is an ellipse, large is a rectangle; 0: no mask.
        flat: the mask ends at this share of its half width on the left and of its half height at the bottom.
        colours: 3 x 3, of linear light.
        tone: 0..1 to 0..1.
        edges: enhancement or smoothing of uint8 (h, w, 3).
        writing: text in the margin; empty for none.
    """

    name: str
    frame_px: tuple[int, int]
    place: tuple[float, float, float, float]
    field: float
    power: float
    flat: tuple[float, float]
    colours: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    tone: Callable[[np.ndarray], np.ndarray]
    edges: Callable[[np.ndarray], np.ndarray]
    writing: str = ""

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """The frame that this endoscope would have given: uint8 (h, w, 3) RGB -> uint8 (frame height, width, 3)."""
        width, height = self.frame_px
        left, right = round(self.place[0] * width), round(self.place[2] * width)
        top, bottom = round(self.place[1] * height), round(self.place[3] * height)
        scene = cut_to_endoscope(picture)
        margin_y, margin_x = (round(side * (1 - self.field) / 2) for side in scene.shape[:2])
        scene = scene[margin_y : scene.shape[0] - margin_y, margin_x : scene.shape[1] - margin_x]
        scene = cv2.resize(scene, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        light = (scene.astype(np.float64) / 255) ** _GAMMA @ np.array(self.colours).T
        shown = self.tone(np.clip(light, 0, 1) ** (1 / _GAMMA))
        shaped = self.edges(np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8))
        frame = np.zeros((height, width, 3), np.uint8)
        frame[top:bottom, left:right] = shaped * self._seen(shaped.shape[0], shaped.shape[1])[..., None]
        if self.writing:
            place = (6, height // 3)
            cv2.putText(frame, self.writing, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (220, 220, 220), 1, cv2.LINE_AA)
        return frame

    def _seen(self, height: int, width: int) -> np.ndarray:
        y = np.linspace(-1, 1, height)[:, None]
        x = np.linspace(-1, 1, width)[None]
        seen = (x > -self.flat[0]) & (y < self.flat[1])
        if self.power:
            seen &= np.abs(x) ** self.power + np.abs(y) ** self.power < 1
        return seen.astype(np.uint8)


def _logarithmic(tone: np.ndarray) -> np.ndarray:
    lifted: np.ndarray = np.log1p(6 * tone) / np.log(7)
    return lifted


def _hard(tone: np.ndarray) -> np.ndarray:
    hard: np.ndarray = (np.tanh(4 * (tone - 0.45)) - np.tanh(-1.8)) / (np.tanh(2.2) - np.tanh(-1.8))
    return hard


def _broken(tone: np.ndarray) -> np.ndarray:
    """A knee: the dark half is steep, the bright half is flat."""
    broken: np.ndarray = np.interp(tone, [0, 0.5, 1], [0, 0.68, 0.92])
    return broken


def _dark(tone: np.ndarray) -> np.ndarray:
    dark: np.ndarray = 0.35 * tone + 0.55 * tone**3
    return dark


def _as_it_is(tone: np.ndarray) -> np.ndarray:
    return tone


def _laplacian(picture: np.ndarray) -> np.ndarray:
    kernel = np.array([[-0.5, -1, -0.5], [-1, 7, -1], [-0.5, -1, -0.5]], np.float32)
    sharp: np.ndarray = cv2.filter2D(picture, -1, kernel)
    return sharp


def _denoised(picture: np.ndarray) -> np.ndarray:
    smooth: np.ndarray = cv2.bilateralFilter(picture, 9, 45, 7)
    return smooth


def _median(picture: np.ndarray) -> np.ndarray:
    smooth: np.ndarray = cv2.medianBlur(picture, 5)
    return smooth


def _small_sensor(picture: np.ndarray) -> np.ndarray:
    """Few pixels, enlarged."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, width // 5), max(1, height // 5)), interpolation=cv2.INTER_AREA)
    large: np.ndarray = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return large


def _ringing(picture: np.ndarray) -> np.ndarray:
    """Edges with halos of some pixels, as of a strong enhancement of structure."""
    wide = picture.astype(np.float32) - cv2.blur(picture, (9, 9)).astype(np.float32)
    ringing: np.ndarray = np.rint(np.clip(picture + 1.2 * wide, 0, 255)).astype(np.uint8)
    return ringing


MADE_UP = (
    MadeUp(
        "A: ellipse in 16:9, cool, logarithmic tone, Laplacian edges",
        *((960, 540), (0.30, 0.02, 0.93, 0.98), 1.0, 2.0, (1.0, 1.0)),
        ((0.86, 0.04, 0.02), (0.03, 0.98, 0.05), (0.02, 0.10, 1.12)),
        *(_logarithmic, _laplacian, "ID 0001"),
    ),
    MadeUp(
        "B: flat circle, warm, hard tone, denoised",
        *((720, 576), (0.16, 0.03, 0.97, 0.97), 0.94, 2.4, (0.86, 0.90)),
        ((1.14, 0.06, 0.0), (0.02, 0.92, 0.0), (0.0, 0.04, 0.74)),
        *(_hard, _denoised, "12:00:00"),
    ),
    MadeUp(
        "C: superellipse, pale, knee, median of 5",
        *((640, 480), (0.05, 0.05, 0.95, 0.95), 0.88, 5.0, (1.0, 1.0)),
        ((0.80, 0.14, 0.06), (0.12, 0.76, 0.12), (0.08, 0.16, 0.76)),
        *(_broken, _median),
    ),
    MadeUp(
        "D: whole frame, greenish, dark, small sensor",
        *((480, 480), (0.0, 0.0, 1.0, 1.0), 0.80, 0.0, (1.0, 1.0)),
        ((0.92, 0.0, 0.0), (0.08, 1.06, 0.02), (0.0, 0.06, 0.90)),
        *(_dark, _small_sensor),
    ),
    MadeUp(
        "E: portrait with cut corners, vivid, edges with halos",
        *((1280, 1024), (0.34, 0.04, 0.98, 0.96), 0.97, 3.2, (0.95, 0.97)),
        ((1.24, -0.14, -0.05), (-0.10, 1.16, -0.05), (-0.03, -0.12, 1.18)),
        *(_as_it_is, _ringing, "CASE 7"),
    ),
)
