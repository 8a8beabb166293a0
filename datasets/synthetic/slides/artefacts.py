"""What spoils real slides: areas out of focus, marks of a pen, air bubbles. Level-0 pixels, x before y."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError

ArtefactKind = Literal["out of focus", "pen", "bubble"]

MARGIN_PX = 64  # around a rectangle that is painted: what its blurred pixels may depend on
_MAP_PX = 8  # level-0 pixels per entry of the maps that artefacts are drawn into; their edges are soft anyway
_EDGE_PX = 20.0
_STRIP_PX = 512  # rows that are worked on at a time
_MOST = 200  # artefacts of a kind

_INKS = ((60, 70, 150), (38, 38, 46), (40, 120, 80))  # RGB of blue, black and green ink on glass
# Light that passes a bubble, from its centre (0) over its rim (1): clear, a broad dark rim, a bright line.
_BUBBLE_AT = (0.0, 0.80, 0.88, 0.94, 0.97, 1.0, 1.03)
_BUBBLE_LIGHT = (0.97, 0.95, 0.45, 0.22, 0.50, 0.90, 1.0)


@dataclass(frozen=True, slots=True)
class ArtefactShares:
    """Share of the slide's area that each kind of artefact takes, 0..0.5; more than 0 gives at least one."""

    out_of_focus: float = 0.0
    pen: float = 0.0
    bubbles: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= share <= 0.5 for share in (self.out_of_focus, self.pen, self.bubbles)):
            raise ConfigError(f"shares of artefacts {self}", expected="shares of the slide's area between 0 and 0.5")


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact.

    Attributes:
        kind: what it is.
        polygon: float64 (n, 2) x and y of its outline; may reach beyond the slide.
        colour: RGB of light that passes ink; white for the others.
    """

    kind: ArtefactKind
    polygon: np.ndarray
    colour: tuple[int, int, int] = (255, 255, 255)

    def holds(self, x_px: float, y_px: float) -> bool:
        """Whether a point is inside."""
        return cv2.pointPolygonTest(self.polygon.astype(np.float32), (x_px, y_px), False) > 0

    def meets(self, x_px: float, y_px: float, width_px: float, height_px: float) -> bool:
        """Whether a rectangle touches the one around the artefact."""
        (left, top), (right, bottom) = self.polygon.min(axis=0), self.polygon.max(axis=0)
        return bool(left < x_px + width_px and x_px < right and top < y_px + height_px and y_px < bottom)


def simulate_artefacts(
    width_px: int, height_px: int, um_per_px: float, shares: ArtefactShares, *, seed: int = 0
) -> list[Artefact]:
    """Draw artefacts until each kind has its share of the area (overlaps are counted twice).

    Sizes are those of real slides (a pen draws 300 to 700 um wide lines, bubbles have a radius of 100 to 800 um), but
    never more than a part of the slide.
    """
    rng = np.random.default_rng([seed, 4])
    side_um = min(width_px, height_px) * um_per_px
    size = (float(width_px), float(height_px))

    def radius_px(least_um: float, largest_um: float, share: float) -> float:
        return float(rng.uniform(least_um, largest_um)) * min(1.0, share * side_um / largest_um) / um_per_px

    def blob() -> Artefact:
        return Artefact("out of focus", _blob(rng, size, radius_px(400, 3000, 0.25), 0.25))

    def bubble() -> Artefact:
        return Artefact("bubble", _blob(rng, size, radius_px(100, 800, 0.15), 0.02))

    def stroke() -> Artefact:
        ink = _INKS[rng.integers(len(_INKS))]
        return Artefact("pen", _stroke(rng, size, radius_px(150, 350, 0.04)), ink)

    found: list[Artefact] = []
    for share, make in ((shares.out_of_focus, blob), (shares.bubbles, bubble), (shares.pen, stroke)):
        found += _until(share * width_px * height_px, make)
    return found


def apply_artefacts(
    surrounded: np.ndarray, x_px: int, y_px: int, um_per_px: float, artefacts: Sequence[Artefact]
) -> np.ndarray:
    """Spoil a rectangle of the slide.

    Args:
        surrounded: uint8 (height + 2 * MARGIN_PX, width + 2 * MARGIN_PX, 3): the rectangle and its surroundings.
        x_px, y_px: upper left corner of the rectangle itself.

    Returns:
        uint8 (height, width, 3), a new array.
    """
    height, width = (side - 2 * MARGIN_PX for side in surrounded.shape[:2])
    result = surrounded[MARGIN_PX : MARGIN_PX + height, MARGIN_PX : MARGIN_PX + width].copy()
    for top in range(0, height, _STRIP_PX):
        strip = result[top : top + _STRIP_PX]
        near = [a for a in artefacts if a.meets(x_px - MARGIN_PX, y_px + top - MARGIN_PX, *_grown(strip))]
        if not near:
            continue
        source = surrounded[top : top + strip.shape[0] + 2 * MARGIN_PX]
        _blur(strip, source, x_px, y_px + top, um_per_px, [a for a in near if a.kind != "pen"])
        for artefact in near:
            if artefact.kind != "out of focus":
                light = _light(artefact, x_px, y_px + top, *strip.shape[1::-1])
                strip[:] = cv2.multiply(strip, light, scale=1 / 255)
    return result


def _grown(strip: np.ndarray) -> tuple[int, int]:
    return strip.shape[1] + 2 * MARGIN_PX, strip.shape[0] + 2 * MARGIN_PX


def _blur(
    strip: np.ndarray, source: np.ndarray, x_px: int, y_px: int, um_per_px: float, artefacts: Sequence[Artefact]
) -> None:
    """Blend in the defocused picture where artefacts are."""
    if not artefacts:
        return
    share = np.zeros(strip.shape[:2], np.float32)
    for artefact in artefacts:
        share = np.maximum(share, _soft_mask(artefact.polygon, x_px, y_px, *strip.shape[1::-1]))
    sigma = min(MARGIN_PX / 3, 2.6 / um_per_px)  # 2.6 um: nuclei are smudges, as a few um beside the focal plane
    blurred = cv2.GaussianBlur(source, (0, 0), sigma)[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    strip[:] = cv2.blendLinear(np.ascontiguousarray(blurred), np.ascontiguousarray(strip), share, 1 - share)


def _soft_mask(polygon: np.ndarray, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
    """Soft picture of a polygon, float32 (height, width), 0..1."""
    pad = MARGIN_PX // _MAP_PX
    columns, rows = -(-width // _MAP_PX), -(-height // _MAP_PX)
    mask = np.zeros((rows + 2 * pad, columns + 2 * pad), np.float32)
    # Entry i is the mean around pixel 8 i + 4; fillPoly takes whole numbers as centres, and 4 more bits.
    corners = (polygon - (x_px, y_px)) / _MAP_PX + pad - 0.5
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1.0, shift=4)
    soft = cv2.GaussianBlur(mask, (0, 0), _EDGE_PX / _MAP_PX)
    return _enlarged(soft, pad, width, height)


def _light(artefact: Artefact, x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
    """Light that passes ink or the rim of a bubble, uint8 (height, width, 3)."""
    if artefact.kind == "pen":
        share = _soft_mask(artefact.polygon, x_px, y_px, width, height)[..., None]
        share *= _ink_streaks(x_px, y_px, width, height)[..., None]
        light = 255 - share * (255 - np.array(artefact.colour, np.float32))
        return np.round(light).astype(np.uint8)
    pad = MARGIN_PX // _MAP_PX
    columns = np.arange(-pad, -(-width // _MAP_PX) + pad) * _MAP_PX + x_px + _MAP_PX / 2
    rows = np.arange(-pad, -(-height // _MAP_PX) + pad) * _MAP_PX + y_px + _MAP_PX / 2
    centre = artefact.polygon.mean(axis=0)
    reach = np.hypot(*(artefact.polygon - centre).T)
    dx, dy = columns[None, :] - centre[0], rows[:, None] - centre[1]
    angle = np.mod(np.arctan2(dy, dx), 2 * np.pi)
    rim = np.interp(angle, np.linspace(0, 2 * np.pi, len(reach) + 1), np.append(reach, reach[0]))
    light = np.interp(np.hypot(dx, dy) / rim, _BUBBLE_AT, _BUBBLE_LIGHT).astype(np.float32)
    grey = np.round(255 * _enlarged(light, pad, width, height)).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _ink_streaks(x_px: int, y_px: int, width: int, height: int) -> np.ndarray:
    """Ink is thinner in streaks; float32 (height, width), 0.7 to 1, a fixed pattern over the slide."""
    columns, rows = np.arange(x_px, x_px + width, dtype=np.float32), np.arange(y_px, y_px + height, dtype=np.float32)
    along = np.sin(columns / 310)[None, :] + np.sin(rows / 430)[:, None]
    across = np.sin(rows[:, None] / 57 + columns[None, :] / 170 + along)
    return np.asarray(0.85 + 0.08 * across + 0.035 * along, np.float32)


def _enlarged(drawn: np.ndarray, pad: int, width: int, height: int) -> np.ndarray:
    """A map at the size of the pixels, without its padding."""
    rows, columns = drawn.shape
    large = cv2.resize(drawn, (columns * _MAP_PX, rows * _MAP_PX), interpolation=cv2.INTER_LINEAR)
    start = pad * _MAP_PX
    return np.ascontiguousarray(large[start : start + height, start : start + width])


def _until(area_px: float, make: Callable[[], Artefact]) -> Iterator[Artefact]:
    """Make artefacts until they have this area together."""
    made = 0.0
    for _ in range(_MOST):
        if made >= area_px:
            return
        artefact = make()
        made += cv2.contourArea(artefact.polygon.astype(np.float32))
        yield artefact


def _blob(rng: np.random.Generator, size: tuple[float, float], radius_px: float, roughness: float) -> np.ndarray:
    """A rounded outline anywhere on the slide; corner i is at the angle 2 pi i / 72 seen from the middle."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = np.ones(72)
    for wave in (2, 3, 4):
        reach += roughness / wave * rng.uniform(-1, 1) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    middle = rng.uniform(0, 1, 2) * size
    return np.asarray(middle + radius_px * reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _stroke(rng: np.random.Generator, size: tuple[float, float], radius_px: float) -> np.ndarray:
    """A gently bent line with round ends, as a dotting pen or a marker leaves it."""
    length = float(rng.uniform(4, 18)) * radius_px
    turn, bend = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(-1.2, 1.2)) / length
    at = np.linspace(-length / 2, length / 2, 40)
    heading = turn + bend * at
    step = length / 39
    path = np.cumsum(step * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    path += rng.uniform(0, 1, 2) * size - path.mean(axis=0)
    side = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    half = radius_px * (1 + 0.06 * np.sin(np.linspace(0, 9, 40) + rng.uniform(0, 6)))[:, None]
    cap = np.linspace(math.pi / 2, -math.pi / 2, 12)[1:-1]
    ends = []
    for point, forward, reach in ((path[-1], heading[-1], half[-1]), (path[0], heading[0] + math.pi, half[0])):
        ends.append(point + reach * np.stack([np.cos(forward + cap), np.sin(forward + cap)], axis=1))
    return np.concatenate([path + half * side, ends[0], (path - half * side)[::-1], ends[1]])
