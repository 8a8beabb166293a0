"""Pictures of a result: heat map as values, as a layer for the page and over the thumbnail with its scale."""

import io
import math
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unmissed.inference.cytology.values import HeatMap

# A hot entry of a whole slide is far smaller than a pixel of the screen: the largest of its neighbours is shown for
# all of them, so that a single cell can still be seen.
_MAX_ENTRIES = 240
_QUIET = 0.2  # below it nothing is laid over the slide
_MIN_ALPHA, _MAX_ALPHA = 0.35, 0.92
# Papanicolaou stains have every colour of the scale, so under it the slide keeps little of its own colour and strength.
SATURATION, STRENGTH = 0.25, 0.7
_STRIP_PX = 64  # scale under the picture
_MIN_WIDTH_PX = 480  # room for the scale beside a narrow slide
_INK = (28, 37, 48)


def values_png(heat_map: HeatMap) -> bytes:
    """The heat map itself as an 8-bit grey PNG: a pixel for each entry, 255 times its probability, rounded."""
    done, data = cv2.imencode(".png", _as_bytes(heat_map.scores), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:  # cv2 says nothing more than that
        raise ValueError(f"cannot encode a heat map of shape {heat_map.scores.shape}")
    return data.tobytes()


def fitted(heat_map: HeatMap, slide_px: tuple[int, int], size_px: tuple[int, int]) -> np.ndarray:
    """Lay the heat map over a picture of the whole slide.

    Args:
        heat_map: of the slide.
        slide_px: width and height of the slide, level-0 pixels.
        size_px: width and height of the picture.

    Returns:
        uint8 (height, width), 255 times the probability; 0 outside the heat map.
    """
    pooled, factor = _pooled(_as_bytes(heat_map.scores))
    entry_px = heat_map.cell_px * factor
    across, down = slide_px[0] / size_px[0] / entry_px, slide_px[1] / size_px[1] / entry_px
    # Entry c covers c..c+1 and has its value in the middle; so has a pixel.
    move = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]])
    return cv2.warpAffine(pooled, move, size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def overlay_png(values: np.ndarray) -> bytes:
    """Colour a fitted heat map: a PNG, transparent where the map is low, to overlay the thumbnail."""
    colours, alphas = palette()
    image = Image.fromarray(values)
    image.putpalette(colours.tobytes())  # turns grey values into places of the palette
    return _png(image, transparency=np.round(alphas * 255).astype(np.uint8).tobytes())


def blended_png(values: np.ndarray, thumbnail: np.ndarray, um_per_thumbnail_px: float) -> bytes:
    """The heat map over the thumbnail, with a colour scale and a bar of known length underneath.

    Args:
        values: uint8 (h, w), as ``fitted`` returns them.
        thumbnail: uint8 (h, w, 3) RGB.
        um_per_thumbnail_px: micrometres per pixel of the thumbnail.
    """
    colours, alphas = palette()
    hot = np.nonzero(alphas[values])
    alpha = alphas[values[hot]][:, None]
    grey = cv2.cvtColor(cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    pale = STRENGTH * SATURATION, STRENGTH * (1 - SATURATION)
    mixed = cv2.addWeighted(thumbnail, pale[0], grey, pale[1], 255 * (1 - STRENGTH))
    mixed[hot] = np.round(mixed[hot] * (1 - alpha) + colours[values[hot]] * alpha)
    height, width = values.shape
    canvas = Image.new("RGB", (max(width, _MIN_WIDTH_PX), height + _STRIP_PX), "white")
    canvas.paste(Image.fromarray(mixed), (0, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(16)
    top = height + 14
    for step in range(201):
        value = round(255 * step / 200)
        mix = 255 * (1 - alphas[value]) + colours[value] * alphas[value]
        draw.line([(20 + step, top), (20 + step, top + 14)], fill=tuple(int(part) for part in mix))
    draw.rectangle((20, top, 220, top + 14), outline=_INK)
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        draw.text((20 + 200 * mark, top + 17), f"{mark:g}", _INK, font, anchor="ma")
    length_px, label = scale_bar(um_per_thumbnail_px, width)
    label = label.replace("µ", "u")  # which Pillow's own font does not have
    left = canvas.width - 20 - length_px
    draw.rectangle((left, top, left + length_px, top + 5), fill=_INK)
    draw.text((left + length_px / 2, top + 17), label, _INK, font, anchor="ma")
    return _png(canvas)


def scale_bar(um_per_px: float, width_px: float) -> tuple[float, str]:
    """Length in pixels, about a fifth of the width, and the label of a bar of 1, 2 or 5 times a power of ten."""
    wanted = um_per_px * width_px / 5
    power = 10.0 ** math.floor(math.log10(wanted))
    length_um = max(step for step in (1, 2, 5) if step * power <= wanted * 1.0001) * power
    label = f"{length_um / 1000:g} mm" if length_um >= 100 else f"{length_um:g} µm"
    return length_um / um_per_px, label


def _as_bytes(scores: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(scores, alpha=255)


def _pooled(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Shrink by the largest of each block, so that the longer side has at most ``_MAX_ENTRIES``."""
    factor = -(-max(values.shape) // _MAX_ENTRIES)
    if factor == 1:
        return values, 1
    down, across = (-(-side // factor) for side in values.shape)
    padded = np.zeros((down * factor, across * factor), np.uint8)
    padded[: values.shape[0], : values.shape[1]] = values
    return padded.reshape(down, factor, across, factor).max(axis=(1, 3)), factor


@cache
def palette() -> tuple[np.ndarray, np.ndarray]:
    """Colours uint8 (256, 3) RGB, evenly darker from yellow to crimson (part of "inferno"), and alphas (256,)."""
    inferno = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(256, 1), cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    share = np.clip((np.linspace(0, 1, 256) - _QUIET) / (1 - _QUIET), 0, 1)
    colours = inferno[np.round(220 - 118 * share).astype(int)]
    alphas = np.where(share > 0, _MIN_ALPHA + (_MAX_ALPHA - _MIN_ALPHA) * share, 0).astype(np.float32)
    return np.ascontiguousarray(colours), alphas


def _png(image: Image.Image, **options: bytes) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1, **options)
    return data.getvalue()
