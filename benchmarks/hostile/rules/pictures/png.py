"""PNG pictures: chunks that lie, text and colour profiles that explode, sizes that nobody has."""

import struct
import zlib
from pathlib import Path

import numpy as np

from unmissed.benchmarks.hostile.files import deflate
from unmissed.benchmarks.hostile.files.pixels import encoded, stained
from unmissed.benchmarks.hostile.files.png import SIGNATURE, build, chunk, header, rows
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule


@rule(Kind.PICTURE, {"rgb": ("RGB", 2), "16-bits": ("I;16", 0)})
def png_intact(place: Place, variant: tuple[str, int]) -> Path:
    image = stained(128, 128)
    if variant[0] == "RGB":
        return place.write(".png", encoded(image, "PNG"))
    return place.write(".png", encoded(image[:, :, 0].astype(np.uint16) * 257, "PNG"))


@rule(
    Kind.PICTURE,
    {
        "65535": (65535, 65535),
        "2g": (2**31 - 1, 2**31 - 1),
        "4g": (2**32 - 1, 1),
        "0": (0, 10),
        "9999": (9999, 9999),
        "row": (90_000_000, 1),
    },
    Expect.REFUSED,
)
def png_size(place: Place, size: tuple[int, int]) -> Path:
    return place.write(".png", build([header(*size), rows(16, 16)]))


@rule(Kind.PICTURE, {"fits": 1, "too-much": 4, "too-little": 0})
def png_data_bomb(place: Place, variant: int) -> Path:
    """Compressed zeros: what the header says (a big picture), four times that, and nothing."""
    data = deflate.zeros(46 * variant) if variant else zlib.compress(b"")
    return place.write(".png", build([header(4_000, 4_000), chunk(b"IDAT", data)]))


@rule(Kind.PICTURE, {"ztxt": b"zTXt", "itxt": b"iTXt", "iccp": b"iCCP"})
def png_text_bomb(place: Place, kind: bytes) -> Path:
    bomb = deflate.zeros(1024)
    body = b"k\0\1\0\0\0" + bomb if kind == b"iTXt" else b"k\0\0" + bomb
    return place.write(".png", build([header(64, 64), chunk(kind, body), rows(64, 64)]))


@rule(Kind.PICTURE, {"1000": 1000, "200000": 200_000})
def png_many_chunks(place: Place, count: int) -> Path:
    return place.write(".png", build([header(64, 64), *[chunk(b"tEXt", b"a\0b")] * count, rows(64, 64)]))


@rule(Kind.PICTURE, {"ihdr": b"IHDR", "idat": b"IDAT", "iend": b"IEND"})
def png_checksum(place: Place, kind: bytes) -> Path:
    data = bytearray(encoded(stained(128, 128), "PNG"))
    at = data.index(kind) - 4
    length = int.from_bytes(data[at : at + 4], "big")
    data[at + 8 + length] ^= 0xFF
    return place.write(".png", bytes(data))


@rule(Kind.PICTURE, {str(length): length for length in (0, 1, 2**31 - 1, 2**32 - 1)})
def png_length(place: Place, length: int) -> Path:
    return place.write(".png", build([header(64, 64), chunk(b"IDAT", zlib.compress(bytes(64 * 193)), length=length)]))


@rule(
    Kind.PICTURE,
    {f"{depth}-{colour}": (depth, colour) for depth in (1, 2, 4, 16, 0, 32) for colour in (0, 2, 3, 4, 6, 7)},
)
def png_depth_and_colour(place: Place, variant: tuple[int, int]) -> Path:
    depth, colour = variant
    palette = [chunk(b"PLTE", bytes(range(48)))] if colour == 3 else []
    return place.write(".png", build([header(64, 64, depth, colour), *palette, rows(64, 64, 8)]))


@rule(Kind.PICTURE, {"25": 25, "75": 75, "98": 98}, Expect.REFUSED)
def png_cut(place: Place, percent: int) -> Path:
    data = encoded(stained(128, 128), "PNG")
    return place.write(".png", data[: len(data) * percent // 100])


@rule(
    Kind.PICTURE,
    {"no-header": 0, "two-headers": 1, "end-first": 2, "no-end": 3, "palette-missing": 4, "signature-only": 5},
)
def png_order(place: Place, variant: int) -> Path:
    data = [
        build([rows(64, 64)]),
        build([header(64, 64), header(9000, 9000), rows(64, 64)]),
        build([chunk(b"IEND", b""), header(64, 64), rows(64, 64)]),
        SIGNATURE + header(64, 64) + rows(64, 64),
        build([header(64, 64, 8, 3), rows(64, 64, 1)]),
        SIGNATURE,
    ][variant]
    return place.write(".png", data)


@rule(Kind.PICTURE, {"many": (2**32 - 1, 0), "moves": (3, 70)})
def png_animated(place: Place, variant: tuple[int, int]) -> Path:
    count, offset = variant
    control = chunk(b"acTL", struct.pack(">II", count, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 64, offset, 0, 1, 1, 0, 0))
    return place.write(".png", build([header(64, 64), control, frame, rows(64, 64)]))


@rule(Kind.PICTURE, {"transparent": 0, "half": 128}, Expect.NOTED)
def png_alpha(place: Place, alpha: int) -> Path:
    image = stained(128, 128)
    return place.write(".png", encoded(np.dstack([image, np.full(image.shape[:2], alpha, np.uint8)]), "PNG"))
