"""What spoils endoscopic pictures, put into real ones at a known strength: for the legibility gate."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.synthetic.flights.degradation_parts import (
    clouds,
    disc,
    flesh,
    glints,
    narrow_band,
    ramp,
    share_mask,
    share_of,
    streak,
)

# From here on a picture is not legible: the rules of the rendered flights, so that both teach the same.
BLUR_RADIUS = 0.012  # share of the width
SMEAR = 0.06  # length of a motion smear, share of the width
COVERED = 0.5  # share of the picture that the wall or water covers
VEIL = 0.6  # share of the contrast that smoke takes
BURNT_SHARE, DARK_SHARE = 0.4, 0.7  # of the picture
_BURNT, _DARK = 245, 26  # grey levels
_CLEARLY = 0.2  # share of a threshold within which a doctor would hesitate

KINDS = ("blur", "motion", "wall", "contact", "water", "smoke", "bright", "dark")


@dataclass(frozen=True, slots=True, eq=False)
class Degraded:
    """A spoiled picture.

    Attributes:
        image: uint8 (h, w, 3) RGB.
        reason: why it is not legible, "" where it is: the words of the rendered flights.
        doubtful: so near to the rule that it should not teach.
    """

    image: np.ndarray
    reason: str
    doubtful: bool


def degrade(image: np.ndarray, inside: np.ndarray, kind: str, rng: np.random.Generator) -> Degraded:
    """Degrade a picture, from hardly visible to complete.

    Args:
        image: uint8 (h, w, 3) RGB.
        inside: uint8 (h, w), 255 where the endoscope's picture is; the rest stays black.
        kind: one of ``KINDS``.
    """
    light = _linear(image)
    spoiled, reason, excess = _SPOILERS[kind](light, inside, rng)
    spoiled[inside == 0] = 0
    return Degraded(_developed(spoiled), reason if excess >= 0 else "", abs(excess) < _CLEARLY)


def vary(image: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture as legible as before: other light, tint, size, smoothness of the wall, noise and compression.

    Args:
        image, inside: see ``degrade``.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    light: np.ndarray = _linear(image) * np.float32(2 ** rng.uniform(-1.0, 0.4))
    if rng.random() < 0.2:
        light = cv2.transform(light, narrow_band(rng))
    picture = _developed(light)
    if rng.random() < 0.2:
        smooth = cv2.bilateralFilter(picture, 9, 40, 9)
        picture = cv2.addWeighted(smooth, 0.85, picture, 0.15, 0)
    picture = np.where(inside[..., None] > 0, picture, 0).astype(np.uint8)
    return picture


def record(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What sensor and recorder add: noise, another size, compression. Legibility stays.

    Args:
        image: uint8 (h, w, 3) RGB.

    Returns:
        uint8 (h', w', 3) RGB, longer side 300 to 760 px.
    """
    side = rng.uniform(300, 760)
    factor = side / max(image.shape)
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0, 5))
    noisy: np.ndarray = np.clip(picture + noise * (picture.max(axis=2, keepdims=True) > 20), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(35, 95))
        _, data = cv2.imencode(".jpg", noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        noisy = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return noisy


_Spoiled = tuple[np.ndarray, str, float]


def _blur(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    radius = float(np.exp(rng.uniform(np.log(0.003), np.log(0.05))))
    pixels = radius * light.shape[1]
    if rng.random() < 0.5:
        spoiled = cv2.GaussianBlur(light, (0, 0), max(0.3, pixels / 2))
    else:
        spoiled = cv2.filter2D(light, -1, disc(pixels))
    return spoiled, "blur", radius / BLUR_RADIUS - 1


def _motion(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    length = float(rng.uniform(0.005, 0.14))
    return cv2.filter2D(light, -1, streak(length * light.shape[1], rng)), "blur", length / SMEAR - 1


def _wall(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    """The wall comes from one side: red, glowing, without detail."""
    share = float(rng.uniform(0.2, 1.0))
    side = ramp(light.shape, rng)
    covered = share_mask(side, inside, share, 0.08)
    glow = 0.35 + 0.4 * clouds(light.shape, rng) + 0.3 * side
    red = glow[..., None] * np.float32(rng.uniform(0.6, 1.6)) * flesh(rng)
    return light * (1 - covered) + red * covered, "wall", share / COVERED - 1


def _contact(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    """The lens is near the wall: a small part of it, out of focus, fills the picture."""
    height, width = light.shape[:2]
    zoom = rng.uniform(3, 14)
    rows, columns = max(8, round(height / zoom)), max(8, round(width / zoom))
    top, left = int(rng.integers(height // 4, height * 3 // 5)), int(rng.integers(width // 4, width * 3 // 5))
    part = light[top : top + rows, left : left + columns]
    near = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    near = cv2.GaussianBlur(near, (0, 0), width * rng.uniform(0.008, 0.02))
    tint = np.float32(rng.uniform(0, 0.8) * (rng.random() < 0.6))
    near = (1 - tint) * near / (near.mean() + 1e-3) * 0.25 + tint * 0.5 * flesh(rng)
    glow = 0.35 + 1.1 * np.clip(ramp(light.shape, rng) + 0.5 * clouds(light.shape, rng), 0, None)
    spoiled = near * glow[..., None].astype(np.float32) * np.float32(rng.uniform(0.7, 1.8))
    return np.maximum(spoiled, glints(light.shape, rng, int(rng.integers(0, 16)))), "wall", 1.0


def _water(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    """Water before the lens bends the picture, clear or turbid; bubbles with bright rims and foam swim in it."""
    share = float(rng.uniform(0.15, 1.0))
    height, width = light.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    sway = np.float32(0.035 * width)
    bent = cv2.remap(
        light,
        x + sway * (clouds(light.shape, rng, 9) * 2 - 1),
        y + sway * (clouds(light.shape, rng, 9) * 2 - 1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    bent = cv2.GaussianBlur(bent, (0, 0), width * rng.uniform(0.004, 0.015))
    turbid = np.float32(rng.uniform(0.05, 0.8))
    tone = rng.uniform(0.1, 0.8) * np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.05, 0.9)], np.float32)
    bent = bent * (1 - turbid) + turbid * tone * (0.4 + clouds(light.shape, rng, 8))[..., None]
    for _ in range(int(rng.integers(5, 70))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        radius = max(2, int(width * np.exp(rng.uniform(np.log(0.01), np.log(0.25)))))
        rim = float(rng.choice([rng.uniform(0.3, 1.0), 0.02]))
        cv2.circle(bent, centre, radius, (rim, rim, 0.9 * rim), max(1, radius // 9), cv2.LINE_AA)
        glint = (centre[0] - radius // 3, centre[1] - radius // 3)
        cv2.circle(bent, glint, max(1, radius // 6), (1.0, 1.0, 1.0), -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        bent = cv2.filter2D(bent, -1, streak(width * rng.uniform(0.01, 0.05), rng))
    covered = share_mask(clouds(light.shape, rng), inside, share, 0.05)
    return light * (1 - covered) + bent * covered, "water", share / COVERED - 1


def _smoke(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    """A veil over the picture as it is seen, since a share of the contrast is what the eye loses."""
    veil = float(rng.uniform(0.2, 0.97))
    cloud = np.float32(veil) * (0.85 + 0.3 * (clouds(light.shape, rng) - 0.5))[..., None]
    grey = rng.uniform(0.4, 0.85) * np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.85, 1.0)], np.float32)
    seen = _developed(light).astype(np.float32) / 255 * (1 - cloud) + cloud * grey.astype(np.float32)
    return _linear(np.clip(255 * seen, 0, 255).astype(np.uint8)), "smoke", veil / VEIL - 1


def _bright(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    spoiled = light * np.float32(2 ** rng.uniform(0.5, 5))
    return spoiled, "overexposed", share_of(_developed(spoiled), inside, at_least=_BURNT) / BURNT_SHARE - 1


def _dark(light: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> _Spoiled:
    spoiled = light * np.float32(2 ** -rng.uniform(1, 9))
    return spoiled, "dark", share_of(_developed(spoiled), inside, at_most=_DARK) / DARK_SHARE - 1


_SPOILERS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], _Spoiled]] = {
    "blur": _blur,
    "motion": _motion,
    "wall": _wall,
    "contact": _contact,
    "water": _water,
    "smoke": _smoke,
    "bright": _bright,
    "dark": _dark,
}


def _linear(image: np.ndarray) -> np.ndarray:
    table = (np.arange(256) / 255.0) ** 2.2
    return table.astype(np.float32)[image]


def _developed(light: np.ndarray) -> np.ndarray:
    table = (255 * np.linspace(0, 1, 4096) ** (1 / 2.2)).astype(np.uint8)
    return table[np.clip(light * 4095, 0, 4095).astype(np.uint16)]
