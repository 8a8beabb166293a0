"""Augmentation pipelines of albumentations' transforms and our own, built from the recipe."""

import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import did_you_mean, one_line
from unmissed.training.looks.cells import CutOut, Stain
from unmissed.training.looks.colours import ColourOf
from unmissed.training.looks.endoscope import EndoscopeMask, FieldOfView, LowerLeftCorner, Processor

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask a server for its newest version at import
import albumentations as A

_OWN: dict[str, Any] = {
    one.__name__: one for one in (ColourOf, CutOut, EndoscopeMask, FieldOfView, LowerLeftCorner, Processor, Stain)
}


class Augmenter:
    """Augment a cached training picture and bring it to the input size, the same way for the same seed."""

    def __init__(self, steps: Sequence[Mapping[str, Mapping[str, Any]]], size_px: int, *, is_crop: bool) -> None:
        transforms = [_build(name, dict(parameters)) for step in steps for name, parameters in step.items()]
        last = (
            A.CenterCrop(size_px, size_px, pad_if_needed=True, border_mode=cv2.BORDER_REFLECT_101)
            if is_crop
            else A.Resize(size_px, size_px, interpolation=cv2.INTER_AREA)
        )
        self._pipeline = A.Compose([*transforms, last])

    def __call__(self, picture: np.ndarray, seed: int, other: np.ndarray | None = None) -> np.ndarray:
        """uint8 RGB (H, W, 3) -> uint8 RGB (size_px, size_px, 3).

        Args:
            other: another training picture of that size, for transforms that show one in another; None is the same.
        """
        self._pipeline.set_random_seed(seed)
        augmented: np.ndarray = self._pipeline(image=picture, other=picture if other is None else other)["image"]
        return augmented

    def both(self, picture: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Augment a picture and, by the same geometry without blending, its target uint8 (H, W, channels)."""
        self._pipeline.set_random_seed(seed)
        augmented = self._pipeline(image=picture, mask=target, other=picture)
        return augmented["image"], augmented["mask"].reshape(*augmented["image"].shape[:2], -1)

    def check(self, picture: np.ndarray) -> None:
        """Try the pipeline on a cached picture, with a few seeds.

        Raises:
            ConfigError: When a transform cannot work on such a picture, or does not leave it uint8 RGB: scaling to mean
                and standard deviation is part of the network.
        """
        for seed in range(8):
            try:
                result = self(picture, seed)
            except Exception as error:  # albumentations raises all kinds
                words = one_line(error)
                raise ConfigError(
                    f"augment: a transform fails on a picture of {picture.shape[1]} x {picture.shape[0]} px: {words}",
                    fix="correct or remove it",
                ) from error
            if result.dtype != np.uint8 or result.shape[2:] != (3,):
                raise ConfigError(
                    f"augment: the pictures come out as {result.dtype} of shape {result.shape}",
                    expected="uint8 RGB",
                    fix="leave Normalize, ToFloat and the like out: the network scales its input itself",
                )


def _build(name: str, parameters: dict[str, Any]) -> Any:
    theirs = {key: it for key, it in vars(A).items() if inspect.isclass(it) and issubclass(it, A.BasicTransform)}
    known: dict[str, Any] = {**theirs, **_OWN}
    if name not in known:
        raise ConfigError(
            f"augment: there is no transform {name!r}",
            fix=did_you_mean(name, list(known), "see albumentations' documentation for the names"),
        )
    valid = list(inspect.signature(known[name]).parameters)
    for key in parameters:
        if key not in valid:
            advice = did_you_mean(key, valid, f"valid: {', '.join(valid)}", most=1, shown="'{}'")
            raise ConfigError(f"augment: {name} has no parameter {key!r}", fix=advice)
    try:
        return known[name](**{key: _tuples(value) for key, value in parameters.items()})
    except (ValueError, TypeError) as error:
        raise ConfigError(f"augment: {name}: {one_line(error)}", fix="correct the value") from error


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
