"""Drawn cervical cells with a Papanicolaou look, for demonstrations and tests only; never train on them.

Stain layers are added as optical density and turned into light at the end (Beer-Lambert), which is what makes
overlapping cytoplasm look translucent.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from unmissed.datasets.synthetic.cells.looks import CYAN, HAEMATOXYLIN, KINDS, LOOKS, PINK, CellKind, Look

__all__ = ["KINDS", "CellKind", "draw_cell", "draw_density"]

_ALONE = 1.35  # side of the picture of a lone cell, in sides of ``draw_cell``


def draw_cell(kind: CellKind, seed: int, size_px: int = 217) -> np.ndarray:
    """Draw one cell, centred, on a slide background with some debris.

    Args:
        kind: one of ``KINDS``.
        seed: same kind, seed and size give the same picture.
        size_px: side of the picture, at least 32.

    Returns:
        uint8 array (size_px, size_px, 3), RGB.

    Raises:
        ValueError: For an unknown kind or a size below 32.
    """
    if kind not in LOOKS or size_px < 32:
        raise ValueError(f"cannot draw {kind!r} at {size_px} px; kinds: {', '.join(KINDS)}; size: 32 px or more")
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    look, canvas = LOOKS[kind], _Canvas(size_px, rng)
    for _ in range(rng.integers(0, look.crowd + 1)):
        _draw_neighbour(canvas, look)
    _draw_debris(canvas)
    _draw_body(canvas, look, rng.uniform(-0.03, 0.03, 2), 1.0)
    return canvas.develop(rng.uniform(*look.defocus))


def draw_density(look: Look, seed: int, size_px: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Draw one cell alone, to be composed with others.

    Args:
        look: how it looks.
        seed: same look, seed and size give the same cell.
        size_px: what the side of ``draw_cell`` would be; the picture is 1.35 times as large, so that nothing is cut
            off.

    Returns:
        float32 (side, side, 3), optical density per RGB channel, 0 where there is no cell; and (x, y) of the nucleus
        (of the middle between two) in its pixels.
    """
    side = round(_ALONE * size_px)
    canvas = _Canvas(side, np.random.default_rng(seed), span=_ALONE)
    heart = _draw_body(canvas, look, np.zeros(2), 1.0)
    x, y = (float((value / _ALONE + 0.5) * side) for value in heart)
    return canvas.density.astype(np.float32), (x, y)


class _Canvas:
    """Optical density that layers are added to; coordinates run from -span/2 to span/2."""

    def __init__(self, size_px: int, rng: np.random.Generator, span: float = 1.0) -> None:
        self.rng, self.size_px = rng, size_px
        self.density = np.zeros((size_px, size_px, 3))
        axis = ((np.arange(size_px) + 0.5) / size_px - 0.5) * span
        self.x, self.y = np.meshgrid(axis, axis)

    def noise(self, scale: float) -> np.ndarray:
        """Smooth noise with unit spread; ``scale`` is the size of its features as a part of the side."""
        cells = max(2, round(1 / scale) + 2)
        field = cv2.resize(self.rng.standard_normal((cells, cells)), (self.size_px,) * 2, interpolation=cv2.INTER_CUBIC)
        return (field - field.mean()) / (field.std() + 1e-9)

    def add(self, stain: Sequence[float] | np.ndarray, amount: np.ndarray) -> None:
        """Add a stain, ``amount`` per pixel."""
        self.density += np.clip(amount, 0, None)[..., None] * np.asarray(stain)

    def develop(self, defocus: float) -> np.ndarray:
        """Density to light: lamp colour, uneven light, blur of the lens, noise of the sensor."""
        rng = self.rng
        lamp = np.array([0.93, 0.93, 0.95]) + rng.uniform(-0.045, 0.03, 3)
        slope = 1 + rng.uniform(-0.09, 0.09) * self.x + rng.uniform(-0.09, 0.09) * self.y
        light = np.exp(-self.density) * lamp * slope[..., None] + 0.02
        blurred = cv2.GaussianBlur(light, (0, 0), defocus * self.size_px / 217)
        grain = cv2.GaussianBlur(rng.standard_normal(light.shape), (0, 0), 0.6)
        return np.clip(np.round((blurred + 0.012 * grain) * 255), 0, 255).astype(np.uint8)


def _outline(
    canvas: _Canvas, centre: np.ndarray, radius: float, elongation: float, corners: int, roughness: float
) -> np.ndarray:
    """Distance inside an outline, as a part of its radius: 0 on the edge, 1 in the centre, negative outside."""
    rng = canvas.rng
    turn = rng.uniform(0, np.pi)
    dx, dy = canvas.x - centre[0], canvas.y - centre[1]
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / elongation**0.5
    v = (-dx * np.sin(turn) + dy * np.cos(turn)) * elongation**0.5
    angle, distance = np.arctan2(v, u), np.hypot(u, v)
    shape = np.ones(angle.shape)
    if corners:
        at = np.sort(np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(-0.25, 0.25, corners))
        reach = rng.uniform(0.86, 1.12, corners)
        knots, values = np.concatenate([at - 2 * np.pi, at, at + 2 * np.pi]), np.tile(reach, 3)
        before = np.clip(np.searchsorted(knots, angle.ravel(), side="right") - 1, 0, len(knots) - 2)
        a0, a1, r0, r1 = knots[before], knots[before + 1], values[before], values[before + 1]
        theta = angle.ravel()
        chord = r0 * r1 * np.sin(a1 - a0) / (r0 * np.sin(theta - a0) + r1 * np.sin(a1 - theta))
        shape = np.asarray(chord, dtype=float).reshape(angle.shape)
    for wave in range(2, 8):
        shape = shape + roughness / wave**1.1 * 2.2 * rng.normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return 1 - distance / (radius * shape)


def _soft(inside: np.ndarray, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(inside / width, -40, 40)))


def _draw_body(canvas: _Canvas, look: Look, centre: np.ndarray, weight: float) -> np.ndarray:
    """Cytoplasm with rim, folds and granules, then halo and nucleus; returns the place of the nucleus."""
    rng = canvas.rng
    radius = rng.uniform(*look.radius)
    corners = int(rng.integers(look.corners[0], look.corners[1] + 1))
    inside = _outline(canvas, centre, radius, rng.uniform(*look.elongation), corners, look.roughness)
    body = _soft(inside, 0.022)
    amount = 1 + 0.13 * canvas.noise(0.22) + look.granules * 0.45 * canvas.noise(0.02)
    amount = amount + look.rim * np.exp(-(((inside - 0.08) / 0.07) ** 2))
    for _ in range(rng.integers(0, look.folds + 1)):
        amount = amount + _fold(canvas, radius)
    heart = centre + rng.uniform(-0.08, 0.08, 2) * radius
    nuclei = _nuclei(canvas, look, heart)
    if look.halo:
        hollow = rng.uniform(0.19, 0.24) if len(nuclei) == 1 else 0.25
        clear = _soft(_outline(canvas, heart, hollow, rng.uniform(1.0, 1.3), 0, 0.03), 0.05)
        edge = clear * (1 - clear) * 4  # the halo has a sharp, dense edge
        amount = amount * (1 - look.halo * clear) + 0.45 * edge
    stain = np.asarray(look.cytoplasms[rng.integers(len(look.cytoplasms))]) * rng.uniform(0.9, 1.1, 3)
    canvas.add(stain, amount * body * rng.uniform(*look.strength) * weight)
    strength = rng.uniform(*look.nucleus_strength) * weight
    for nucleus in nuclei:
        chromatin = 1 + 0.14 * canvas.noise(0.05) + 0.12 * canvas.noise(0.02)
        membrane = 0.35 * np.exp(-(((nucleus - 0.1) / 0.08) ** 2))
        canvas.add(HAEMATOXYLIN, strength * (chromatin + membrane) * _soft(nucleus, 0.07))
    return heart


def _nuclei(canvas: _Canvas, look: Look, centre: np.ndarray) -> list[np.ndarray]:
    rng = canvas.rng
    radius = rng.uniform(*look.nucleus)
    places = [centre]
    if rng.random() < look.two_nuclei:
        turn = rng.uniform(0, 2 * np.pi)
        step = radius * rng.uniform(0.8, 1.05) * np.array([np.cos(turn), np.sin(turn)])
        places, radius = [centre - step, centre + step], radius * 0.85
    rough = look.nucleus_irregular
    return [_outline(canvas, p, radius, rng.uniform(1.0, 1.35 + rough), 0, rough) for p in places]


def _fold(canvas: _Canvas, radius: float) -> np.ndarray:
    """A thin bent line of doubled cytoplasm."""
    rng = canvas.rng
    turn, offset, bend = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6) * radius, rng.uniform(-1.5, 1.5)
    u = canvas.x * np.cos(turn) + canvas.y * np.sin(turn)
    v = -canvas.x * np.sin(turn) + canvas.y * np.cos(turn)
    length = np.exp(-((u / (radius * rng.uniform(0.4, 1.0))) ** 4))
    return rng.uniform(0.15, 0.45) * length * np.exp(-(((v - offset - bend * u**2) / rng.uniform(0.005, 0.014)) ** 2))


def _draw_neighbour(canvas: _Canvas, look: Look) -> None:
    """A cell of the same kind that reaches in from the edge."""
    turn = canvas.rng.uniform(0, 2 * np.pi)
    reach = canvas.rng.uniform(0.55, 0.75)
    _draw_body(canvas, look, reach * np.array([np.cos(turn), np.sin(turn)]), canvas.rng.uniform(0.5, 0.9))


def _draw_debris(canvas: _Canvas) -> None:
    """Mucus, specks and now and then a neutrophil with its lobes."""
    rng = canvas.rng
    canvas.add(PINK if rng.random() < 0.4 else CYAN, rng.uniform(0.02, 0.16) * (1 + 0.5 * canvas.noise(0.3)))
    for _ in range(rng.integers(0, 7)):
        place, radius = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.003, 0.009)
        canvas.add(HAEMATOXYLIN, rng.uniform(0.2, 0.8) * _soft(_outline(canvas, place, radius, 1.2, 0, 0.1), 0.3))
    if rng.random() < 0.3:
        turn = rng.uniform(0, 2 * np.pi)
        place = rng.uniform(0.42, 0.52) * np.array([np.cos(turn), np.sin(turn)])
        for _ in range(rng.integers(2, 5)):
            lobe = _outline(canvas, place + rng.normal(0, 0.02, 2), 0.022, 1.3, 0, 0.1)
            canvas.add(HAEMATOXYLIN, 0.9 * _soft(lobe, 0.15))
