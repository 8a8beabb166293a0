"""Named figures of how clear a picture is: structure by scale, on patches; light; colour."""

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from unmissed.inference.endoscopy.frame.shrinking import shrink
from unmissed.inference.endoscopy.values import FrameView

WORK_PX = 480
"""Longer side of the picture that is measured. A share of the width means the same to the wall on every processor."""
_PATCH_PX = 40
_BANDS = (1, 2, 3)  # of the pyramid; the finest, of about 1 px, shows the noise of the sensor and the codec
_BURNT, _DARK = 240, 28  # grey levels
_RED_BURNT, _GREEN_LOW = 248, 200
_GLINT = 225
_FLOOR = 8.0  # grey levels: keeps dark patches from being divided by nothing
_TINY = 0.05
_LEAST_VALID = 0.35  # of a patch
_PERCENTS = (20, 50, 80, 95)
_PEAK_PERCENTS = (50, 90)
_RATIO_PERCENTS = (20, 50, 80)
_COLOUR_PX = 120


class Masks:
    """What the mask of the tissue comes to at each scale; kept while the mask stays the same array.

    Attributes:
        whole: uint8 (h, w), 255 on tissue, at the size that is measured.
        inside: bool (rows, columns), patches that show enough tissue.
        inner: float32 of each band, 1 on tissue away from its rim.
    """

    def __init__(self) -> None:
        self._of: np.ndarray | None = None
        self.whole: np.ndarray = np.empty((0, 0), np.uint8)
        self.inside = np.empty((0, 0), bool)
        self.inner: tuple[np.ndarray, ...] = ()

    def fit(self, small_mask: np.ndarray, shape: tuple[int, ...]) -> None:
        """Follow a mask, uint8 (h, w), to pictures of a shape."""
        if small_mask is self._of and shape == self.whole.shape:
            return
        self._of = small_mask
        self.whole = cv2.resize(small_mask, shape[1::-1], interpolation=cv2.INTER_NEAREST)
        rows, columns = shape[0] // _PATCH_PX, shape[1] // _PATCH_PX
        self.inside = _patch_means(self.whole.astype(np.float32) / 255, rows, columns) > _LEAST_VALID
        inner, size = [], shape
        for _ in _BANDS:
            size = tuple((side + 1) // 2 for side in size)
            rim = cv2.erode(_resized(self.whole, size), np.ones((3, 3), np.uint8))
            inner.append((rim > 0.5).astype(np.float32))
        self.inner = tuple(inner)


def measure_clarity(view: FrameView, masks: Masks | None = None) -> dict[str, float]:
    """All figures of a frame, finite; see ``CLARITY_FEATURES`` for the names.

    The bands are those of a Laplacian pyramid (Burt and Adelson 1983): structure of about 2, 4 and 8 px of a picture of
    480 px. In each patch the mean of their absolute values is taken without highlights, relative to the brightness
    of the patch, and the largest with them: a sharp highlight on a smooth wall shows that the lens is in focus.

    Args:
        view: of the frame.
        masks: kept from one frame to the next, which saves time.
    """
    grey = _at_work_size(view.grey)
    masks = Masks() if masks is None else masks
    masks.fit(view.small_mask, grey.shape)
    _, darker = cv2.threshold(grey, _BURNT - 1, 255, cv2.THRESH_BINARY_INV)
    clear = cv2.bitwise_and(masks.whole, cv2.erode(darker, np.ones((5, 5), np.uint8)))
    found = _structure(grey, masks, clear)
    found |= _light(grey, masks.whole, view.small, view.small_mask)
    found |= _colour(view)
    return found


def _at_work_size(grey: np.ndarray) -> np.ndarray:
    """Longer side ``WORK_PX``, and both sides whole numbers of patches."""
    height, width = grey.shape
    scale = WORK_PX / max(height, width)
    columns, rows = (max(1, round(side * scale / _PATCH_PX)) for side in (width, height))
    return shrink(grey, columns * _PATCH_PX, rows * _PATCH_PX)


def _structure(grey: np.ndarray, masks: Masks, clear: np.ndarray) -> dict[str, float]:
    rows, columns = grey.shape[0] // _PATCH_PX, grey.shape[1] // _PATCH_PX
    inside = masks.inside
    valid = inside & (_patch_means(_resized(clear, clear.shape), rows, columns) > _LEAST_VALID)
    found: dict[str, float] = {"patches": float(valid.sum()) / max(1, int(inside.sum()))}
    below: np.ndarray = cv2.pyrDown(grey.astype(np.float32))
    means, peaks = {}, {}
    for band, inner in zip(_BANDS, masks.inner, strict=True):
        here = below
        below = cv2.pyrDown(here)
        detail = cv2.absdiff(here, cv2.pyrUp(below, dstsize=here.shape[1::-1]))
        weight = _resized(clear, here.shape)
        area = _patch_means(weight, rows, columns)
        light = _patch_means(here * weight, rows, columns) / np.maximum(area, 1e-3)
        mean = _patch_means(detail * weight, rows, columns) / np.maximum(area, 1e-3)
        relative = np.log(mean / (light + _FLOOR) + 1e-3)
        found |= _percentiles(f"detail_{band}", relative, valid)
        peak = _patch_peaks(detail * inner, rows, columns)
        found |= _percentiles(f"peak_{band}", np.log(peak + 1.0), inside, _PEAK_PERCENTS)
        means[band], peaks[band] = np.log(mean + _TINY), np.log(peak + 1.0)
        if band == _BANDS[0]:
            found |= _direction(here, weight, valid, rows, columns)
    for fine, coarse in pairwise(_BANDS):
        found |= _percentiles(f"fineness_{fine}", means[fine] - means[coarse], valid, _RATIO_PERCENTS)
        found |= _percentiles(f"edge_{fine}", peaks[fine] - peaks[coarse], inside, _PEAK_PERCENTS)
    return found


def _direction(here: np.ndarray, weight: np.ndarray, valid: np.ndarray, rows: int, columns: int) -> dict[str, float]:
    """How much the structure of a patch runs one way (0 none, 1 all): motion draws it out, defocus does not."""
    gx, gy = cv2.Sobel(here, cv2.CV_32F, 1, 0) * weight, cv2.Sobel(here, cv2.CV_32F, 0, 1) * weight
    xx, yy, xy = (_patch_means(product, rows, columns) for product in (gx * gx, gy * gy, gx * gy))
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-3)
    return _percentiles("direction", coherence, valid, _PEAK_PERCENTS)


def _light(grey: np.ndarray, mask: np.ndarray, small: np.ndarray, small_mask: np.ndarray) -> dict[str, float]:
    histogram = cv2.calcHist([grey], [0], mask, [256], [0, 256]).ravel()
    total = max(1.0, float(histogram.sum()))
    shares = histogram / total
    levels = np.arange(256)
    mean = float(shares @ levels)
    coarse = shares.reshape(64, 4).sum(axis=1)
    cumulated = np.cumsum(shares)
    glints = ((small >= _GLINT) & (small_mask > 0)).astype(np.uint8)
    count, _, parts, _ = cv2.connectedComponentsWithStats(glints, connectivity=8)
    largest = float(parts[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0.0
    seen = max(1, cv2.countNonZero(small_mask))
    patches = cv2.resize(small, (12, 12), interpolation=cv2.INTER_AREA)
    return {
        "light": mean / 255,
        "light_spread": math.sqrt(max(0.0, float(shares @ (levels - mean) ** 2))) / 255,
        "light_low": float(np.searchsorted(cumulated, 0.05)) / 255,
        "light_high": float(np.searchsorted(cumulated, 0.95)) / 255,
        "contrast": float(patches.std()) / (mean + _FLOOR),
        "entropy": float(-(coarse * np.log2(coarse + 1e-9)).sum()) / 6,
        "dark": float(shares[:_DARK].sum()),
        "burnt": float(shares[_BURNT:].sum()),
        "glints": math.log1p(count - 1),
        "largest_glint": largest / seen,
    }


def _colour(view: FrameView) -> dict[str, float]:
    step = max(1, max(view.grey.shape) // _COLOUR_PX)
    sample = cv2.blur(view.image[::step, ::step], (3, 3))
    mask = cv2.resize(view.small_mask, sample.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not mask.any():
        return dict.fromkeys(_COLOUR_FEATURES, 0.0)
    reds, greens, blues = (channel[mask].astype(np.float32) for channel in cv2.split(sample))
    total = reds + greens + blues + 3 * _FLOOR
    red, green = reds / total, greens / total
    high = np.maximum(np.maximum(reds, greens), blues)
    saturation = (high - np.minimum(np.minimum(reds, greens), blues)) / (high + _FLOOR)
    glow = (reds >= _RED_BURNT) & (greens < _GREEN_LOW)
    values = (red.mean(), red.std(), green.mean(), green.std(), saturation.mean(), saturation.std(), glow.mean())
    return {name: float(value) for name, value in zip(_COLOUR_FEATURES, values, strict=True)}


def _resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask, 0 and 255, as 0 and 1 at another size."""
    resized: np.ndarray = cv2.resize(mask, shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.bitwise_and(resized, 1).astype(np.float32)


def _patch_means(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)


def _patch_peaks(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    height, width = values.shape
    lines = values.reshape(rows, height // rows, width).max(axis=1)  # one axis at a time is far faster than both
    peaks: np.ndarray = lines.reshape(rows, columns, width // columns).max(axis=2)
    return peaks


def _percentiles(
    name: str, values: np.ndarray, where: np.ndarray, percents: Sequence[int] = _PERCENTS
) -> dict[str, float]:
    """Percentiles over patches; 0 where there is no patch to be judged."""
    ordered = np.sort(values[where])
    if not ordered.size:
        return {f"{name}_{percent}": 0.0 for percent in percents}
    return {f"{name}_{percent}": float(ordered[(ordered.size - 1) * percent // 100]) for percent in percents}


_COLOUR_FEATURES = ("red", "red_spread", "green", "green_spread", "saturation", "saturation_spread", "red_burnt")
CLARITY_FEATURES = (
    "patches",
    *(f"detail_{band}_{percent}" for band in _BANDS for percent in _PERCENTS),
    *(f"peak_{band}_{percent}" for band in _BANDS for percent in _PEAK_PERCENTS),
    *(f"fineness_{band}_{percent}" for band in _BANDS[:-1] for percent in _RATIO_PERCENTS),
    *(f"edge_{band}_{percent}" for band in _BANDS[:-1] for percent in _PEAK_PERCENTS),
    *(f"direction_{percent}" for percent in _PEAK_PERCENTS),
    *("light", "light_spread", "light_low", "light_high", "contrast", "entropy", "dark", "burnt"),
    *("glints", "largest_glint"),
    *_COLOUR_FEATURES,
)
"""Names of the figures of ``measure_clarity``."""
