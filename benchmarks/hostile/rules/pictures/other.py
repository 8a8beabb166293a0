"""BMP, GIF, WebP, PPM, and files of other kinds under the names of pictures."""

import struct
import zlib
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, png, stained
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule


@rule(Kind.PICTURE, {"bmp": "BMP", "gif": "GIF", "webp": "WEBP", "ppm": "PPM", "tif": "TIFF"}, Expect.ANY)
def picture_intact(place: Place, kind: str) -> Path:
    return place.write(f".{kind.lower()}", encoded(stained(128, 128), kind))


@rule(
    Kind.PICTURE,
    {
        f"{name}-{percent}": (name, percent)
        for name in ("BMP", "GIF", "WEBP", "PPM", "TIFF")
        for percent in (20, 60, 97)
    },
)
def picture_cut(place: Place, variant: tuple[str, int]) -> Path:
    data = encoded(stained(128, 128), variant[0])
    return place.write(f".{variant[0].lower()}", data[: len(data) * variant[1] // 100])


@rule(
    Kind.PICTURE, {f"{name}-{number}": (name, number) for name in ("BMP", "GIF", "WEBP", "PPM") for number in range(5)}
)
def picture_noise_in_header(place: Place, variant: tuple[str, int]) -> Path:
    data = bytearray(encoded(stained(96, 96), variant[0]))
    for _ in range(2 + variant[1]):
        data[place.rng.randrange(2, 60)] = place.rng.randrange(256)
    return place.write(f".{variant[0].lower()}", bytes(data))


@rule(
    Kind.PICTURE,
    {
        "huge": (2**31 - 1, 2**31 - 1, 24, 0),
        "negative": (64, -64, 24, 0),
        "most-negative": (64, -(2**31), 24, 0),
        "rle": (64, 64, 8, 1),
        "bits": (64, 64, 99, 0),
        "fields": (64, 64, 32, 3),
        "wide": (30_000, 30_000, 1, 0),
        "jpeg": (64, 64, 0, 4),
    },
)
def bmp_header(place: Place, variant: tuple[int, int, int, int]) -> Path:
    width, height, bits, coding = variant
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, coding, 0, 0, 0, 2**32 - 1, 0)
    body = b"\x00\x02\xff\xff" * 4000
    return place.write(".bmp", b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + info + body)


@rule(Kind.PICTURE, {"huge-screen": 0, "frame-outside": 1, "many-frames": 2, "lzw-0": 3, "lzw-13": 4, "no-end": 5})
def gif_blocks(place: Place, variant: int) -> Path:
    size = 65535 if variant == 0 else 64
    head = b"GIF89a" + struct.pack("<HHBBB", size, size, 0x80, 0, 0) + bytes(6)
    left = 65000 if variant == 1 else 0
    frame = b"," + struct.pack("<HHHHB", left, left, 64, 64, 0) + bytes([{3: 0, 4: 13}.get(variant, 2)])
    frame += (
        b"\x16" + b"\x8c\x2d\x99\x87\x2a\x1c\xdc\x33\xa0\x02\x75\xec\x95\xfa\xa8\xde\x60\x8c\x04\x91\x4c\x01" + b"\0"
    )
    return place.write(".gif", head + frame * (20_000 if variant == 2 else 1) + b";" * (variant != 5))


@rule(Kind.PICTURE, {"riff-length": 0, "vp8x-huge": 1, "no-image": 2, "animation": 3, "lossless-noise": 4})
def webp_chunks(place: Place, variant: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    whole = encoded(stained(64, 64), "WEBP")
    huge = chunk(b"VP8X", b"\0\0\0\0" + b"\xff\xff\xff" * 2)
    parts = [
        whole[12:],
        huge + whole[12:],
        huge,
        chunk(b"VP8X", b"\x02\0\0\0" + b"\x3f\0\0" * 2) + chunk(b"ANMF", bytes(16)) * 3000,
    ]
    body = [*parts, chunk(b"VP8L", b"\x2f" + place.rng.randbytes(3000))][variant]
    length = 2**32 - 2 if variant == 0 else len(body) + 4
    return place.write(".webp", b"RIFF" + struct.pack("<I", length) + b"WEBP" + body)


@rule(
    Kind.PICTURE,
    {
        "huge": b"P6 999999999 999999999 255\n",
        "negative": b"P6 -5 5 255\n",
        "comment": b"P6\n#" + b"x" * 3_000_000 + b"\n8 8 255\n",
        "maxval-0": b"P6 8 8 0\n",
        "maxval-65535": b"P6 8 8 65535\n",
        "text": b"P3 8 8 255\n1 2 3 x",
        "pfm": b"PF 8 8 -1.0\n",
        "pam": b"P7\nWIDTH 8\nHEIGHT 8\nDEPTH 3\nENDHDR\n",
        "digits": b"P6 " + b"8" * 100_000 + b" 8 255\n",
    },
)
def ppm_header(place: Place, head: bytes) -> Path:
    return place.write(".ppm", head + bytes(400))


_FOREIGN = {
    "empty": b"",
    "one-byte": b"\xff",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch stray) (w) file\n",
    "pdf": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(x)>>>>endobj",
    "elf": b"\x7fELF" + bytes(400),
    "zip": b"PK\x03\x04" + bytes(400),
    "zip-bomb": zlib.compress(bytes(10_000_000)),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(400),
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(400),
    "avif": b"\0\0\0\x1cftypavif" + bytes(400),
    "heic": b"\0\0\0\x18ftypheic" + bytes(400),
    "psd": b"8BPS\0\1" + bytes(6) + b"\0\3\xff\xff\xff\xff\xff\xff\xff\xff\0\x08\0\3",
    "ico": b"\0\0\1\0\xff\xff" + bytes(4000),
    "exr": b"\x76\x2f\x31\x01" + bytes(400),
    "text": "你好，这不是图片".encode(),
    "pickle": b"\x80\x04cposix\nsystem\n(S'touch stray'\ntR.",
}


@rule(
    Kind.PICTURE,
    {f"{name}-{suffix}": (data, suffix) for name, data in _FOREIGN.items() for suffix in ("jpg", "tif")},
    Expect.REFUSED,
)
def foreign_file_as_picture(place: Place, variant: tuple[bytes, str]) -> Path:
    return place.write(f".{variant[1]}", variant[0])


@rule(
    Kind.PICTURE,
    {
        "jpeg-as-png": (".png", jpeg),
        "png-as-jpeg": (".jpg", png),
        "jpeg-as-tif": (".tif", jpeg),
        "png-as-bmp": (".bmp", png),
    },
)
def picture_named_otherwise(place: Place, variant: tuple[str, Any]) -> Path:
    return place.write(variant[0], variant[1]())


@rule(Kind.PICTURE, {"png-in-jpeg": 0, "jpeg-in-png": 1, "zip-after": 2, "script-after": 3})
def picture_with_another_inside(place: Place, variant: int) -> Path:
    tail = [png(), jpeg(), b"PK\x03\x04" + bytes(100), b"<script>alert(1)</script>"][variant]
    return place.write([".jpg", ".png", ".jpg", ".jpg"][variant], (png() if variant == 1 else jpeg()) + tail)
