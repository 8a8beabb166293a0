"""Deflate streams that unpack to any amount of zeros, made from one block without unpacking anything."""

import struct
import zlib
from functools import cache

_BLOCK_BYTES = 2**20


def zeros(megabytes: int) -> bytes:
    """A zlib stream of so many MiB of zeros, with its right checksum."""
    head, block, end = _parts()
    # Adler-32 of n zeros: the first sum stays 1, the second counts the bytes.
    check = ((megabytes * _BLOCK_BYTES) % 65_521 << 16) | 1
    return head + block * megabytes + end + struct.pack(">I", check)


@cache
def _parts() -> tuple[bytes, bytes, bytes]:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = engine.compress(bytes(_BLOCK_BYTES)) + engine.flush(zlib.Z_FULL_FLUSH)  # depends on nothing before it
    return b"\x78\xda", block, engine.flush()
