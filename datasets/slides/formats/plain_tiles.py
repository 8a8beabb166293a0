"""Tiles that are stored as they are, or packed with deflate."""

import zlib

import numpy as np

from unmissed.datasets.slides.base import SlideError


class PlainTiles:
    """Decoder of the uncompressed or deflated tiles of one level.

    Args:
        width, height: pixels of every tile.
        channels: 1 (grey) or 3 (RGB), 8 bits each, side by side.
        deflated: whether the bytes are packed with zlib.
        differences: whether every sample is stored as the difference to the one left of it (TIFF predictor 2).
    """

    def __init__(self, width: int, height: int, channels: int, *, deflated: bool, differences: bool) -> None:
        self._shape = (height, width, channels)
        self._deflated = deflated
        self._differences = differences

    def check(self, data: bytes) -> None:
        """Nothing can be checked in the bytes without unpacking them."""

    def decode(self, data: bytes, scale: int = 1) -> np.ndarray:
        """Unpack a tile; ``scale`` is always 1.

        Returns:
            uint8 (height, width, 3) RGB.

        Raises:
            SlideError: When the tile is damaged or of another size; no more is unpacked than a tile may hold.
        """
        expected = int(np.prod(self._shape))
        if self._deflated:
            try:
                data = zlib.decompressobj().decompress(data, expected + 1)
            except zlib.error as error:
                raise SlideError(f"its deflated data are damaged ({error})") from error
        if len(data) != expected:
            raise SlideError(f"it holds {len(data)} bytes of pixels", expected=f"{expected}")
        pixels = np.frombuffer(data, np.uint8).reshape(self._shape)
        if self._differences:
            pixels = np.cumsum(pixels, axis=1, dtype=np.uint8)
        return np.repeat(pixels, 3, axis=2) if self._shape[2] == 1 else pixels.copy()
