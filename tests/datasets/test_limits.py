"""The numbers on which reading pictures and data sets turns: a case just below each and one just above it."""

import zlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.fields import mask_objects
from unmissed.datasets.pictures.boxes import find_boxes
from unmissed.datasets.pictures.decoding import decode_picture
from unmissed.datasets.pictures.images import crop_around, crop_at_scale
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.verify import Verification


def name_is_kept(length: int) -> bool:
    return folder_name("x" * length) == "x" * length


def jpeg_header(width: int, height: int) -> bytes:
    """The beginning of a JPEG of that size, which then is cut off."""
    frame = b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def is_too_large(height: int) -> bool:
    """Whether a picture 10,000 px wide is refused before it is found to be cut off."""
    with pytest.raises(ImageError) as caught:
        decode_picture(jpeg_header(10_000, height), "picture")
    return "cut off" not in str(caught.value)


def has_too_many_scans(count: int) -> bool:
    """Whether a JPEG of so many scans is refused for them, and not as damaged."""
    with pytest.raises(ImageError) as caught:
        decode_picture(jpeg_header(8, 8) + b"\xff\xda" * (count - 1) + b"\xff\xd9", "picture")
    return "scans" in str(caught.value)


def has_too_many_parts(count: int) -> bool:
    """Whether a PNG of so many chunks is refused."""
    data = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
    empty = b"\0\0\0\0abCd" + zlib.crc32(b"abCd").to_bytes(4, "big")
    try:
        decode_picture(data[:33] + empty * (count - 3) + data[33:], "picture")
    except ImageError:
        return True
    return False


def cropped_as_it_is(wanted: float) -> bool:
    """Whether a crop of a picture of 1 um/px is cut without resizing for another pixel size."""
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    found = crop_at_scale(image, (32.0, 32.0), 32, 1.0, wanted)
    return bool((found == crop_around(image, (32.0, 32.0), 32)).all())


def is_object(pixels: int) -> bool:
    """Whether so many of 10,000 pixels of a mask are an object."""
    mask = np.zeros((100, 100), bool)
    mask[50, 20 : 20 + pixels] = True
    return len(mask_objects(mask)[1]) == 1


def belongs_to_box(share: float) -> bool:
    """Whether what surrounds a peak, at so much of its score, belongs to its box."""
    heat = np.zeros((15, 15), np.float32)
    heat[4:11, 4:11] = share
    heat[7, 7] = 1.0
    left, _, right, _ = find_boxes(heat, 1, 10.0, 0.9)[0][0]
    return bool(right - left > 4)


def both_boxes_stay(width: int) -> bool:
    """Whether a lower find stays whose box is so wide and holds the box of a higher one, ten cells wide."""
    heat = np.zeros((9, 70), np.float32)
    heat[2:7, 5:15] = 0.9
    heat[2:7, 15 : 5 + width] = 0.75
    heat[4, 7], heat[4, 2 + width] = 1.0, 0.9
    return len(find_boxes(heat, 1, 18.0, 0.85)[0]) == 2


def cric(width: int, *, outside: int = 0, count: int = 4) -> list[Any]:
    """Records of an official table of CRIC, its field so wide; image ids from 1 on."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        cv2.imwrite(str(root / "a.png"), np.zeros((100, width, 3), np.uint8))
        rows = ["image_id,image_filename,image_doi,cell_id,bethesda_system,nucleus_x,nucleus_y"]
        for index in range(count):
            y = 5000 if index < outside else 10
            rows.append(f"{index + 1},a.png,doi,{index},{('HSIL', 'SCC')[index % 2]},10,{y}")
        (root / "classifications.csv").write_text("\n".join(rows) + "\n")
        return registry.get("cric").read(root)


def cric_um(width: int) -> float:
    return round(cric(width)[0].um_per_px, 4)


def same_block(image_id: int) -> bool:
    """Whether a field of CRIC is grouped with the first one."""
    records = cric(1376, count=8)
    return records[image_id - 1].group == records[0].group


def cric_is_read(outside: int) -> bool:
    """Whether a table is read of whose 200 nuclei so many lie outside their fields."""
    try:
        cric(1376, outside=outside, count=200)
    except DatasetError:
        return False
    return True


def is_complete(count: int, name: str, label: str) -> bool:
    """Whether so many records of one class, and all of the others, are what was published."""
    published = registry.get(name).info.counts
    found = {**published, label: count}
    return Verification(name, Path(), found, published, 1, 1, (), ()).is_complete


def field_width(um_per_px: float) -> int:
    """Width of a field of 100 px that is made into a slide of 0.25 um/px."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        cv2.imwrite(str(root / "a.png"), np.full((100, 100, 3), 200, np.uint8))
        (root / "labels.csv").write_text(f"path,label,x_px,y_px,um_per_px\na.png,NILM,5,5,{um_per_px}\n")
        try:
            return read_fields(root, 0.25).fields[0].width_px
        except DatasetError:
            return 0


MEMORY = "files of unknown origin may claim anything"
REZENDE = "Rezende 2021: 1,376 px with 0.228 um"
LIMITS = [
    Limit(
        "120 bytes of a folder's name",
        "basis/names.py: _MAX_BYTES = 120",
        "half of the usual limit of 255, for suffixes",
        name_is_kept,
        (120, True),
        (121, False),
    ),
    Limit(
        "100 megapixels as a picture",
        "pictures/decoding.py: max_px: int = 100_000_000",
        MEMORY,
        is_too_large,
        (10_000, False),
        (10_001, True),
    ),
    Limit(
        "100 scans of a JPEG",
        "pictures/decoding.py: _MOST_SCANS = 100",
        "libjpeg writes 10; each may take as long as a picture",
        has_too_many_scans,
        (100, False),
        (101, True),
    ),
    Limit(
        "50,000 parts of a PNG",
        "pictures/png_chunks.py: _MOST_CHUNKS = 50_000",
        "of 8 kB, as libpng writes them, more than the largest picture has",
        has_too_many_parts,
        (50_000, False),
        (50_001, True),
    ),
    Limit(
        "2 % are the same scale",
        "pictures/images.py: SAME_SCALE = 0.02",
        "a nucleus changes by less than a pixel",
        cropped_as_it_is,
        (1.019, True),
        (1.021, False),
    ),
    Limit(
        "3 % are the same scale",
        "synthetic/slides/fields.py: SCALE_TOLERANCE = 0.03",
        "cameras are hardly calibrated better, and resampling blurs",
        field_width,
        (0.2574, 100),
        (0.2576, 103),
    ),
    Limit(
        "0.05 um/px of a field",
        "synthetic/slides/fields.py: _UM_PER_PX = (0.05, 5.0)",
        "outside is a mistake",
        field_width,
        (0.049, 0),
        (0.051, 20),
    ),
    Limit(
        "5 um/px of a field",
        "synthetic/slides/fields.py: _UM_PER_PX = (0.05, 5.0)",
        "outside is a mistake",
        field_width,
        (4.9, 1960),
        (5.1, 0),
    ),
    Limit(
        "specks of 0.1 %",
        "fields.py: SPECK_SHARE = 0.001",
        "slips of the pen: Kvasir-SEG has 118",
        is_object,
        (9, False),
        (10, True),
    ),
    Limit(
        "0.8 of a peak",
        "pictures/boxes.py: _SHARE = 0.8",
        "lower cells join neighbours into one box",
        belongs_to_box,
        (0.79, False),
        (0.81, True),
    ),
    Limit(
        "overlap of 0.3",
        "pictures/boxes.py: _LARGEST_OVERLAP = 0.3",
        "beyond it, the same thing again",
        both_boxes_stay,
        (29, False),
        (30, True),
    ),
    Limit(
        "CRIC: 1,376 px",
        "public/bethesda.py: _OFFICIAL_WIDTH_PX = 1376",
        REZENDE,
        cric_um,
        (1375, 0.2282),
        (1377, 0.2278),
    ),
    Limit(
        "CRIC: blocks of 4",
        "public/bethesda.py: _BLOCK = 4",
        "fields 194 and 196 overlap",
        same_block,
        (4, True),
        (5, False),
    ),
    Limit(
        "CRIC: 1 % outside",
        "public/bethesda.py: if outside > 0.01 * len(records)",
        "a table and fields of the same source",
        cric_is_read,
        (2, True),
        (3, False),
    ),
    Limit(
        "CRIC: 6,779 NILM",
        'public/bethesda.py: "NILM": 6779',
        "as published",
        partial(is_complete, name="cric", label="NILM"),
        (6778, False),
        (6779, True),
    ),
    Limit(
        "SIPaKMeD: 831 superficial",
        'public/sipakmed.py: "normal", 831',
        "as published",
        partial(is_complete, name="sipakmed", label="Superficial-Intermediate"),
        (830, False),
        (831, True),
    ),
    Limit(
        "Herlev: 150 carcinoma",
        'public/herlev.py: "abnormal", 150',
        "as published",
        partial(is_complete, name="herlev", label="carcinoma_in_situ"),
        (149, False),
        (150, True),
    ),
    Limit(
        "PolypGen: 3,762",
        'public/polyps.py: "polyp": 3762',
        "as published",
        partial(is_complete, name="polypgen", label="polyp"),
        (3761, False),
        (3762, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
