"""Soft shapes and colours that spoiled pictures are made of; shapes are (height, width, ...) of the picture."""

import cv2
import numpy as np


def clouds(shape: tuple[int, ...], rng: np.random.Generator, cells: int = 5) -> np.ndarray:
    """Smooth random field, about 0..1: float32 (h, w)."""
    coarse = rng.uniform(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC)


def ramp(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """From about -1 to 1 across the picture, in a random direction: float32 (h, w)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along: np.ndarray = (2 * x / shape[1] - 1) * np.float32(np.cos(angle)) + (2 * y / shape[0] - 1) * np.float32(
        np.sin(angle)
    )
    return along


def share_mask(field: np.ndarray, inside: np.ndarray, share: float, soft: float) -> np.ndarray:
    """Weights that cover a share of the picture, where the field is highest: float32 (h, w, 1), soft at the edge."""
    threshold = np.quantile(field[inside > 0], 1 - share) if share < 1 else field.min() - 1
    weights: np.ndarray = 1 / (1 + np.exp(np.clip((threshold - field) / np.float32(soft), -30, 30)))
    return weights[..., None].astype(np.float32)


def flesh(rng: np.random.Generator) -> np.ndarray:
    """Colour of a wall that is lit through, from pink over orange to dark red: float32 (3,), linear RGB."""
    return np.array([rng.uniform(0.5, 1.0), rng.uniform(0.06, 0.35), rng.uniform(0.02, 0.2)], np.float32)


def disc(radius_px: float) -> np.ndarray:
    """Kernel of a lens out of focus: float32, sum 1, its edge as soft as a pixel."""
    reach = int(np.ceil(radius_px + 0.5))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    normalised: np.ndarray = kernel / kernel.sum()
    return normalised


def streak(length_px: float, rng: np.random.Generator) -> np.ndarray:
    """Kernel of a straight movement in a random direction: float32, sum 1."""
    side = max(3, round(length_px) | 1)
    kernel = np.zeros((side, side), np.float32)
    angle, middle = rng.uniform(0, np.pi), side // 2
    across, down = (round(middle * float(part)) for part in (np.cos(angle), np.sin(angle)))
    cv2.line(kernel, (middle - across, middle - down), (middle + across, middle + down), 1.0)
    normalised: np.ndarray = kernel / kernel.sum()
    return normalised


def glints(shape: tuple[int, ...], rng: np.random.Generator, count: int) -> np.ndarray:
    """Reflections of the lamp on a wet wall, some sharp, some not: float32 (h, w, 3), 0 between them."""
    layer = np.zeros((*shape[:2], 3), np.float32)
    for _ in range(count):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = tuple(max(1, int(shape[1] * rng.uniform(0.004, 0.03))) for _ in range(2))
        cv2.ellipse(layer, centre, axes, rng.uniform(0, 180), 0, 360, (1.2, 1.2, 1.1), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(layer, (0, 0), max(0.5, shape[1] * rng.uniform(0.0, 0.006)))


def narrow_band(rng: np.random.Generator) -> np.ndarray:
    """Colours under narrow-band light of some processor: red is lost, what is left is brown, grey or teal; (3, 3)."""
    red = np.array([rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.8), 0.1])
    green = np.array([0.0, rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.4)])
    blue = np.array([0.0, rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.7)])
    return np.stack([red, green, blue]).astype(np.float32)


def share_of(image: np.ndarray, inside: np.ndarray, *, at_least: int = 0, at_most: int = 255) -> float:
    """Share of the picture whose grey level is between the two."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[inside > 0]
    return float(np.mean((grey >= at_least) & (grey <= at_most)))
