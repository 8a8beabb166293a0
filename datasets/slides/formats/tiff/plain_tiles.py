"""Tiles that are stored as samples: as they are, or packed with deflate, LZW, Zstandard or PackBits."""

import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np

from unmissed.datasets.slides.base import SlideError


def _deflate(data: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(data, most)


def _lzw(data: bytes, most: int) -> bytes:
    return bytes(imagecodecs.lzw_decode(data, out=most))


def _zstd(data: bytes, most: int) -> bytes:
    return bytes(imagecodecs.zstd_decode(data, out=most))


def _packbits(data: bytes, most: int) -> bytes:
    return bytes(imagecodecs.packbits_decode(data, out=bytearray(most)))


UNPACKERS: dict[int, Callable[[bytes, int], bytes]] = {
    1: lambda data, most: data,
    5: _lzw,
    8: _deflate,
    32946: _deflate,
    32773: _packbits,
    50000: _zstd,
}
"""TIFF compression -> function of the bytes and the most bytes to unpack."""


class PlainTiles:
    """Decoder of tiles of samples, 8 bits each, side by side.

    Args:
        width, height: pixels of every tile.
        channels: samples per pixel: 1 (grey), 3 (RGB) or 4 (RGB and opacity).
        compression: of TIFF, one of ``UNPACKERS``.
        differences: whether every sample is stored as the difference to the one left of it (TIFF predictor 2).
    """

    def __init__(self, width: int, height: int, channels: int, *, compression: int, differences: bool) -> None:
        self._shape = (height, width, channels)
        self._unpack = UNPACKERS[compression]
        self._differences = differences

    def check(self, data: bytes) -> None:
        """Nothing can be checked in the bytes without unpacking them."""

    def decode(self, data: bytes, scale: int = 1) -> np.ndarray:
        """Unpack a tile; ``scale`` is always 1.

        Returns:
            uint8 (height, width, 3) RGB; what is transparent becomes white.

        Raises:
            SlideError: When the tile is damaged or of another size; no more is unpacked than a tile may hold.
        """
        expected = int(np.prod(self._shape))
        try:
            data = self._unpack(data, expected + 1)
        except Exception as error:  # each codec has errors of its own
            raise SlideError(f"its packed data are damaged ({error})") from error
        if len(data) != expected:
            raise SlideError(f"it holds {len(data)} bytes of pixels", expected=f"{expected}")
        pixels = np.frombuffer(data, np.uint8).reshape(self._shape)
        if self._differences:
            pixels = np.cumsum(pixels, axis=1, dtype=np.uint8)
        if self._shape[2] == 1:
            return np.repeat(pixels, 3, axis=2)
        return pixels.copy() if self._shape[2] == 3 else _on_white(pixels)


def _on_white(rgba: np.ndarray) -> np.ndarray:
    colour, opacity = rgba[:, :, :3].astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
    return ((colour * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
