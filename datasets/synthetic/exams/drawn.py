"""A gastroscopy as a film that the program draws, with what a classifier would say: for demonstrations and tests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.synthetic.exams.scripted import (
    NOWHERE,
    ExamScript,
    Habits,
    ScriptedSite,
    neighbour_table,
    write_script,
)
from unmissed.datasets.synthetic.exams.site_noise import ClassifierNoise, site_probabilities
from unmissed.datasets.synthetic.flights.mucosa import SIDE_PX, drawn_texture
from unmissed.datasets.video import Frame

_WIDTH_PX, _HEIGHT_PX = 400, 320
_OUTSIDE_S = 3.0
_TEXTURES = 2
_GRAINS = 8
_REACH_PX = 60.0  # how far the view sways
# Colour of a region beside that of the texture: the gullet is pale, the duodenum yellowish, the antrum redder.
_TINTS: Mapping[str, tuple[float, float, float]] = {
    "E": (1.05, 1.12, 1.15),
    "S": (1.05, 1.05, 1.05),
    "D": (1.0, 1.12, 0.85),
    "1": (1.06, 0.94, 0.95),
    "2": (1.0, 1.0, 1.0),
    "3": (1.03, 1.0, 0.95),
    "4": (0.95, 0.92, 0.95),
    "5": (0.98, 0.96, 0.92),
    "6": (1.02, 0.9, 0.88),
}
_LUMEN = {"A": (0.5, 0.75), "P": (0.5, 0.25), "L": (0.7, 0.5), "G": (0.3, 0.5)}  # away from the wall that is in view
_FIELD = 0.98  # radius of the round picture, as a share of half its width


@dataclass(frozen=True, slots=True, eq=False)
class ScriptedFrame:
    """A drawn frame, what a classifier says of it, and the truth.

    Attributes:
        frame: the picture.
        scene: "outside" or "inside".
        probabilities: site code -> probability; empty outside.
        site: code of the site in view; "" for none.
        legible: whether it was meant to be seen.
    """

    frame: Frame
    scene: str
    probabilities: Mapping[str, float]
    site: str
    legible: bool


def demo_script(seed: int) -> ExamScript:
    """A gastroscopy of four to six minutes with some sites left out; seed 28: 257 s, without A2, G1, DB, P6 and L5."""
    return write_script([seed, 5], habits=Habits(withheld=0.15, glanced=0.5))


def scripted_gastroscopy(
    seed: int,
    neighbours: Mapping[str, Sequence[str]],
    *,
    accuracy: float = 0.88,
    fps: float = 5.0,
    script: ExamScript | None = None,
) -> Iterator[ScriptedFrame]:
    """Draw a gastroscopy frame by frame; it begins and ends outside the body.

    Args:
        seed: the same one gives the same film.
        neighbours: site code -> sites that are mistaken for it, from a protocol.
        accuracy: share of the clear frames that the classifier names right.
        fps: frames a second.
        script: what happens; without, that of the demonstration, which leaves some sites out.

    Yields:
        ScriptedFrame: uint8 (320, 400, 3) pictures in the order of time.
    """
    script = script or demo_script(seed)
    painter = _Painter(seed, script)
    before = round(_OUTSIDE_S * fps)
    times_s = np.arange(0, script.duration_s, 1 / fps)
    table = neighbour_table(script.sites, neighbours)
    scores = site_probabilities(script, times_s, table, ClassifierNoise(accuracy, accuracy), [seed, 6])
    for index in range(before):
        yield ScriptedFrame(Frame(index, index / fps, painter.outside()), "outside", {}, "", legible=False)
    for index, (time_s, row) in enumerate(zip(times_s.tolist(), scores, strict=True), before):
        stretch = script.stretches[int(script.at(np.array(time_s)))]
        frame = Frame(index, index / fps, painter.inside(time_s, stretch))
        probabilities = dict(zip(script.sites, row.tolist(), strict=True))
        site = "" if stretch.site == NOWHERE else script.sites[stretch.site]
        yield ScriptedFrame(frame, "inside", probabilities, site, stretch.legible)
    for index in range(before + len(times_s), 2 * before + len(times_s)):
        yield ScriptedFrame(Frame(index, index / fps, painter.outside()), "outside", {}, "", legible=False)


class _Painter:
    """Draws views: mucosa of a site around a dark lumen, in the round picture of an endoscope."""

    def __init__(self, seed: int, script: ExamScript) -> None:
        rng = np.random.default_rng([seed, 7])
        self._sites = script.sites
        textures = [drawn_texture(seed * 10 + number) for number in range(_TEXTURES)]
        self._walls = [
            _tinted(textures[index % _TEXTURES], _TINTS[_region(code)]) for index, code in enumerate(script.sites)
        ]
        self._places = rng.uniform(_REACH_PX, SIDE_PX - _REACH_PX, (len(script.sites), 2))
        self._light = {code: _light(_LUMEN.get(code[0], (0.5, 0.5))) for code in script.sites}
        shape = (_GRAINS, _HEIGHT_PX, _WIDTH_PX, 1)
        self._grain = rng.integers(0, 4, shape, np.uint8) * _is_in_round().astype(np.uint8)
        self._grain = np.repeat(self._grain, 3, axis=3)
        ramp = np.linspace(90, 150, _WIDTH_PX, dtype=np.float32)[None, :, None] * _is_in_round()
        self._room = np.repeat(ramp, 3, axis=2).astype(np.uint8)
        self._drawn = 0
        self._last = 0

    def inside(self, time_s: float, stretch: ScriptedSite) -> np.ndarray:
        """The view at a time."""
        if stretch.site != NOWHERE:
            self._last = stretch.site
        # The hand is never still; between two sites it goes fast.
        pace_px = _REACH_PX if stretch.site == NOWHERE else 0.15 * _REACH_PX
        x_px, y_px = self._places[self._last] + pace_px * np.array([np.sin(0.7 * time_s), np.cos(0.53 * time_s)])
        top, left = round(y_px), round(x_px)
        picture = self._walls[self._last][top : top + _HEIGHT_PX, left : left + _WIDTH_PX]
        if not stretch.legible:
            tiny = cv2.resize(picture, (_WIDTH_PX // 20, _HEIGHT_PX // 20), interpolation=cv2.INTER_AREA)
            picture = cv2.resize(tiny, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
        return self._grained(cv2.multiply(picture, self._light[self._sites[self._last]], dtype=cv2.CV_8U))

    def outside(self) -> np.ndarray:
        """The room, grey and out of focus."""
        return self._grained(self._room)

    def _grained(self, picture: np.ndarray) -> np.ndarray:
        self._drawn += 1
        return np.asarray(cv2.add(picture, self._grain[self._drawn % _GRAINS]))


def _tinted(texture: np.ndarray, tint: tuple[float, float, float]) -> np.ndarray:
    """A wall in the colour of its region, with a border so that every view is within it."""
    wall = np.clip(texture * np.array(tint, np.float32), 0, 255).astype(np.uint8)
    return np.pad(wall, ((0, _HEIGHT_PX), (0, _WIDTH_PX), (0, 0)), mode="wrap")


def _region(code: str) -> str:
    """Key of ``_TINTS``: the number of a part of the stomach, or the first letter of another place."""
    return code[1] if code[1:] in _TINTS else code[0]


def _light(lumen: tuple[float, float]) -> np.ndarray:
    """How bright a view is: float32 (h, w, 3), dark at the lumen and outside the round picture."""
    rows, columns = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX].astype(np.float32)
    away = np.hypot(columns - lumen[0] * _WIDTH_PX, rows - lumen[1] * _HEIGHT_PX) / _HEIGHT_PX
    light = 0.15 + 0.9 * np.clip(away / 0.45, 0, 1) ** 1.2
    return np.repeat(light[..., None] * _is_in_round(), 3, axis=2).astype(np.float32)


def _is_in_round() -> np.ndarray:
    """The round picture: bool (h, w, 1)."""
    rows, columns = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX]
    radius_px = _FIELD * _WIDTH_PX / 2
    return np.asarray(np.hypot(columns - _WIDTH_PX / 2, rows - _HEIGHT_PX / 2) < radius_px)[..., None]
