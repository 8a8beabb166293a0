"""Tiles that are pictures of their own: WebP and JPEG 2000, decoded by imagecodecs."""

from collections.abc import Callable

import imagecodecs
import numpy as np

from unmissed.datasets.slides.base import SlideError, UnsupportedSlideError

_JPEG_2000_START = b"\xff\x4f\xff\x51"  # start of the codestream, and of the segment with its size
_MAX_HEADER = 4096  # bytes in which the codestream begins, behind the boxes of a JP2 file

DECODERS: dict[int, tuple[str, Callable[..., np.ndarray]]] = {
    33005: ("JPEG 2000", imagecodecs.jpeg2k_decode),
    34712: ("JPEG 2000", imagecodecs.jpeg2k_decode),
    34927: ("WebP", imagecodecs.webp_decode),
    50001: ("WebP", imagecodecs.webp_decode),
}
"""TIFF compression -> its name, and the function that decodes it into an array of the right size."""


class PictureTiles:
    """Decoder of WebP and JPEG 2000 tiles, RGB with 8 bits.

    Args:
        width, height: pixels of every tile.
        compression: of TIFF, one of ``DECODERS``.
    """

    def __init__(self, width: int, height: int, compression: int) -> None:
        self._shape = (height, width, 3)
        self._name, self._decode = DECODERS[compression]

    def check(self, data: bytes) -> None:
        """Look at the size in a JPEG 2000 header, before the library allocates it.

        Raises:
            SlideError: When the tile is no JPEG 2000, or of another size.
            UnsupportedSlideError: When it has other channels.
        """
        if self._name != "JPEG 2000":
            return  # WebP is at most 16,383 px a side, and is decoded row by row into our array
        start = data.find(_JPEG_2000_START, 0, _MAX_HEADER)
        header = data[start + 8 : start + 46]
        if start < 0 or len(header) < 38:
            raise SlideError("it does not begin as a JPEG 2000")
        right, lower, left, upper = (int.from_bytes(header[at : at + 4], "big") for at in range(0, 16, 4))
        channels = int.from_bytes(header[32:34], "big")
        height, width, _ = self._shape
        if (right - left, lower - upper) != (width, height):
            raise SlideError(
                f"it is a JPEG 2000 of {right - left} x {lower - upper} px", expected=f"{width} x {height} px"
            )
        if channels != 3:
            raise UnsupportedSlideError(f"it is a JPEG 2000 with {channels} channels", expected="3 channels of 8 bits")

    def decode(self, data: bytes, scale: int = 1) -> np.ndarray:
        """Decode a tile; ``scale`` is always 1.

        Returns:
            uint8 (height, width, 3) RGB.

        Raises:
            SlideError: When the tile is damaged or of another size or kind.
        """
        self.check(data)
        image = np.empty(self._shape, np.uint8)
        try:
            self._decode(data, out=image)
        except Exception as error:  # each codec has errors of its own
            raise SlideError(
                f"its {self._name} data are damaged or not RGB of the level's tile size ({error})"
            ) from error
        return image
