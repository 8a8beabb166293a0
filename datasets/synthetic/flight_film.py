"""From light to the picture of a video processor: what spoils it, tone, noise, mask, and whether it is legible."""

import cv2
import numpy as np

from unmissed.datasets.synthetic.flight_plans import FlightPlan

# A frame is illegible from here on. The first is the rule of the project for its rendered flights: blur of more than
# 1.2 % of the width hides vessels and small polyps; the others are where less than half of the wall can be judged.
BLUR_RADIUS = 0.012
SMEAR = 0.06
VEIL = 0.6
WATER = 0.5
WALL = 0.5
BURNT_SHARE = 0.4
DARK_SHARE = 0.85
_BURNT, _DARK = 245, 26  # grey levels


class Film:
    """Develops the frames of a plan.

    Parameters
    ----------
    plan : of the flight.
    """

    def __init__(self, plan: FlightPlan) -> None:
        self._plan = plan
        camera, size = plan.camera, plan.size_px
        rng = np.random.default_rng([plan.seed, 5])
        y, x = (np.mgrid[:size, :size].astype(np.float32) - (size - 1) / 2) / (size / 2)
        self._x, self._y = x, y
        self._shade = (1 - camera.vignette * np.minimum((x**2 + y**2) * 0.7, 1)).astype(np.float32)[..., None]
        self._inside = _mask(camera.mask, x, y)
        bank = size + 160
        self._grain = rng.standard_normal((bank, bank, 3)).astype(np.float32)
        self._tone = _tone(camera.gamma)
        self._rng = rng
        self._clouds = _clouds(size, rng)
        self._drops = rng.uniform(-1, 1, (60, 2)), rng.uniform(0.02, 0.16, 60), rng.uniform(0, 1, 60)

    def develop(self, light: np.ndarray, time_s: float, index: int, smear_px: float) -> tuple[np.ndarray, str]:
        """Picture of a frame.

        Parameters
        ----------
        light : float32 (size, size, 3), linear, 1 is full scale.
        time_s, index : of the frame.
        smear_px : how far the picture moved during the exposure.

        Returns
        -------
        uint8 (size, size, 3) RGB, and the reason why it is not legible ("" when it is).
        """
        plan = self._plan
        level = {
            name: plan.at(name, time_s)
            for name in ("defocus", "smoke", "water", "wall", "exposure", "flat", "narrow", "outside", "instrument")
        }
        size = plan.size_px
        light = light * self._shade
        if abs(level["exposure"]) > 0.01:
            light *= np.float32(2.0 ** level["exposure"])
        if level["smoke"] > 0.01:
            veil = np.float32(level["smoke"]) * (0.8 + 0.2 * np.roll(self._clouds, int(time_s * 40), 1))[..., None]
            light = light * (1 - veil) + veil * np.array([0.42, 0.38, 0.36], np.float32)
        if level["wall"] > 0.01:
            light = self._red_out(light, level["wall"], time_s)
        blur = level["defocus"] * size + 0.012 * size * level["water"]
        if blur > 0.3:
            light = cv2.GaussianBlur(light, (0, 0), blur / 2)
        if level["narrow"] > 0.01:
            light = cv2.transform(light, _narrow(level["narrow"]))
        index_map = np.clip(light * np.float32(1023), 0, 1023).astype(np.uint16)
        grey = self._tone[index_map]
        sigma = np.float32(plan.camera.noise)
        top, left = self._rng.integers(0, 160, 2)
        grain = self._grain[top : top + size, left : left + size]
        image = np.clip(grey + grain * sigma, 0, 255).astype(np.uint8)
        image *= self._inside[..., None]
        reason = self._reason(image, level, smear_px)
        if plan.camera.jpeg is not None:
            _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, plan.camera.jpeg])
            image = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
        return image, reason

    def _red_out(self, light: np.ndarray, share: float, time_s: float) -> np.ndarray:
        """The wall comes from one side and covers that share of the picture, orange-red and without detail."""
        angle = 0.6 * np.sin(time_s * 0.5) + self._plan.seed
        side = self._x * np.float32(np.cos(angle)) + self._y * np.float32(np.sin(angle))
        covered = 1 / (1 + np.exp(-(side - np.float32(1 - 2.2 * share)) * np.float32(9)))
        glow = np.float32(0.5) + np.float32(0.25) * self._clouds + np.float32(0.25) * side
        red = glow[..., None] * np.array([0.95, 0.16, 0.035], np.float32)
        covered = covered[..., None]
        result: np.ndarray = light * (1 - covered) + red * covered
        return result

    def _reason(self, image: np.ndarray, level: dict[str, float], smear_px: float) -> str:
        """The first rule that the frame breaks."""
        inside = self._inside[::4, ::4] > 0
        grey = cv2.cvtColor(np.ascontiguousarray(image[::4, ::4]), cv2.COLOR_RGB2GRAY)[inside]
        rules = (
            ("outside", level["outside"] >= 0.5),
            ("wall", level["wall"] >= WALL),
            ("water", level["water"] >= WATER),
            ("smoke", level["smoke"] >= VEIL),
            ("overexposed", float((grey >= _BURNT).mean()) >= BURNT_SHARE),
            ("dark", float((grey <= _DARK).mean()) >= DARK_SHARE),
            ("blur", level["defocus"] >= BLUR_RADIUS or smear_px >= SMEAR * self._plan.size_px),
        )
        return next((reason for reason, broken in rules if broken), "")


def _mask(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 where the picture is, 0 in black corners: uint8."""
    if shape == "circle":
        inside = x**2 + y**2 <= 1
    elif shape == "octagon":
        inside = (np.abs(x) <= 0.99) & (np.abs(y) <= 0.95) & (np.abs(x) + np.abs(y) <= 1.5)
    else:
        inside = np.ones(x.shape, bool)
    return inside.astype(np.uint8)


def _tone(gamma: float) -> np.ndarray:
    """Grey level 0..255 of 1,024 steps of light, with a soft shoulder."""
    light = np.linspace(0, 1, 1024)
    return (255 * light ** (1 / gamma)).astype(np.float32)


def _narrow(share: float) -> np.ndarray:
    """Narrow-band light: red is lost, vessels turn brown, the rest greenish."""
    band = np.array([[0.1, 0.75, 0.1], [0.0, 0.75, 0.25], [0.0, 0.35, 0.55]])
    return (share * band + (1 - share) * np.eye(3)).astype(np.float32)


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.uniform(-1, 1, (5, 5)).astype(np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
