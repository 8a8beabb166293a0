"""Slides made for the tests: TIFF pyramids with every colour encoding that occurs, from a drawn picture."""

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile

from unmissed.testing.readers import picture_levels

sys.path.append(str(Path(__file__).parent))  # tests find dicom_files.py there

TILE = 64


def draw(width: int, height: int) -> np.ndarray:
    """A smooth coloured picture, so that JPEG and resizing change it little."""
    return picture_levels(width, height, 1)[0]


def tiles_of(image: np.ndarray, tile: int = TILE) -> Iterator[np.ndarray]:
    """Whole tiles, row by row; the edge is repeated as scanners do."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % tile), (0, -width % tile), (0, 0)), mode="edge")
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield np.ascontiguousarray(padded[top : top + tile, left : left + tile])


def segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each part of a JPEG; the scan comes last, with everything after it."""
    position = 2
    while stream[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        yield stream[position + 1], stream[position:end]
        position = end
    yield 0xDA, stream[position:]


def without_tables(stream: bytes) -> bytes:
    """The JPEG without quantisation and Huffman tables, and without markers that tell colours."""
    return b"\xff\xd8" + b"".join(part for marker, part in segments(stream) if marker not in (0xDB, 0xC4, 0xE0, 0xEE))


def tables_of(stream: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(part for marker, part in segments(stream) if marker in (0xDB, 0xC4)) + b"\xff\xd9"


def encode(tile: np.ndarray, colour: str, subsampling: str, quality: int = 92) -> bytes:
    """A JPEG; "rgb" stores the samples as they are, by telling the encoder that they are already YCbCr."""
    if colour == "grey":
        return simplejpeg.encode_jpeg(np.ascontiguousarray(tile[:, :, :1]), quality, "GRAY", "Gray")
    if colour == "ycbcr":
        return simplejpeg.encode_jpeg(tile, quality, "RGB", subsampling)
    planes = [np.ascontiguousarray(tile[:, :, channel]) for channel in range(3)]
    return simplejpeg.encode_jpeg_yuv_planes(*planes, quality=quality)


def write_tiff(
    path: Path,
    levels: list[np.ndarray],
    *,
    colour: str = "ycbcr",
    subsampling: str = "420",
    shared_tables: bool = False,
    description: str = "",
    um_per_px: float | None = 0.25,
    change: Callable[[int, int, bytes], bytes] = lambda level, index, data: data,
    sub_ifds: bool = False,
    tile: int = TILE,
) -> Path:
    """Write a JPEG pyramid; ``change`` may alter the bytes of any tile."""
    factors = tuple(int(f) for f in {"444": "11", "422": "21", "420": "22"}[subsampling])
    photometric = {"ycbcr": "ycbcr", "rgb": "rgb", "grey": "minisblack"}[colour]
    with tifffile.TiffWriter(path) as tiff:
        for number, image in enumerate(levels):
            streams = [encode(part, colour, subsampling) for part in tiles_of(image, tile)]
            tables = tables_of(streams[0]) if shared_tables else None
            if shared_tables:
                streams = [without_tables(stream) for stream in streams]
            streams = [change(number, index, stream) for index, stream in enumerate(streams)]
            scale = levels[0].shape[1] / image.shape[1]
            extra = (
                {}
                if um_per_px is None
                else {
                    "resolution": (1e4 / um_per_px / scale, 1e4 / um_per_px / scale),
                    "resolutionunit": "CENTIMETER",
                }
            )
            tiff.write(
                iter(streams),
                shape=image.shape[:2] if colour == "grey" else image.shape,
                dtype=np.uint8,
                tile=(tile, tile),
                compression="jpeg",
                compressionargs={"outcolorspace": "rgb"} if colour == "rgb" else None,
                photometric=photometric,
                subsampling=factors if colour == "ycbcr" else None,
                jpegtables=tables,
                description=description if number == 0 else None,
                subfiletype=int(number > 0),
                subifds=len(levels) - 1 if sub_ifds and number == 0 else None,
                metadata=None,
                **extra,
            )
    return path


def write_folder(folder: Path, image: np.ndarray, name: str = "tile_x{x}_y{y}.png", tile: int = TILE) -> Path:
    """Tiles as files; the name gets x and y in pixels, column and row."""
    folder.mkdir()
    for top in range(0, image.shape[0], tile):
        for left in range(0, image.shape[1], tile):
            file = name.format(x=left, y=top, column=left // tile, row=top // tile)
            save(folder / file, image[top : top + tile, left : left + tile])
    return folder


def write_deep_zoom(path: Path, levels: list[np.ndarray], overlap: int = 1, tile: int = TILE - 2) -> Path:
    """A .dzi and its folders; coarser levels than those given are left out, as the format allows."""
    height, width = levels[0].shape[:2]
    path.write_text(
        f'<?xml version="1.0"?><Image TileSize="{tile}" Overlap="{overlap}" Format="png" '
        f'xmlns="http://schemas.microsoft.com/deepzoom/2008"><Size Width="{width}" Height="{height}"/></Image>'
    )
    finest = (max(width, height) - 1).bit_length()
    for number, image in enumerate(levels):
        folder = path.with_name(f"{path.stem}_files") / str(finest - number)
        folder.mkdir(parents=True)
        for top in range(0, image.shape[0], tile):
            for left in range(0, image.shape[1], tile):
                part = image[
                    max(0, top - overlap) : top + tile + overlap, max(0, left - overlap) : left + tile + overlap
                ]
                save(folder / f"{left // tile}_{top // tile}.png", part)
    return path


def write_kfb(path: Path, levels: list[np.ndarray], um_per_px: float = 0.25, tile: int = TILE) -> Path:
    """A KFB file as the package kfbslide understands the format; no real one is at hand."""
    height, width = levels[0].shape[:2]
    entries, streams = [], []
    for number, image in enumerate(levels):
        for top in range(0, image.shape[0], tile):
            for left in range(0, image.shape[1], tile):
                part = np.ascontiguousarray(image[top : top + tile, left : left + tile])
                streams.append(encode(part, "ycbcr", "444"))
                size = (part.shape[1], part.shape[0])
                entries.append(struct.pack("<4xIIIIf8xI28x", left, top, *size, 40 / 2**number, len(streams[-1])))
    macro = encode(draw(32, 24), "ycbcr", "444")
    second = 4 + 88 + 4
    index = second + 4 + 44 + 4 + len(macro)
    header = struct.pack(
        "<4s4xfIIII4s4xIqIIQQf8xI",
        *(b"KFB", 1.6, len(entries), height, width, 40, b"JPEG", 0, 0, second, 0),
        *(index + 64 * len(entries), index, um_per_px, tile),
    )
    description = struct.pack("<4xII4xII20x", 24, 32, len(macro), 4 + 44 + 4)
    sections = (b"\xf1\x01\xee\xee", header, b"\xff\x01\xee\xee", b"\xf1\x02\xee\xee", description, b"\xff\x02\xee\xee")
    path.write_bytes(b"".join((*sections, macro, *entries, *streams)))
    return path


def save(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def make() -> SimpleNamespace:
    """The functions of this file that write slides."""
    functions = (draw, write_tiff, write_folder, write_deep_zoom, write_kfb, save, encode)
    return SimpleNamespace(pyramid=picture_levels, **{function.__name__: function for function in functions})


@pytest.fixture
def levels() -> list[np.ndarray]:
    """A picture and its halves; the last has odd sides, and none is made of whole tiles."""
    return picture_levels()
