"""TIFF slides that hold more, less or something else than one picture in RGB with 8 bits."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unmissed.benchmarks.hostile.files import tiff
from unmissed.benchmarks.hostile.files.pixels import stained
from unmissed.benchmarks.hostile.files.tiff import Tag
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_TILE = {"tile": (256, 256)}
_RGB: dict[str, Any] = {**_TILE, "photometric": "rgb"}


def _write(place: Place, *pages: tuple[Any, dict[str, Any]], suffix: str = ".tif", **options: Any) -> Path:
    path = place.path(suffix)
    with tifffile.TiffWriter(path, **options) as out:
        for image, about in pages:
            out.write(image, resolution=(40_000, 40_000), resolutionunit="CENTIMETER", **about)
    return path


def _half(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[::2, ::2])


@rule(Kind.SLIDE, {name: name for name in ("jpeg", "deflate", "lzw", "zstd", "webp", "none", "jpeg2000")})
def tiff_coded(place: Place, name: str) -> Path:
    coding = None if name == "none" else name
    return _write(place, (stained(), {**_RGB, "compression": coding, "metadata": None}))


@rule(Kind.SLIDE, {"planar": "separate"}, Expect.ANY)
def tiff_planes(place: Place, variant: str) -> Path:
    image = np.ascontiguousarray(stained().transpose(2, 0, 1))
    return _write(place, (image, {**_TILE, "photometric": "rgb", "planarconfig": variant, "metadata": None}))


@rule(
    Kind.SLIDE,
    {"16": np.uint16, "float": np.float32, "float64": np.float64, "32": np.uint32, "int8": np.int8, "int16": np.int16},
    Expect.NOTED,
)
def tiff_depth(place: Place, kind: Any) -> Path:
    return _write(place, (stained().astype(kind) * (257 if kind is np.uint16 else 1), {**_RGB, "metadata": None}))


@rule(Kind.SLIDE, {"12": 12, "10": 10, "2": 2, "4": 4}, Expect.NOTED)
def tiff_few_bits(place: Place, bits: int) -> Path:
    page = tiff.tiled_page()
    short = tiff.SHORT
    page.tags |= {tiff.BITS: Tag(short, (bits,)), tiff.SAMPLES: Tag(short, (1,)), tiff.COMPRESSION: Tag(short, (1,))}
    page.tags[tiff.PHOTOMETRIC] = Tag(short, (1,))
    page.pieces = [place.rng.randbytes(256 * 256 * bits // 8) for _ in range(4)]
    return place.write(".tif", tiff.build([page]))


@rule(Kind.SLIDE, {"grey": "minisblack", "inverted": "miniswhite"}, Expect.NOTED)
def tiff_grey(place: Place, photometric: str) -> Path:
    return _write(place, (stained()[:, :, 1], {**_TILE, "photometric": photometric, "metadata": None}))


@rule(
    Kind.SLIDE,
    {
        "cmyk": ("separated", 4),
        "lab": ("cielab", 3),
        "palette": ("palette", 1),
        "rgba": ("rgb", 4),
        "five": ("minisblack", 5),
        "two": ("minisblack", 2),
    },
    Expect.NOTED,
)
def tiff_colours(place: Place, variant: tuple[str, int]) -> Path:
    photometric, samples = variant
    image = np.dstack([stained()[:, :, index % 3] for index in range(samples)])
    about: dict[str, Any] = {**_TILE, "photometric": photometric, "metadata": None}
    if samples > 1:
        about |= {"planarconfig": "contig"}
    if photometric == "palette":
        image, about["colormap"] = image[:, :, 0], np.zeros((3, 256), np.uint16)
    return _write(place, (image, about))


@rule(
    Kind.SLIDE,
    {"focus": "focus", "times": "times", "three-pages": "pages", "ome-z": "ome-z", "ome-c": "ome-c", "ome-t": "ome-t"},
    Expect.NOTED,
)
def tiff_pages_of_equal_size(place: Place, variant: str) -> Path:
    images = [stained(seed=seed) for seed in range(3)]
    if variant.startswith("ome"):
        axes = f"{variant[-1].upper()}YXS" if variant != "ome-c" else "CYX"
        stack = np.stack(images if variant != "ome-c" else [image[:, :, 0] for image in images])
        about: dict[str, Any] = {**_TILE, "metadata": {"axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}}
        if variant != "ome-c":
            about["photometric"] = "rgb"
        return _write(place, (stack, about), suffix=".ome.tif", ome=True)
    return _write(place, *[(image, {**_RGB, "metadata": None, "compression": "jpeg"}) for image in images])


@rule(
    Kind.SLIDE,
    {"thumbnail": (Expect.ANY, (128, 128)), "macro": (400, 200), "label": (200, 200), "square": (256, 256)},
    Expect.NOTED,
)
def tiff_thumbnail_first(place: Place, size: tuple[int, int]) -> Path:
    about = {**_RGB, "metadata": None}
    return _write(
        place, (stained(*size, seed=4), about), (stained(1024, 1024), about), (_half(stained(1024, 1024)), about)
    )


@rule(Kind.SLIDE, {"two": 2, "five": 5}, Expect.NOTED)
def tiff_several_regions(place: Place, count: int) -> Path:
    sizes = [(512, 512), (600, 400), (300, 900), (768, 256), (256, 768)]
    return _write(place, *[(stained(*size, seed=7), {**_RGB, "metadata": None}) for size in sizes[:count]])


@rule(Kind.SLIDE, {"rising": 0, "square-label": 1, "same-twice": 2, "odd-ratio": 3, "coarse-damaged": 4})
def tiff_levels(place: Place, variant: int) -> Path:
    image, about = stained(1024, 1024), {**_RGB, "metadata": None}
    half, quarter = _half(image), _half(_half(image))
    pages = [
        *([quarter, half, image], [image, half, stained(300, 300, seed=9)], [image, half, half]),
        *([image, stained(1000, 1000), stained(333, 333)], [image, half, quarter]),
    ][variant]
    path = _write(place, *[(page, about) for page in pages])
    if variant == 4:
        data = bytearray(path.read_bytes())
        data[len(data) // 3 : len(data) // 3 + 200] = place.rng.randbytes(200)
        path.write_bytes(data)
    return path


@rule(Kind.SLIDE, {str(number): number for number in range(0, 10)})
def tiff_orientation(place: Place, number: int) -> Path:
    return _write(place, (stained(512, 256), {**_RGB, "metadata": None, "extratags": [(274, 3, 1, number, True)]}))


@rule(Kind.SLIDE, {"3": 3, "0": 0, "34893": 34893, "99": 99})
def tiff_predictor(place: Place, number: int) -> Path:
    path = _write(place, (stained(), {**_RGB, "compression": "deflate", "predictor": 2, "metadata": None}))
    data = bytearray(path.read_bytes())
    at = data.rfind(bytes([0x3D, 0x01, 3, 0, 1, 0, 0, 0]))  # tag 317
    data[at + 8 : at + 10] = number.to_bytes(2, "little")
    path.write_bytes(data)
    return path


@rule(
    Kind.SLIDE,
    {
        "ndpi": ".ndpi",
        "vms": ".vms",
        "scn": ".scn",
        "bif": ".bif",
        "mrxs": ".mrxs",
        "dcm": ".dcm",
        "kfb": ".kfb",
        "svslide": ".svslide",
        "dzi": ".dzi",
    },
)
def tiff_named_otherwise(place: Place, suffix: str) -> Path:
    return _write(place, (stained(), {**_RGB, "compression": "jpeg", "metadata": None}), suffix=suffix)
