"""The files from which the fuzzer starts."""

import io
import tarfile
import zipfile
from importlib.resources import files

from unmissed.benchmarks.hostile.files import tiff
from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, png, stained


def shipped_settings() -> list[bytes]:
    """The settings that come with the project; the first byte says of which kind."""
    place = files("unmissed.configs")
    folders = ("policies", "protocols", "train")
    return [
        bytes([number]) + path.read_bytes()
        for number, folder in enumerate(folders)
        for path in place.joinpath(folder).iterdir()
        if path.name.endswith(".yaml")
    ]


def small_tiffs() -> list[bytes]:
    """TIFF and BigTIFF of two levels, in both byte orders."""
    pages = [tiff.tiled_page(64, 64, 32), tiff.tiled_page(32, 32, 32)]
    return [tiff.build(pages, big=big, order=order) for big in (False, True) for order in "<>"]


def jpeg_tiles() -> list[bytes]:
    """A tile with its own tables, and one whose tables are apart."""
    data = jpeg(64, 64)
    tables, tile, at = b"\xff\xd8", b"\xff\xd8", 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] in (0xDB, 0xC4):  # quantisation, Huffman codes
            tables += data[at:end]
        else:
            tile += data[at:end]
        at = end
    tables += b"\xff\xd9"
    return [b"\0\0" + data, len(tables).to_bytes(2, "big") + tables + tile + data[at:]]


def pictures() -> list[bytes]:
    """A small picture in each format."""
    image = stained(32, 32)
    return [jpeg(32, 32), png(32, 32), *(encoded(image, kind) for kind in ("BMP", "GIF", "TIFF", "WEBP", "PPM"))]


def archives() -> list[bytes]:
    """A zip and a tar."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a/b.txt", b"text")
    with tarfile.open(fileobj=tarred, mode="w") as tape:
        info = tarfile.TarInfo("a/b.txt")
        info.size = 4
        tape.addfile(info, io.BytesIO(b"text"))
    return [zipped.getvalue(), tarred.getvalue()[:2048]]


DESCRIPTIONS = [
    b"Aperio Image Library v1\r\n512x512 JPEG|MPP = 0.25|AppMag = 40",
    b'<?xml version="1.0"?><OME><Image><Pixels PhysicalSizeX="0.25" PhysicalSizeY="0.25" '
    b'PhysicalSizeXUnit="&#181;m"/></Image></OME>',
    b"ImageJ=1.53\nunit=micron\n",
]
DEEP_ZOOM = (
    b'<?xml version="1.0"?><Image Format="jpg" Overlap="0" TileSize="64" '
    b'xmlns="http://schemas.microsoft.com/deepzoom/2008"><Size Width="300" Height="300"/></Image>'
)
TILE_NAMES = [b"x0_y0\nx1_y0", b"tile_0_0\ntile_512_0", b"a [x=0,y=0,w=16,h=16]", b"00000x_00000y", b"0-1\n1-1"]
