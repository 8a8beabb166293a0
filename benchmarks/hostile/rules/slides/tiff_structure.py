"""TIFF and BigTIFF whose structure lies: loops, types, counts, offsets, sizes, tables, compressed bombs."""

import struct
import zlib
from pathlib import Path

import numpy as np

from unmissed.benchmarks.hostile.files import deflate, tiff
from unmissed.benchmarks.hostile.files.pixels import jpeg
from unmissed.benchmarks.hostile.files.tiff import ASCII, LONG, SHORT, Page, Tag, build, tiled_page
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_MANY = 0xFFFF_FFFF


@rule(
    Kind.SLIDE,
    {"little": ("<", False), "big-endian": (">", False), "bigtiff": ("<", True), "big-bigtiff": (">", True)},
    Expect.READ,
)
def tiff_intact(place: Place, variant: tuple[str, bool]) -> Path:
    order, big = variant
    pages = [tiled_page(), tiled_page(256, 256)]
    return place.write(".tif", build(pages, big=big, order=order))


@rule(Kind.SLIDE, {"itself": 0, "first": 1, "far": 2, "between": 3, "bigtiff": 4})
def tiff_page_loop(place: Place, variant: int) -> Path:
    big = variant == 4
    pages = [tiled_page(), tiled_page(256, 256), tiled_page(128, 128, 128)]
    data = build(pages, big=big)
    first = struct.unpack_from("<Q", data, 8)[0] if big else struct.unpack_from("<I", data, 4)[0]
    pages[-1].following = {0: len(data) - 200, 1: first, 2: _MANY - 8, 3: first + 2, 4: first}[variant]
    if variant == 0:
        pages = pages[:1]
        pages[0].following = struct.unpack_from("<I", build(pages), 4)[0]
    return place.write(".tif", build(pages, big=big))


@rule(Kind.SLIDE, {"itself": 0, "deep": 200, "parent": -1, "beyond": -2, "many": -3})
def tiff_sub_page_loop(place: Place, variant: int) -> Path:
    page = tiled_page()
    if variant == 0:
        page.subs = [tiled_page(256, 256)]
        page.subs[0].following = 8
    elif variant > 0:
        inner = tiled_page(128, 128, 128)
        for _ in range(variant):
            inner = Page(dict(inner.tags), inner.pieces[:1], [inner])
        page.subs = [inner]
    else:
        count = 5000 if variant == -3 else 1
        page.tags[tiff.SUB_IFDS] = Tag(LONG, ({-1: 8, -2: _MANY, -3: 8}[variant],) * count)
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {str(count): count for count in (257, 4000, 30000)})
def tiff_many_pages(place: Place, count: int) -> Path:
    small = Page(tiled_page(16, 16, 16).tags, [b""])
    return place.write(".tif", build([tiled_page(), *[small] * count]))


@rule(
    Kind.SLIDE,
    {
        "1x1": (1, 1),
        "65535": (65535, 65535),
        "1x65535": (1, 65535),
        "0": (0, 256),
        "3x5": (3, 5),
        "16384": (16384, 16384),
    },
)
def tiff_size_of_tile(place: Place, variant: tuple[int, int]) -> Path:
    page = tiled_page()
    page.tags |= {tiff.TILE_WIDTH: Tag(LONG, (variant[0],)), tiff.TILE_HEIGHT: Tag(LONG, (variant[1],))}
    return place.write(".tif", build([page]))


@rule(
    Kind.SLIDE,
    {"million": (10**6, 10**6), "long": (2**31 - 1, 1), "thin": (1, 2**31 - 1), "4g": (2**32 - 1, 2**32 - 1)},
)
def tiff_huge_without_tiles(place: Place, variant: tuple[int, int]) -> Path:
    page = tiled_page()
    page.tags |= {tiff.WIDTH: Tag(LONG, (variant[0],)), tiff.HEIGHT: Tag(LONG, (variant[1],))}
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"one": 1, "half": 2, "all": 4}, Expect.NOTED)
def tiff_tiles_beyond_end(place: Place, count: int) -> Path:
    page = tiled_page()
    data = build([page])
    offsets = [data.index(piece) for piece in page.pieces]
    offsets[-count:] = [len(data) + 10_000] * count
    page.tags[tiff.TILE_OFFSETS] = Tag(LONG, tuple(offsets))
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"cut": 0, "zeros": 1, "other-size": 2, "text": 3, "no-end": 4, "noise": 5}, Expect.NOTED)
def tiff_one_tile_damaged(place: Place, variant: int) -> Path:
    page = tiled_page()
    whole = page.pieces[2]
    page.pieces[2] = [
        *(whole[: len(whole) // 2], bytes(len(whole)), jpeg(64, 64), b"not a tile" * 50, whole[:-2]),
        place.rng.randbytes(len(whole)),
    ][variant]
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"all-same": 1, "over-header": 2, "overlap": 3})
def tiff_tiles_share_bytes(place: Place, variant: int) -> Path:
    page = tiled_page()
    at = build([page]).index(page.pieces[0])
    step = {1: 0, 2: 0, 3: 7}[variant]
    start = 0 if variant == 2 else at
    page.tags[tiff.TILE_OFFSETS] = Tag(LONG, tuple(start + step * index for index in range(4)))
    return place.write(".tif", build([page]))


@rule(
    Kind.SLIDE,
    {
        "empty": b"",
        "noise": None,
        "cut": b"\xff\xd8\xff\xdb\x00\x43",
        "loop": b"\xff\xd8" + b"\xff" * 60000,
        "short": b"\xff\xd8\xff\xdb\x00\x00\xff\xd9",
    },
)
def tiff_jpeg_tables(place: Place, tables: bytes | None) -> Path:
    page = tiled_page()
    page.tags[tiff.JPEG_TABLES] = Tag(7, place.rng.randbytes(600) if tables is None else tables or b"\0")
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"one-tile": 1, "all": 4, "nested": 5})
def tiff_deflate_bomb(place: Place, variant: int) -> Path:
    """A gigabyte of zeros in a tile of 256 x 256."""
    page = tiled_page()
    page.tags[tiff.COMPRESSION] = Tag(SHORT, (8,))
    page.tags[tiff.PHOTOMETRIC] = Tag(SHORT, (2,))
    bomb = deflate.zeros(1024)
    if variant == 5:
        bomb = zlib.compress(bomb, 9)
    plain = zlib.compress(bytes(256 * 256 * 3))
    page.pieces = [bomb if index < variant else plain for index in range(4)]
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {str(code): code for code in (0, 2, 5, 6, 8, 34712, 33005, 50001, 65000, 32773, 50000)})
def tiff_other_compression(place: Place, code: int) -> Path:
    """JPEG tiles that claim to be something else."""
    return place.write(".tif", build([tiled_page().having(t259=Tag(SHORT, (code,)))]))


@rule(Kind.SLIDE, {str(size): size for size in (0, 1, 4, 7, 8, 9, 16, 100)}, Expect.REFUSED)
def tiff_header_cut(place: Place, size: int) -> Path:
    return place.write(".tif", build([tiled_page()])[:size])


@rule(
    Kind.SLIDE,
    {
        "43-small": b"II\x2b\0\x04\0\0\0",
        "zeros": b"II*\0\0\0\0\0",
        "far": b"II*\0\xff\xff\xff\xff",
        "mixed": b"IM*\0\x08\0\0\0",
        "self": b"II*\0\x00\x00\x00\x00" + b"\xff" * 400,
        "65535-tags": b"II*\0\x08\0\0\0\xff\xff",
    },
    Expect.REFUSED,
)
def tiff_header_wrong(place: Place, data: bytes) -> Path:
    return place.write(".svs", data + place.rng.randbytes(200))


@rule(Kind.SLIDE, 20)
def tiff_noise_in_directory(place: Place, variant: int) -> Path:
    """Random bytes over a part of the directory, which is at the end."""
    data = bytearray(build([tiled_page(), tiled_page(256, 256)], big=variant % 2 == 1))
    for _ in range(1 + variant):
        data[-place.rng.randrange(1, 400)] = place.rng.randrange(256)
    return place.write(".tif", bytes(data))


@rule(Kind.SLIDE, 20)
def tiff_random_tags(place: Place, variant: int) -> Path:
    page, rng = tiled_page(), place.rng
    for _ in range(1 + variant // 2):
        number = rng.choice([*page.tags, 266, 274, 297, 512, 513, 514, 529, 530, 532, 33432, 34675, 40091])
        kind = rng.choice([1, 2, 3, 4, 7, 11, 12, 16])
        page.tags[number] = Tag(kind, tuple(rng.randrange(256) for _ in range(rng.choice([1, 2, 3, 40]))))
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"description": tiff.DESCRIPTION, "software": tiff.SOFTWARE, "private": 65000})
def tiff_text_of_50_mb(place: Place, number: int) -> Path:
    page = tiled_page()
    page.tags[number] = Tag(ASCII, b"Aperio |" + b"MPP = 0.25|" * 4_500_000)
    return place.write(".tif", build([page]))


@rule(Kind.SLIDE, {"strips": 0, "one-strip": 1, "strips-of-0-rows": 2, "both": 3})
def tiff_strips(place: Place, variant: int) -> Path:
    page = tiled_page().without(tiff.TILE_WIDTH, tiff.TILE_HEIGHT)
    page.tags |= {tiff.COMPRESSION: Tag(SHORT, (1,)), tiff.PHOTOMETRIC: Tag(SHORT, (2,))}
    rows = [64, 2**31, 0, 64][variant]
    page.tags[tiff.ROWS_PER_STRIP] = Tag(LONG, (rows,))
    page.pieces = [np.full((64, 512, 3), 200, np.uint8).tobytes()] * (1 if variant == 1 else 8)
    if variant == 3:
        page.tags |= {tiff.TILE_OFFSETS: Tag(LONG, (8, 8, 8, 8)), tiff.TILE_COUNTS: Tag(LONG, (9, 9, 9, 9))}
    return place.write(".tif", build([page]))
