"""JPEG pictures: markers, lengths, sizes, tables, scans, and kinds that are seldom seen."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, stained
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule


def _at(data: bytes, marker: int) -> int:
    return data.index(bytes([0xFF, marker]))


@rule(
    Kind.PICTURE,
    {
        "baseline": {},
        "progressive": {"progressive": True},
        "420": {"subsampling": 2},
        "restart": {"restart_marker_blocks": 3},
        "best": {"quality": 100},
    },
    Expect.READ,
)
def jpeg_intact(place: Place, options: dict[str, Any]) -> Path:
    return place.write(".jpg", encoded(stained(256, 256), "JPEG", **options))


@rule(
    Kind.PICTURE,
    {
        "65500": (65500, 65500),
        "65535x1": (65535, 1),
        "0": (0, 0),
        "0-wide": (0, 100),
        "larger": (300, 300),
        "much-larger": (6000, 6000),
        "smaller": (100, 100),
    },
    Expect.REFUSED,
)
def jpeg_size(place: Place, size: tuple[int, int]) -> Path:
    """A header that promises another size than there are data for."""
    data = bytearray(jpeg())
    at = _at(bytes(data), 0xC0)
    data[at + 5 : at + 9] = struct.pack(">HH", size[1], size[0])
    return place.write(".jpg", bytes(data))


@rule(
    Kind.PICTURE,
    {
        f"{name}-{length}": (code, length)
        for name, code in {"dqt": 0xDB, "dht": 0xC4, "sof": 0xC0, "sos": 0xDA, "app": 0xE0}.items()
        for length in (0, 1, 2, 9, 65535)
    },
)
def jpeg_length(place: Place, variant: tuple[int, int]) -> Path:
    data = bytearray(jpeg())
    at = _at(bytes(data), variant[0])
    data[at + 2 : at + 4] = struct.pack(">H", variant[1])
    return place.write(".jpg", bytes(data))


@rule(
    Kind.PICTURE,
    {f"{name}-{value}": (code, value) for name, code in {"dqt": 0xDB, "dht": 0xC4}.items() for value in (0, 255)},
)
def jpeg_tables(place: Place, variant: tuple[int, int]) -> Path:
    data = bytearray(jpeg())
    at = _at(bytes(data), variant[0])
    data[at + 5 : at + 21] = bytes([variant[1]]) * 16
    return place.write(".jpg", bytes(data))


@rule(Kind.PICTURE, {f"{code:02x}": code for code in (0xC1, 0xC3, 0xC5, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xF7)})
def jpeg_frame(place: Place, code: int) -> Path:
    """Lossless, hierarchical, arithmetic and JPEG-LS frames, on data that are baseline."""
    data = bytearray(jpeg())
    data[_at(bytes(data), 0xC0) + 1] = code
    return place.write(".jpg", bytes(data))


@rule(Kind.PICTURE, {str(bits): bits for bits in (0, 1, 12, 16, 255)}, Expect.REFUSED)
def jpeg_depth(place: Place, bits: int) -> Path:
    data = bytearray(jpeg())
    data[_at(bytes(data), 0xC0) + 4] = bits
    return place.write(".jpg", bytes(data))


@rule(Kind.PICTURE, {str(count): count for count in (0, 1, 2, 4, 255)}, Expect.REFUSED)
def jpeg_channels(place: Place, count: int) -> Path:
    data = bytearray(jpeg())
    data[_at(bytes(data), 0xC0) + 9] = count
    return place.write(".jpg", bytes(data))


@rule(Kind.PICTURE, {"cmyk": "CMYK", "grey": "L"}, Expect.NOTED)
def jpeg_colours(place: Place, mode: str) -> Path:
    stream = BytesIO()
    Image.fromarray(stained(256, 256)).convert(mode).save(stream, "JPEG")
    return place.write(".jpg", stream.getvalue())


@rule(Kind.PICTURE, {"200": 200, "20000": 20_000})
def jpeg_many_scans(place: Place, count: int) -> Path:
    """The last scan of a progressive picture again and again, each of which a decoder goes through whole."""
    data = encoded(stained(1024, 1024), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    header = data[at : at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]]
    return place.write(".jpg", data[:-2] + (header + b"\x00" * 4) * count + b"\xff\xd9")


@rule(Kind.PICTURE, {"10": 10, "50": 50, "90": 90, "99": 99}, Expect.REFUSED)
def jpeg_cut(place: Place, percent: int) -> Path:
    data = jpeg()
    return place.write(".jpg", data[: len(data) * percent // 100])


@rule(Kind.PICTURE, {"10": 10, "50": 50, "90": 90}, Expect.REFUSED)
def jpeg_cut_with_end(place: Place, percent: int) -> Path:
    """Cut off, and the end marker put back: a decoder fills the rest with grey."""
    data = jpeg()
    return place.write(".jpg", data[: len(data) * percent // 100] + b"\xff\xd9")


@rule(Kind.PICTURE, {"zeros": 0, "ones": 255, "noise": None, "foreign-scan": -1})
def jpeg_scan_overwritten(place: Place, value: int | None) -> Path:
    data = bytearray(jpeg())
    start = _at(bytes(data), 0xDA) + 600
    size = len(data) // 3
    filler = (
        place.rng.randbytes(size)
        if value is None
        else jpeg(seed=8)[700 : 700 + size]
        if value < 0
        else bytes([value]) * size
    )
    data[start : start + size] = filler
    return place.write(".jpg", bytes(data))


@rule(Kind.PICTURE, {"one": 1, "many": 3000})
def jpeg_markers_between(place: Place, count: int) -> Path:
    data = jpeg()
    return place.write(".jpg", data[:2] + b"\xff\xfe\x40\x00" * count + data[2:])


@rule(
    Kind.PICTURE,
    {
        "fill": b"\xff" * 3_000_000,
        "comments": b"\xff\xfe\xff\xff" + bytes(65533),
        "two-pictures": b"",
        "app-bomb": b"\xff\xe2\xff\xff" + b"ICC_PROFILE\0\x01\xff" + bytes(65519),
    },
)
def jpeg_stuffed(place: Place, piece: bytes) -> Path:
    data = jpeg()
    if not piece:
        return place.write(".jpg", data + jpeg(seed=3))
    return place.write(".jpg", data[:2] + piece * (1 if len(piece) > 100_000 else 300) + data[2:])


@rule(Kind.PICTURE, {"loop": 0, "huge-count": 1, "bad-type": 2, "orientation-9": 3, "orientation-6": 4})
def jpeg_exif(place: Place, variant: int) -> Path:
    entry = struct.pack("<HHII", 0x0112, 3, 1, [1, 1, 1, 9, 6][variant])
    count = 1 if variant != 1 else 65535
    body = struct.pack("<2sHIH", b"II", 42, 8, count) + (
        struct.pack("<HHII", 0x0112, 99, 2**32 - 1, 8) if variant == 2 else entry
    )
    body += struct.pack("<I", 8 if variant == 0 else 0)
    data = jpeg()
    return place.write(
        ".jpg", data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 8) + b"Exif\0\0" + body + data[2:]
    )


@rule(Kind.PICTURE, {"1x1": (1, 1), "2x1": (2, 1), "1x3000": (1, 3000), "8x8": (8, 8)}, Expect.NOTED)
def jpeg_tiny(place: Place, size: tuple[int, int]) -> Path:
    return place.write(".jpg", encoded(stained(*size), "JPEG"))


@rule(Kind.PICTURE, 12)
def jpeg_noise_in_header(place: Place, variant: int) -> Path:
    data = bytearray(jpeg())
    end = _at(bytes(data), 0xDA) + 12
    for _ in range(1 + variant):
        data[place.rng.randrange(2, end)] = place.rng.randrange(256)
    return place.write(".jpg", bytes(data))
