"""What comes between the lens and the wall: water with bubbles, smoke, the wall itself, a tool, and the room."""

import cv2
import numpy as np

_BUBBLES = 70
_RED = (0.95, 0.17, 0.04)  # light through the wall that the tip touches
_VEIL = (172, 164, 158)  # grey levels
_TOOL_PX = 480  # side at which the tool is drawn


class Spoils:
    """Scenery of one flight.

    Args:
        size_px: side of the picture.
        seed: of the scenery.
    """

    def __init__(self, size_px: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 6])
        self._size = size_px
        y, x = (np.mgrid[:size_px, :size_px].astype(np.float32) - (size_px - 1) / 2) / (size_px / 2)
        self._x, self._y = x, y
        self._columns, self._rows = (x + 1) * (size_px / 2) - 0.5, (y + 1) * (size_px / 2) - 0.5
        self._clouds = [_clouds(size_px, rng) for _ in range(3)]
        self._bubbles = rng.uniform(-1, 1, (_BUBBLES, 2)), np.exp(rng.uniform(-4.4, -1.9, _BUBBLES))
        self._drift = rng.uniform(-0.12, 0.12, (_BUBBLES, 2)) + np.array([0, 0.15])
        self._side = rng.uniform(0, 2 * np.pi)
        self._room = _room(size_px, rng)
        self._tool = _tool()

    def smoke(self, tone: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """A drifting veil that leaves about 1 - ``share`` of the contrast of a picture in grey levels."""
        drift = np.roll(self._clouds[0], int(time_s * 0.1 * self._size), 1)
        veil = (np.float32(share) * (1 + np.float32(0.25 * (1 - share)) * drift))[..., None]
        result: np.ndarray = tone * (1 - veil) + veil * np.array(_VEIL, np.float32)
        return result

    def wall(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """The wall comes from one side and covers ``share`` of the picture, orange-red and without detail."""
        angle = self._side + 0.5 * np.sin(time_s * 0.6)
        side = self._x * np.float32(np.cos(angle)) + self._y * np.float32(np.sin(angle))
        covered = 1 / (1 + np.exp(np.float32(8) * (np.float32(1 - 2.1 * share) - side)))
        glow = np.float32(0.42) + np.float32(0.12) * self._clouds[1] + np.float32(0.28) * side
        red = np.maximum(glow, 0.03)[..., None] * np.array(_RED, np.float32)
        result: np.ndarray = light + covered[..., None] * (red - light)
        return result

    def water(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """Water runs over the lens: the picture swims and whitens, and bubbles cover about half of ``share`` of it."""
        phase = np.float32(2 * np.pi * 1.3 * time_s)
        reach = np.float32(0.03 * self._size * share)
        columns = self._columns + reach * np.sin(3 * self._clouds[0] + 4 * self._y + phase)
        rows = self._rows + reach * np.cos(3 * self._clouds[1] + 3 * self._x - phase)
        swum = cv2.remap(light, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        swum = cv2.GaussianBlur(swum, (0, 0), 0.3 + 0.008 * self._size * share)
        milk = (np.float32(0.16 * share) * (1 + np.float32(0.8) * self._clouds[2]))[..., None]
        swum += milk * (np.array([0.5, 0.47, 0.42], np.float32) - swum)
        return self._with_bubbles(swum, share, time_s)

    def _with_bubbles(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """Rings with a dark rim, a bright edge and a reflection of the lamp."""
        bright = np.zeros((self._size, self._size), np.float32)
        dark = np.zeros_like(bright)
        places = np.mod(self._bubbles[0] + self._drift * time_s + 1.2, 2.4) - 1.2
        for place, radius in list(zip(places, self._bubbles[1], strict=True))[: round(_BUBBLES * share)]:
            centre = np.round((place + 1) * self._size / 2 * 16).astype(int).tolist()
            reach = int(radius * self._size / 2 * 16)
            thin = max(1, reach // 80)
            cv2.circle(dark, centre, reach, 0.4, -1, cv2.LINE_AA, 4)
            cv2.circle(bright, centre, int(reach * 0.9), 0.22, thin, cv2.LINE_AA, 4)
            cv2.circle(bright, [c - reach // 2 for c in centre], max(16, reach // 6), 0.9, -1, cv2.LINE_AA, 4)
        result: np.ndarray = light * (1 - dark[..., None]) + bright[..., None]
        return result

    def outside(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """The room: bluish grey, out of focus, and it moves as the tip is carried about."""
        left, top = ((0.5 + 0.4 * np.sin(time_s * hz + self._side)) * self._size / 2 for hz in (0.9, 0.6))
        view = self._room[int(top) : int(top) + self._size, int(left) : int(left) + self._size]
        return cv2.addWeighted(light, 1 - share, view, share, 0)

    def tool(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """Forceps come in from the lower right as far as ``share`` says."""
        out = (1 - share) * 0.62 + 0.015 * np.sin(time_s * 2.3)
        scale = self._size / _TOOL_PX
        to_picture = np.array([[scale, 0, out * self._size], [0, scale, out * self._size]], np.float32)
        size = (self._size, self._size)
        layer = cv2.warpAffine(self._tool, to_picture, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        covered = layer[..., 3:]
        result: np.ndarray = light * (1 - covered) + layer[..., :3] * covered
        return result


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """Soft spots between about -1 and 1."""
    coarse = rng.uniform(-1, 1, (6, 6)).astype(np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


def _room(size: int, rng: np.random.Generator) -> np.ndarray:
    """Blurred furniture and lamps, linear light: float32 (1.5 size, 1.5 size, 3)."""
    side = size * 3 // 2
    room = np.empty((side, side, 3), np.float32)
    room[:] = (0.10, 0.16, 0.22)
    for _ in range(26):
        x, y, width, height = (rng.uniform(0, 1, 4) * (side, side, side / 2, side / 2)).astype(int).tolist()
        shade = rng.uniform(0.02, 0.5)
        colour = (shade * rng.uniform(0.6, 0.9), shade * rng.uniform(0.85, 1.0), shade)
        cv2.rectangle(room, (x, y), (x + width, y + height), colour, -1)
    for _ in range(3):
        x, y = rng.integers(0, side, 2).tolist()
        cv2.circle(room, (x, y), side // 18, (1.0, 1.1, 1.2), -1)
    return cv2.GaussianBlur(room, (0, 0), size / 60)


def _tool() -> np.ndarray:
    """Open forceps on a shaft, pointing from the lower right to the middle: float32 (480, 480, 4), light and cover."""
    side = _TOOL_PX
    layer = np.zeros((side, side, 4), np.float32)
    along, across = np.array([-1.0, -1.0]) / np.sqrt(2), np.array([1.0, -1.0]) / np.sqrt(2)
    tip = np.array([0.56, 0.56]) * side
    back = np.array([1.1, 1.1]) * side
    for share in np.linspace(-1, 1, 41):  # stripes across the shaft, bright where it faces the lamp
        grey = 0.06 + 0.4 * np.sqrt(1 - share**2 * 0.98) + 0.5 * np.exp(-(((share + 0.25) / 0.12) ** 2))
        colour = (grey, grey * 1.02, grey * 1.05, 1.0)
        line = [tip + across * share * 17, back + across * share * 30]
        cv2.polylines(layer, [np.round(line).astype(np.int32)], False, colour, 2, cv2.LINE_AA)
        for jaw in (-1, 1):
            root = tip + across * jaw * (8 + 6 * share)
            knee = tip + along * 40 + across * jaw * (26 + 7 * share)
            end = tip + along * 66 + across * jaw * (14 + 3 * share)
            points = np.round([root, knee, end]).astype(np.int32)
            cv2.polylines(layer, [points], False, colour, 2, cv2.LINE_AA)
    return layer
