"""Transforms for augmentation: the optics, the mask and the image processing of endoscopes other than that of the data.

Each is named in a recipe's ``augment`` as those of albumentations are; the ranges are guesses of what
makers' menus allow. The study ``benchmarks.studies.optics`` tests with other processors.
"""

import math
import os
from typing import Any

import cv2
import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A

Range = tuple[float, float]
SHAPES = ("circle", "octagon", "rounded")


class FieldOfView(A.DualTransform):
    """Another lens: zoom, and barrel distortion about the middle; what is outside the picture becomes black.

    Args:
        zoom: range of the magnification in the middle.
        barrel: range of the distortion at the middle of an edge, as a share of the radius; pincushion below 0.
        p: chance.
    """

    def __init__(self, zoom: Range = (0.8, 1.35), barrel: Range = (-0.05, 0.2), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.zoom, self.barrel = zoom, barrel

    def get_params(self) -> dict[str, Any]:
        """Draw magnification and distortion."""
        low, high = map(math.log, self.zoom)
        return {"zoom": math.exp(self._draw((low, high))), "barrel": self._draw(self.barrel)}

    def apply(self, img: np.ndarray, zoom: float, barrel: float, **_: Any) -> np.ndarray:
        """The picture."""
        return _through_lens(img, zoom, barrel, cv2.INTER_LINEAR)

    def apply_to_mask(self, mask: np.ndarray, zoom: float, barrel: float, **_: Any) -> np.ndarray:
        """The target of a heat map."""
        return _through_lens(mask, zoom, barrel, cv2.INTER_NEAREST)

    def _draw(self, range_: Range) -> float:
        return float(self.random_generator.uniform(*range_))


class EndoscopeMask(A.ImageOnlyTransform):
    """The black surround: a circle, an octagon or a rounded square of any size, not quite in the middle.

    For classifiers: of a heat map the target is not masked.

    Args:
        size: range of half the mask's side, as a share of half the picture's; above 1 only its corners cut.
        shift: largest distance of its middle from the picture's, as a share of the side.
        shapes: which of ``SHAPES``.
        p: chance.
    """

    def __init__(
        self, size: Range = (0.8, 1.2), shift: float = 0.06, shapes: tuple[str, ...] = SHAPES, p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        if not shapes or set(shapes) - set(SHAPES):
            raise ValueError(f"shapes is {list(shapes)}; expected some of {', '.join(SHAPES)}")
        self.size, self.shift, self.shapes = size, shift, shapes

    def get_params(self) -> dict[str, Any]:
        """Draw shape, size, place and how much of the corners is cut."""
        draw = self.random_generator
        return {
            "shape": self.shapes[int(draw.integers(len(self.shapes)))],
            "half": float(draw.uniform(*self.size)),
            "middle": draw.uniform(-self.shift, self.shift, 2),
            "cut": float(draw.uniform(0.15, 0.6)),
            "black": int(draw.integers(0, 17)),
        }

    def apply(
        self, img: np.ndarray, shape: str, half: float, middle: np.ndarray, cut: float, black: int, **_: Any
    ) -> np.ndarray:
        """Blacken the surround."""
        seen = mask_of(shape, img.shape[:2], half, middle, cut)[..., None]
        masked: np.ndarray = np.rint(img * seen + black * (1 - seen)).astype(np.uint8)
        return masked


class Processor(A.ImageOnlyTransform):
    """Another video processor: colour temperature, saturation, tone curve, edge enhancement and blurred chroma.

    Args:
        warmth: range of log2 of the gain of red over blue.
        tint: range of log2 of the gain of green.
        saturation: range of the factor of chroma.
        gamma: range of the exponent.
        s_curve: range of the share of an S-curve in the tone; below 0 contrast is less.
        sharpen: range of the strength of the unsharp mask; below 0 the picture is softened.
        chroma_blur: range of the blur of the chroma in pixels (sigma).
        p: chance.
    """

    def __init__(
        self,
        warmth: Range = (-0.35, 0.35),
        tint: Range = (-0.12, 0.12),
        saturation: Range = (0.6, 1.25),
        gamma: Range = (0.65, 1.5),
        s_curve: Range = (-0.4, 0.7),
        sharpen: Range = (-0.5, 1.5),
        chroma_blur: Range = (0.0, 2.5),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.warmth, self.tint, self.saturation, self.gamma = warmth, tint, saturation, gamma
        self.s_curve, self.sharpen, self.chroma_blur = s_curve, sharpen, chroma_blur

    def get_params(self) -> dict[str, Any]:
        """Draw the settings of a processor."""
        names = ("warmth", "tint", "saturation", "gamma", "s_curve", "sharpen", "chroma_blur")
        drawn = {name: float(self.random_generator.uniform(*getattr(self, name))) for name in names}
        return {**drawn, "reach": float(self.random_generator.uniform(0.7, 2.0))}

    def apply(self, img: np.ndarray, **drawn: float) -> np.ndarray:
        """Process the picture."""
        gains = np.exp2([drawn["warmth"] / 2, drawn["tint"], -drawn["warmth"] / 2])
        tone = np.clip(np.linspace(0, 1, 256)[:, None] * gains, 0, 1) ** drawn["gamma"]
        tone += drawn["s_curve"] * (tone**2 * (3 - 2 * tone) - tone)
        toned = cv2.LUT(img, np.rint(tone * 255).astype(np.uint8)[:, None])
        parts = cv2.cvtColor(toned.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
        light, chroma = parts[..., :1], parts[..., 1:] - 0.5
        if drawn["chroma_blur"] > 0.2:
            chroma = np.asarray(cv2.GaussianBlur(chroma, (0, 0), drawn["chroma_blur"]))
        soft = cv2.GaussianBlur(light, (0, 0), drawn["reach"])[..., None]
        light = light + drawn["sharpen"] * (light - soft)
        mixed = np.concatenate([light, 0.5 + drawn["saturation"] * chroma], axis=2)
        shown = cv2.cvtColor(mixed.astype(np.float32), cv2.COLOR_YCrCb2RGB)
        processed: np.ndarray = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
        return processed


class LowerLeftCorner(A.ImageOnlyTransform):
    """The corner where some sets show a position guide, and where others were blackened: never what it was.

    It becomes black, or the lower right corner mirrored. If it were only blackened in some pictures, what is seen there
    would tell the set, and with it the class; if in all, the network would never have seen a whole picture, which is
    what it is shown in use. So use it on every picture (p = 1), before any other transform.

    Args:
        width, height: of the corner, as shares of the picture's.
        black: share of the pictures in which it is black; in the others it is mirrored.
        p: chance.
    """

    def __init__(self, width: float = 0.42, height: float = 0.44, black: float = 0.5, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.width, self.height, self.black = width, height, black

    def get_params(self) -> dict[str, Any]:
        """Draw which of the two it is."""
        return {"is_black": bool(self.random_generator.random() < self.black)}

    def apply(self, img: np.ndarray, is_black: bool, **_: Any) -> np.ndarray:
        """Replace the corner."""
        height, width = img.shape[:2]
        top, right = round(height * (1 - self.height)), round(width * self.width)
        filled = img.copy()
        filled[top:, :right] = 0 if is_black else img[top:, width - right :][:, ::-1]
        return filled


def mask_of(shape: str, size: tuple[int, ...], half: float, middle: np.ndarray, cut: float) -> np.ndarray:
    """How much of each pixel is inside the mask, float32 (h, w), with a rim of about a pixel.

    Args:
        shape: one of ``SHAPES``.
        size: h and w in pixels.
        half: half of the mask's side, as a share of half the picture's.
        middle: x and y of its middle, as shares of the picture's side, from the picture's middle.
        cut: of an octagon or a rounded square, share of half the side that its corners take.
    """
    rows, columns = (
        (np.arange(count, dtype=np.float32) + 0.5 - count * (0.5 + float(off))) / (count / 2)
        for count, off in zip(size, (middle[1], middle[0]), strict=True)
    )
    y, x = np.abs(rows)[:, None], np.abs(columns)[None]
    if shape == "circle":
        outside = np.hypot(x, y) - half
    elif shape == "octagon":
        outside = np.maximum(np.maximum(x, y) - half, (x + y - half * (2 - cut)) / math.sqrt(2))
    else:
        inner = half * (1 - cut)
        outside = np.hypot(np.maximum(x - inner, 0), np.maximum(y - inner, 0)) - half * cut
    seen: np.ndarray = np.clip(0.5 - outside * min(size) / 2, 0, 1).astype(np.float32)
    return seen


def _through_lens(picture: np.ndarray, zoom: float, barrel: float, interpolation: int) -> np.ndarray:
    height, width = picture.shape[:2]
    x = (np.arange(width, dtype=np.float32) + 0.5) * 2 / width - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) * 2 / height - 1
    factor = (1 + barrel * (x[None] ** 2 + y[:, None] ** 2)) / zoom
    from_x, from_y = ((x[None] * factor + 1) * width - 1) / 2, ((y[:, None] * factor + 1) * height - 1) / 2
    seen: np.ndarray = cv2.remap(
        picture, from_x.astype(np.float32), from_y.astype(np.float32), interpolation, borderMode=cv2.BORDER_CONSTANT
    )
    return seen
