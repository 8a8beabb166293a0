"""JPEG: bytes for a file, or an address that carries the picture inside a page."""

import base64
from typing import Literal

import numpy as np
import simplejpeg


def jpeg(image: np.ndarray, quality: int = 85, *, colours: Literal["444", "420"] = "444") -> bytes:
    """Encode a picture.

    Args:
        image: uint8 (h, w, 3) RGB.
        quality: 1 to 100.
        colours: how finely they are kept: "444" for every pixel, "420" for every second row and column, which is a
            third smaller and blurs edges between colours.
    """
    whole = np.ascontiguousarray(image)
    return bytes(simplejpeg.encode_jpeg(whole, quality=quality, colorspace="RGB", colorsubsampling=colours))


def jpeg_address(image: np.ndarray, quality: int = 85, *, colours: Literal["444", "420"] = "444") -> str:
    """A picture as ``data:`` address, for a page that may be passed on alone; parameters as of ``jpeg``."""
    data = base64.b64encode(jpeg(image, quality, colours=colours)).decode("ascii")
    return f"data:image/jpeg;base64,{data}"
