"""From light to the picture of a video processor: what spoils it, tone, noise, mask, and whether it is legible."""

import cv2
import numpy as np

from unmissed.datasets.synthetic.flights.plans import SPOILS, FlightPlan
from unmissed.datasets.synthetic.flights.spoils import Spoils

# A frame is illegible from here on: rules of the project for its rendered flights, fixed before any gate was fitted.
# Blur of more than 1.2 % of the width hides vessels and small polyps; of the others, half of the wall (or of its
# contrast) has to be left. Smear counts only where it is worse than that of a fast cruise, which must stay measurable.
BLUR_RADIUS = 0.012  # of the width
SMEAR = 0.06  # of the width
VEIL = 0.6  # share of the contrast that is lost
WATER = 0.5  # share
WALL = 0.5  # share of the picture
BURNT_SHARE = 0.4
DARK_SHARE = 0.85
_BURNT, _DARK = 245, 26  # grey levels
_GRAIN_ROOM_PX = 160


class Film:
    """Develops the frames of a plan, in order.

    Args:
        plan: of the flight.
    """

    def __init__(self, plan: FlightPlan) -> None:
        self._plan = plan
        camera, size = plan.camera, plan.size_px
        self._rng = np.random.default_rng([plan.seed, 5])
        self._spoils = Spoils(size, plan.seed)
        y, x = (np.mgrid[:size, :size].astype(np.float32) - (size - 1) / 2) / (size / 2)
        self._shade = (1 - camera.vignette * np.minimum((x**2 + y**2) * 0.7, 1)).astype(np.float32)[..., None]
        self._inside = _mask(camera.mask, x, y)
        bank = size + _GRAIN_ROOM_PX
        self._grain = self._rng.standard_normal((bank, bank, 3), np.float32) * np.float32(camera.noise)

    def develop(self, light: np.ndarray, time_s: float, smear_px: float) -> tuple[np.ndarray, str]:
        """Picture of a frame.

        Args:
            light: float32 (size, size, 3), linear, 1 is full scale.
            time_s: of the frame.
            smear_px: how far the picture moved during the exposure.

        Returns:
            uint8 (size, size, 3) RGB, and the reason why it is not legible ("" when it is).
        """
        size, camera = self._plan.size_px, self._plan.camera
        level = {name: self._plan.at(name, time_s) for name in SPOILS}
        light = self._spoilt(light * self._shade, level, time_s)
        tone = cv2.pow(np.clip(light, 0, 1), 1 / camera.gamma) * np.float32(255)
        if level["smoke"] > _SLIGHT:  # here, where a share of the contrast is what the eye sees of it
            tone = self._spoils.smoke(tone, level["smoke"], time_s)
        top, left = self._rng.integers(0, _GRAIN_ROOM_PX, 2)
        image = cv2.add(tone, self._grain[top : top + size, left : left + size], dtype=cv2.CV_8U)
        image *= self._inside[..., None]
        reason = self._reason(image, level, smear_px)
        if camera.jpeg is not None:
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])
            image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        return image, reason

    def _spoilt(self, light: np.ndarray, level: dict[str, float], time_s: float) -> np.ndarray:
        """Whatever is between the wall and the sensor."""
        size = self._plan.size_px
        if abs(level["exposure"]) > _SLIGHT:
            light *= np.float32(2.0 ** level["exposure"])
        between = self._spoils
        for name, put in (
            ("instrument", between.tool),
            ("wall", between.wall),
            ("water", between.water),
            ("outside", between.outside),
        ):
            if level[name] > _SLIGHT:
                light = put(light, level[name], time_s)
        if level["defocus"] * size > 0.4:
            light = cv2.GaussianBlur(light, (0, 0), level["defocus"] * size / 2)  # radius: two standard deviations
        if level["narrow"] > _SLIGHT:
            light = cv2.transform(light, _narrow(level["narrow"]))
        return light

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


_SLIGHT = 0.01


def _mask(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 where the picture is, 0 in black corners: uint8."""
    if shape == "circle":
        inside = x**2 + y**2 <= 1
    elif shape == "octagon":
        inside = (np.abs(x) <= 0.99) & (np.abs(y) <= 0.95) & (np.abs(x) + np.abs(y) <= 1.5)
    else:
        inside = np.ones(x.shape, bool)
    return inside.astype(np.uint8)


def _narrow(share: float) -> np.ndarray:
    """Narrow-band light: blue and green only, shown so that vessels turn brown on a greenish wall."""
    band = np.array([[0.0, 1.2, 0.1], [0.0, 0.6, 1.0], [0.0, 0.1, 0.95]])
    return (share * band + (1 - share) * np.eye(3)).astype(np.float32)
