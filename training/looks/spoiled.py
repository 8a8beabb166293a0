"""Pictures that show none of the classes, made by rule from pictures that do: for the class ``none`` of a classifier.

Only by rule, and from the same pictures: if those of another hospital were learned as ``none``, the network would learn
that hospital's processor, and call every picture of another processor ``none``.
"""

from collections.abc import Callable

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.records import ClassInfo

NONE = ClassInfo("none", "None of them", "均不属于")


def with_none(classes: tuple[ClassInfo, ...]) -> tuple[ClassInfo, ...]:
    """Classes with ``none`` after them.

    Raises:
        ConfigError: When they have one of that name.
    """
    if NONE.id in {item.id for item in classes}:
        raise ConfigError(f"the dataset has a class {NONE.id!r} of its own", fix="set data.none_share to 0")
    return (*classes, NONE)


def with_spoiled(labels: np.ndarray, none: int, share: float) -> np.ndarray:
    """Labels (N,) of the training pictures, and after them those of spoiled ones, ``share`` of all: ``none``."""
    count = round(share / (1 - share) * len(labels))
    return np.concatenate([labels, np.full(count, none, labels.dtype)])


def spoil(picture: np.ndarray, seed: int) -> np.ndarray:
    """Make a picture useless in one of five ways, the same for the same seed.

    Args:
        picture: uint8 (h, w, 3) RGB.
        seed: decides which way, and how much.

    Returns:
        uint8 (h, w, 3): blurred beyond use, dark, against the wall, dazzled, or outside the body.
    """
    rng = np.random.default_rng((seed, 1))
    spoiled = _WAYS[int(rng.integers(len(_WAYS)))](picture.astype(np.float32), rng)
    noise = rng.normal(0, rng.uniform(0, 6), picture.shape)
    whole: np.ndarray = np.rint(np.clip(spoiled + noise, 0, 255)).astype(np.uint8)
    return whole


def _blurred(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, and moved in one direction."""
    side = min(picture.shape[:2])
    length = max(3, round(side * rng.uniform(0.12, 0.3)))
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(line, turn, (length, length)).astype(np.float32)
    kernel /= max(float(kernel.sum()), 1.0)
    moved = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    soft: np.ndarray = cv2.GaussianBlur(moved, (0, 0), side * rng.uniform(0.03, 0.08))
    return soft


def _dark(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dark: np.ndarray = picture * (rng.uniform(1, 10) / max(float(picture.mean()), 1.0)) + rng.uniform(0, 8)
    return dark


def _against_the_wall(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One colour of the picture with a slow slope of light, as when the lens touches the mucosa."""
    height, width = picture.shape[:2]
    colour = picture.reshape(-1, 3)[rng.integers(height * width, size=50)].mean(axis=0)
    slope = cv2.resize(rng.uniform(0.5, 1.5, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    wall: np.ndarray = np.maximum(colour, 40) * rng.uniform(0.8, 1.8) * slope[..., None]
    return wall


def _dazzled(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = min(picture.shape[:2])
    soft = cv2.GaussianBlur(picture, (0, 0), side * rng.uniform(0.02, 0.06))
    bright: np.ndarray = soft * rng.uniform(3, 7) + rng.uniform(60, 140)
    return bright


def _outside(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room, roughly: grey, green and blue areas with straight edges, with no red of tissue in them."""
    height, width = picture.shape[:2]
    room = np.full(picture.shape, rng.uniform(60, 230), np.float32) + rng.normal(0, 12, 3)
    for _ in range(int(rng.integers(4, 14))):
        middle, sides = rng.uniform(0, [width, height]), rng.uniform(0.05, 0.7, 2) * [width, height]
        corners = cv2.boxPoints(((*middle,), (*sides,), float(rng.normal(0, 25)))).astype(np.int32)
        grey = rng.uniform(10, 250)
        red, green, blue = grey + rng.uniform([-40, -20, -20], [5, 25, 45])
        cv2.fillPoly(room, [corners], (red, green, blue))
    light = cv2.resize(rng.uniform(0.6, 1.3, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    lit: np.ndarray = cv2.GaussianBlur(room, (0, 0), rng.uniform(0.5, 4)) * light[..., None]
    return lit


_WAYS: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    _blurred,
    _dark,
    _against_the_wall,
    _dazzled,
    _outside,
)
