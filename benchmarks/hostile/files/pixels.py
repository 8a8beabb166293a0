"""Pictures that hostile files hold when their pixels are not the point: stained cells, as bytes of several formats."""

from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw


@cache
def stained(width: int = 512, height: int = 512, seed: int = 0) -> np.ndarray:
    """Pale ground with cells, uint8 (height, width, 3) RGB, not to be written to."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (238, 228, 236))
    draw = ImageDraw.Draw(image)
    for _ in range(max(1, width * height // 6000)):
        x, y, cell = (int(rng.integers(*span)) for span in ((0, width), (0, height), (14, 30)))
        draw.ellipse((x - cell, y - cell, x + cell, y + cell), fill=(214, 150 + int(rng.integers(50)), 190))
        nucleus = cell // 3
        draw.ellipse((x - nucleus, y - nucleus, x + nucleus, y + nucleus), fill=(70, 40, 110))
    pixels = np.asarray(image)
    pixels.flags.writeable = False
    return pixels


def encoded(image: np.ndarray, kind: str, **options: object) -> bytes:
    """A picture as a file of a Pillow format ("JPEG", "PNG" ...)."""
    stream = BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


@cache
def jpeg(width: int = 256, height: int = 256, seed: int = 0) -> bytes:
    """A JPEG of stained cells."""
    return encoded(stained(width, height, seed), "JPEG", quality=85)


@cache
def png(width: int = 256, height: int = 256, seed: int = 0) -> bytes:
    """A PNG of stained cells."""
    return encoded(stained(width, height, seed), "PNG")
