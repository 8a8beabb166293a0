"""MP4: clocks, tables, boxes and sizes that lie."""

import struct
from pathlib import Path

from unmissed.benchmarks.hostile.files.video import box, changed, film, renamed
from unmissed.benchmarks.hostile.values import Kind, Place, rule


@rule(
    Kind.VIDEO,
    {
        f"{name}-{value}": (kind, at, value)
        for name, kind, at in (
            ("timescale", b"mvhd", 20),
            ("duration", b"mvhd", 24),
            ("media-scale", b"mdhd", 20),
            ("media-duration", b"mdhd", 24),
        )
        for value in (0, 1, 2**31 - 1, 2**32 - 1)
    },
)
def mp4_clock(place: Place, variant: tuple[bytes, int, int]) -> Path:
    kind, at, value = variant
    return place.write(".mp4", changed(film(), kind, at, struct.pack(">I", value)))


@rule(
    Kind.VIDEO,
    {
        f"{kind.decode()}-{count}": (kind, at, count)
        for kind, at in ((b"stts", 12), (b"stsz", 16), (b"stco", 12), (b"stsc", 12), (b"stss", 12), (b"stsd", 12))
        for count in (0, 1, 2**31 - 1, 2**32 - 1)
    },
)
def mp4_table(place: Place, variant: tuple[bytes, int, int]) -> Path:
    kind, at, count = variant
    return place.write(".mp4", changed(film(), kind, at, struct.pack(">I", count)))


@rule(Kind.VIDEO, {f"step-{value}": value for value in (0, 1, 2**31 - 1, 2**32 - 1)})
def mp4_time_step(place: Place, value: int) -> Path:
    return place.write(".mp4", changed(film(), b"stts", 20, struct.pack(">I", value)))


@rule(
    Kind.VIDEO,
    {
        name: name.encode()
        for name in (
            "moov",
            "trak",
            "mdia",
            "minf",
            "stbl",
            "stsd",
            "stts",
            "stco",
            "mdhd",
            "hdlr",
            "mvhd",
            "ftyp",
            "mdat",
        )
    },
)
def mp4_box_missing(place: Place, kind: bytes) -> Path:
    return place.write(".mp4", renamed(film(), kind, b"free"))


@rule(Kind.VIDEO, {"0": 0, "1": 1, "7": 7, "huge": 2**32 - 1, "self": 8})
def mp4_size_of_box(place: Place, size: int) -> Path:
    return place.write(".mp4", changed(film(), b"moov", 0, struct.pack(">I", size)))


@rule(Kind.VIDEO, {"boxes": 0, "deep": 1, "endless": 2, "long-size": 3, "ftyp-only": 4, "skip": 5})
def mp4_boxes(place: Place, variant: int) -> Path:
    deep = b""
    for _ in range(3000):
        deep = box(b"moov", deep)
    head = box(b"ftyp", b"isom" + bytes(8))
    body = [
        *(box(b"free") * 300_000, deep, box(b"free", size=0) + bytes(100)),
        *(struct.pack(">I4sQ", 1, b"mdat", 2**63), b"", box(b"skip", bytes(1_000_000))),
    ][variant]
    return place.write(".mp4", head + body)


@rule(
    Kind.VIDEO,
    {
        f"{width}x{height}": (width, height)
        for width, height in ((0, 0), (1, 1), (65535, 65535), (0, 160), (16000, 16), (320, 80))
    },
)
def mp4_size_of_picture(place: Place, variant: tuple[int, int]) -> Path:
    data = changed(film(), b"mp4v", 32, struct.pack(">HH", *variant))
    return place.write(".mp4", changed(data, b"tkhd", 84, struct.pack(">II", variant[0] << 16, variant[1] << 16)))
