"""KFB, MRXS, Hamamatsu VMS and Deep Zoom: descriptions that lie, and what they point to."""

import struct
from pathlib import Path

from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, stained
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule


@rule(
    Kind.SLIDE,
    {
        "empty": b"",
        "magic": b"KFBio" + bytes(4000),
        "noise": None,
        "huge-offsets": b"KFBio\0\0\0" + struct.pack("<100I", *[0xFFFFFFFF] * 100),
        "old": b"KFB\0" + bytes(90),
        "tif": b"II*\0\x08\0\0\0",
    },
    Expect.REFUSED,
)
def kfb_header(place: Place, data: bytes | None) -> Path:
    return place.write(".kfb", b"KFBio" + place.rng.randbytes(5000) if data is None else data)


_INI = """[GENERAL]
SLIDE_VERSION = 01.02
SLIDE_ID = 0
IMAGENUMBER_X = {x}
IMAGENUMBER_Y = {y}
OBJECTIVE_MAGNIFICATION = 20
CameraImageDivisionsPerSide = {divisions}
[HIERARCHICAL]
INDEXFILE = {index}
HIER_COUNT = {levels}
HIER_0_NAME = Slide zoom level
HIER_0_COUNT = {levels}
HIER_0_VAL_0 = ZoomLevel_0
HIER_0_VAL_0_SECTION = LAYER_0_LEVEL_0_SECTION
NONHIER_COUNT = 0
[DATAFILE]
FILE_COUNT = {files}
FILE_0 = {data}
[LAYER_0_LEVEL_0_SECTION]
OVERLAP_X = {overlap}
OVERLAP_Y = 0
MICROMETER_PER_PIXEL_X = {um}
MICROMETER_PER_PIXEL_Y = 0.25
IMAGE_FILL_COLOR_BGR = 16777215
DIGITIZER_WIDTH = 256
DIGITIZER_HEIGHT = 256
IMAGE_FORMAT = JPEG
IMAGE_CONCAT_FACTOR = {concat}
"""
_SOUND = {
    "x": 2,
    "y": 2,
    "divisions": 1,
    "index": "Index.dat",
    "levels": 1,
    "files": 1,
    "data": "Data0000.dat",
    "overlap": 0,
    "um": 0.25,
    "concat": 0,
}


@rule(
    Kind.SLIDE,
    {
        "sound": {},
        "negative": {"x": -5},
        "huge": {"x": 2**31 - 1, "y": 2**31 - 1},
        "divisions-0": {"divisions": 0},
        "divisions-huge": {"divisions": 2**31 - 1},
        "index-elsewhere": {"index": "../../../../etc/passwd"},
        "index-missing": {"index": "none.dat"},
        "data-elsewhere": {"data": "/dev/zero"},
        "files-huge": {"files": 2**31 - 1},
        "levels-huge": {"levels": 2**31 - 1},
        "overlap-nan": {"overlap": "nan"},
        "overlap-huge": {"overlap": 1e300},
        "um-0": {"um": 0},
        "um-nan": {"um": "nan"},
        "concat-huge": {"concat": 99},
    },
)
def mrxs_description(place: Place, changes: dict[str, object]) -> Path:
    folder = place.path("")
    folder.mkdir()
    text = _INI.format(**{**_SOUND, **changes})
    (folder / "Slidedat.ini").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (folder / "Index.dat").write_bytes(b"01.020" + struct.pack("<40i", *range(40)))
    (folder / "Data0000.dat").write_bytes(jpeg() * 4)
    return place.write(".mrxs", jpeg(64, 64))


@rule(
    Kind.SLIDE,
    {
        "without-folder": 0,
        "folder-is-file": 1,
        "ini-binary": 2,
        "ini-huge": 3,
        "ini-is-a-folder": 4,
        "ini-links-to-device": 5,
    },
    Expect.REFUSED,
)
def mrxs_parts(place: Place, variant: int) -> Path:
    folder = place.path("")
    if variant == 1:
        folder.write_bytes(b"x")
    elif variant:
        folder.mkdir()
        ini = folder / "Slidedat.ini"
        if variant in (2, 3):
            ini.write_bytes(place.rng.randbytes(5000) if variant == 2 else b"[GENERAL]\n" + b"A=1\n" * 5_000_000)
        elif variant == 4:
            ini.mkdir()
        else:
            ini.symlink_to("/dev/zero")
    return place.write(".mrxs", jpeg(64, 64))


@rule(
    Kind.SLIDE,
    {
        "elsewhere": "../../../../etc/passwd",
        "device": "/dev/zero",
        "itself": "SELF",
        "missing": "none.jpg",
        "huge": "x" * 100_000,
    },
    Expect.REFUSED,
)
def vms_description(place: Place, image: str) -> Path:
    image = image.replace("SELF", f"{place.name}.vms")
    text = (
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nSourceLens=20\n"
        f"ImageFile={image}\nMapFile={image}\nOptimisationFile={image}\n"
    )
    return place.write(".vms", text.encode())


_DZI = (
    '<?xml version="1.0"?>{before}<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{format}" '
    'Overlap="{overlap}" TileSize="{tile}"><Size Width="{width}" Height="{height}"/></Image>'
)
_DZI_SOUND = {"before": "", "format": "jpg", "overlap": 0, "tile": 256, "width": 512, "height": 512}
_LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)


@rule(
    Kind.SLIDE,
    {
        "sound": (Expect.READ, {}),
        "width-huge": {"width": 10**9},
        "width-0": {"width": 0},
        "width-text": {"width": "wide"},
        "width-negative": {"width": -5},
        "million": {"width": 999_999, "height": 999_999},
        "tile-0": {"tile": 0},
        "tile-1": {"tile": 1},
        "tile-huge": {"tile": 10**8},
        "overlap-huge": {"overlap": 10**6},
        "overlap-1": {"overlap": 1},
        "format-path": {"format": "../../x"},
        "format-exe": {"format": "exe"},
        "entity": {"before": "<!DOCTYPE x [<!ENTITY w SYSTEM 'file:///etc/passwd'>]>", "width": "&w;"},
        "laughs": {"before": _LAUGHS, "width": "&a11;"},
        "larger": (Expect.NOTED, {"width": 1500}),
        "entity-number": {"width": "&#53;12"},
        "unicode-digits": {"width": "５１２"},
        "exponent": {"width": "5e2"},
        "comment": {"before": '<!-- Width="9" -->'},
    },
)
def dzi_description(place: Place, changes: dict[str, object]) -> Path:
    folder = place.path("_files") / "9"
    folder.mkdir(parents=True)
    for index in range(4):
        (folder / f"{index % 2}_{index // 2}.jpg").write_bytes(jpeg(seed=index))
    return place.write(".dzi", _DZI.format(**{**_DZI_SOUND, **changes}).encode())


@rule(
    Kind.SLIDE,
    {
        "none": 0,
        "one-missing": 1,
        "one-damaged": 2,
        "one-of-another-size": 3,
        "one-a-device": 4,
        "one-empty": 5,
        "finest-missing": 6,
        "one-a-folder": 7,
        "one-grey": (Expect.ANY, 8),  # programs store empty tiles as grey pictures
        "one-another-kind": 9,
    },
    Expect.NOTED,
)
def dzi_tiles(place: Place, variant: int) -> Path:
    folder = place.path("_files") / ("8" if variant == 6 else "9")
    folder.mkdir(parents=True)
    for index in range(4 if variant else 0):
        path = folder / f"{index % 2}_{index // 2}.jpg"
        if index != 3 or variant == 6:
            path.write_bytes(jpeg(seed=index))
        elif variant == 4:
            path.symlink_to("/dev/zero")
        elif variant == 7:
            path.mkdir()
        elif variant != 1:
            odd = {
                2: jpeg()[:3000],
                3: jpeg(100, 100),
                5: b"",
                8: encoded(stained(256, 256)[:, :, 1], "JPEG"),
                9: b"GIF89a" + bytes(90),
            }
            path.write_bytes(odd[variant])
    return place.write(".dzi", _DZI.format(**_DZI_SOUND).encode())
