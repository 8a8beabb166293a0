"""PNG from chunks, right or wrong."""

import struct
import zlib
from collections.abc import Iterable

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes, *, length: int | None = None, crc: int | None = None) -> bytes:
    """A chunk; ``length`` and ``crc`` replace the true ones."""
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", check)


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    """The chunk IHDR."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def rows(width: int, height: int, channels: int = 3, value: int = 180) -> bytes:
    """The chunk IDAT of an even picture."""
    return chunk(b"IDAT", zlib.compress((b"\0" + bytes([value]) * width * channels) * height))


def build(chunks: Iterable[bytes]) -> bytes:
    """The file: signature, chunks and the end."""
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")
