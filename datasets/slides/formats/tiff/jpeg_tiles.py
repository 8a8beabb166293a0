"""JPEG tiles as TIFF files hold them: separate tables, colours given by the TIFF, decoded at 1, 1/2, 1/4 or 1/8."""

from typing import Literal

import numpy as np
import simplejpeg

from unmissed.datasets.slides.base import SlideError, UnsupportedSlideError

Colour = Literal["rgb", "ycbcr", "grey"]

SCALES = (1, 2, 4, 8)
_CHANNELS: dict[Colour, int] = {"rgb": 3, "ycbcr": 3, "grey": 1}

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive: what libjpeg decodes by Huffman codes
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_COLOUR_MARKERS = frozenset({0xE0, 0xEE})  # JFIF and Adobe


class JpegTiles:
    """Decoder of the JPEG tiles of one level.

    A tile's own JFIF and Adobe markers are dropped and replaced by one that says what the TIFF says: in libjpeg the
    JFIF marker would win over everything and turn tiles that hold plain RGB green.

    Args:
        width, height: pixels of every tile.
        colour: what the samples mean, by the TIFF's photometric interpretation.
        tables: the TIFF's JPEGTables; empty when every tile has its own.

    Raises:
        SlideError: When the tables are no JPEG stream.
    """

    def __init__(self, width: int, height: int, colour: Colour, tables: bytes = b"") -> None:
        self._width = width
        self._height = height
        self._channels = _CHANNELS[colour]
        adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + (b"\x01" if colour == "ycbcr" else b"\x00")
        self._prefix = _START + (adobe if self._channels == 3 else b"") + _segments(tables)

    def check(self, data: bytes) -> None:
        """Look at the header of a tile without decoding it.

        Raises:
            UnsupportedSlideError: When the tile is coded in a way that this decoder does not know.
            SlideError: When it is no JPEG, or not of the level's tile size.
        """
        self.complete(data)

    def decode(self, data: bytes, scale: int = 1) -> np.ndarray:
        """Decode a tile at 1/scale; libjpeg does it by a smaller inverse DCT, without the GIL.

        Returns:
            uint8 (height // scale, width // scale, 3) RGB.

        Raises:
            SlideError: When the tile is damaged or is not of the level's tile size; before anything is allocated for
                it.
        """
        stream = self.complete(data)
        height, width = self._height // scale, self._width // scale
        try:
            image = simplejpeg.decode_jpeg(stream, "RGB", min_height=height, min_width=width)
        except ValueError as error:
            raise SlideError(f"its JPEG data are damaged ({error})") from error
        if image.shape != (height, width, 3):
            raise SlideError(f"it decodes to {image.shape[1]} x {image.shape[0]} px", expected=f"{width} x {height} px")
        return image

    def complete(self, data: bytes) -> bytes:
        """A complete JPEG stream with the shared tables and our colour marker; checks the frame on the way.

        Raises:
            UnsupportedSlideError, SlideError: As ``check``.
        """
        if data[:2] != _START:
            raise SlideError("it does not begin as a JPEG")
        pieces = [self._prefix]
        position = kept = 2
        framed = False
        while position + 4 <= len(data):
            if data[position] != 0xFF:
                raise SlideError("its JPEG header lacks a required marker")
            marker = data[position + 1]
            if marker == 0xFF:  # a fill byte
                position += 1
                continue
            if marker == _SCAN:
                if not framed:
                    raise SlideError("its JPEG header gives no size")
                pieces.append(data[kept:])
                return b"".join(pieces)
            end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            if marker in _OTHER_FRAMES:
                raise UnsupportedSlideError(f"it is an unsupported kind of JPEG (frame marker {marker:02x})")
            if marker in _FRAMES:
                self._check_frame(data[position + 4 : end])
                framed = True
            elif marker in _COLOUR_MARKERS:
                pieces.append(data[kept:position])
                kept = end
            position = end
        raise SlideError("it is cut off inside its JPEG header")

    def _check_frame(self, frame: bytes) -> None:
        if len(frame) < 6:
            raise SlideError("it is cut off inside its JPEG header")
        depth, channels = frame[0], frame[5]
        size = (int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
        if depth != 8 or channels != self._channels:
            raise UnsupportedSlideError(
                f"it is a JPEG with {channels} channels of {depth} bits",
                expected=f"{self._channels} channels of 8 bits",
            )
        if size != (self._width, self._height):
            raise SlideError(
                f"it is a JPEG of {size[0]} x {size[1]} px",
                expected=f"the level's tile size, {self._width} x {self._height} px",
            )


def _segments(tables: bytes) -> bytes:
    """What is between start and end of a stream that holds only tables."""
    if not tables:
        return b""
    if not tables.startswith(_START) or not tables.endswith(_END):
        raise SlideError("its JPEGTables are not a JPEG stream", expected="a stream with start and end markers")
    return tables[2:-2]
