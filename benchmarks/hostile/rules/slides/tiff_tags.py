"""TIFF tags of every wrong type, count and value, and tags that are missing."""

import struct
from pathlib import Path

from unmissed.benchmarks.hostile.files import tiff
from unmissed.benchmarks.hostile.files.tiff import LONG, LONG8, SHORT, Tag, build, tiled_page
from unmissed.benchmarks.hostile.values import Kind, Place, rule

_MANY = 0xFFFF_FFFF
_IMPORTANT = {
    "width": tiff.WIDTH,
    "height": tiff.HEIGHT,
    "bits": tiff.BITS,
    "compression": tiff.COMPRESSION,
    "photometric": tiff.PHOTOMETRIC,
    "samples": tiff.SAMPLES,
    "tile-width": tiff.TILE_WIDTH,
    "tile-height": tiff.TILE_HEIGHT,
    "tile-offsets": tiff.TILE_OFFSETS,
    "tile-counts": tiff.TILE_COUNTS,
}


@rule(
    Kind.SLIDE, {f"{name}-{kind}": (number, kind) for name, number in _IMPORTANT.items() for kind in (2, 5, 7, 12, 99)}
)
def tiff_type_of_tag(place: Place, variant: tuple[int, int]) -> Path:
    number, kind = variant
    page = tiled_page()
    page.tags[number] = Tag(kind, page.tags[number].values if number in page.tags else (1, 2, 3, 4))
    return place.write(".tif", build([page]))


@rule(
    Kind.SLIDE,
    {f"{name}-{count}": (number, count) for name, number in _IMPORTANT.items() for count in (0, 2, 65535, _MANY)},
)
def tiff_count_of_tag(place: Place, variant: tuple[int, int]) -> Path:
    number, count = variant
    page = tiled_page()
    values = page.tags[number].values if number in page.tags else (100, 100, 100, 100)
    page.tags[number] = Tag(LONG if number > tiff.SAMPLES else SHORT, values, count)
    return place.write(".tif", build([page]))


@rule(
    Kind.SLIDE,
    {
        f"{name}-{value}": (number, value)
        for name, number in _IMPORTANT.items()
        for value in (0, 1, 65535, 2**31, _MANY)
    },
)
def tiff_value_of_tag(place: Place, variant: tuple[int, int]) -> Path:
    number, value = variant
    page = tiled_page()
    count = 4 if number in (tiff.TILE_OFFSETS, tiff.TILE_COUNTS) else 1
    page.tags[number] = Tag(LONG, (value,) * count)
    return place.write(".tif", build([page]))


@rule(
    Kind.SLIDE, {f"{name}{'-big' * big}": (number, big) for name, number in _IMPORTANT.items() for big in (False, True)}
)
def tiff_tag_missing(place: Place, variant: tuple[int, bool]) -> Path:
    number, big = variant
    data = bytearray(build([tiled_page().without(number)], big=big))
    if number in (tiff.TILE_OFFSETS, tiff.TILE_COUNTS):  # they are derived: give them a private number
        at = data.rfind(struct.pack("<H", number) + struct.pack("<H", LONG8 if big else LONG))
        data[at : at + 2] = struct.pack("<H", number + 1000)
    return place.write(".tif", bytes(data))
