"""Looks of other laboratories: dyes of another strength and hue, and cells that were cut out of their field."""

import os
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.pictures.images import paved

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A

_WHITE = 256.0


class Stain(A.ImageOnlyTransform):
    """Change the dyes in optical density, where their amounts add up (Beer and Lambert; Ruifrok and Johnston 2001).

    A Papanicolaou stain has more dyes than three channels can separate, so the densities of the channels are scaled and
    mixed in place of single dyes; the light of the empty field changes too.

    Args:
        strength: range of a factor of all densities.
        hue: largest change of one channel's density against the others, as a share.
        mix: largest share of a channel's density that another one takes up.
        light: range of a factor of each channel's empty field.
        p: chance.
    """

    def __init__(
        self,
        strength: tuple[float, float] = (0.75, 1.3),
        hue: float = 0.15,
        mix: float = 0.1,
        light: tuple[float, float] = (0.92, 1.04),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.strength, self.hue, self.mix, self.light = strength, hue, mix, light

    def get_params(self) -> dict[str, Any]:
        """Draw a laboratory."""
        draw = self.random_generator
        matrix = np.diag(draw.uniform(*self.strength) * (1 + draw.uniform(-self.hue, self.hue, 3)))
        matrix += draw.uniform(-self.mix, self.mix, (3, 3)) * (1 - np.eye(3))
        return {"matrix": matrix.astype(np.float32), "light": draw.uniform(*self.light, 3).astype(np.float32)}

    def apply(self, img: np.ndarray, matrix: np.ndarray, light: np.ndarray, **_: Any) -> np.ndarray:
        """Stain a picture, uint8 (h, w, 3) RGB."""
        density = cv2.log((img.astype(np.float32) + 1) / _WHITE)
        stained = cv2.exp(cv2.transform(density, matrix)) * (light * _WHITE) - 1
        return np.clip(stained + 0.5, 0, 255).astype(np.uint8)


class CutOut(A.ImageOnlyTransform):
    """Show a random box around the middle alone, on the ground that a picture of a single cell is laid on by its fit.

    Sets of single cells show no neighbours; without this, their absence would tell which set, and so which classes, a
    picture is from. With ``among`` the box lies between the cells of another training picture instead, so that
    neighbours that sets of single cells never show do not count for much.

    Args:
        sides: range of the box's sides, as shares of the picture's.
        among: share of the boxes that lie in another picture.
        p: chance.
    """

    def __init__(self, sides: tuple[float, float] = (0.25, 0.9), among: float = 0.0, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.sides, self.among = sides, among

    @property
    def targets_as_params(self) -> list[str]:
        """The other picture."""
        return ["other"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the sides of the box, and its ground."""
        draw = self.random_generator
        return {
            "across": draw.uniform(*self.sides),
            "down": draw.uniform(*self.sides),
            "ground": data["other"] if draw.random() < self.among else None,
        }

    def apply(self, img: np.ndarray, across: float, down: float, ground: np.ndarray | None, **_: Any) -> np.ndarray:
        """Cut out of a picture, uint8 (h, w, 3)."""
        height, width = img.shape[:2]
        high, wide = min(height, max(2, round(down * height))), min(width, max(2, round(across * width)))
        top, left = (height - high) // 2, (width - wide) // 2
        box = img[top : top + high, left : left + wide]
        if ground is None:
            return paved(box, left, top, width, height)
        # The middle of the other picture, where its own cell is, comes to the corners.
        among = np.roll(ground, (ground.shape[0] // 2, ground.shape[1] // 2), (0, 1))
        among[top : top + high, left : left + wide] = box
        return among
