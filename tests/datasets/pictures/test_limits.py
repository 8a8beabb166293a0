"""The numbers on which a note on a picture or a mask turns: a case just below each and one just above it."""

import io
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
import tifffile
from draw_constants import Limit
from PIL import Image

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.masks import read_mask
from unmissed.datasets.pictures.decoding import decode_picture
from unmissed.datasets.pictures.notes import check_side, notes_on_content, notes_on_size
from unmissed.datasets.records import Record
from unmissed.datasets.registry import PublicDataset, get
from unmissed.datasets.verify import Verification, verify


def shows_anything(side: int) -> bool:
    try:
        check_side("a.png", 100, side)
    except ImageError:
        return False
    return True


def kinds_of_content(pixels: np.ndarray) -> list[str]:
    return [note.kind for note in notes_on_content(pixels)]


def is_uniform(deviation: float) -> bool:
    """Whether a picture of two close shades has nothing to show."""
    pixels = np.full((100, 100, 3), 120, np.float64)
    pixels[:50] += deviation
    pixels[50:] -= deviation
    return "uniform" in kinds_of_content(np.round(pixels).astype(np.uint8))


def speck_is_nothing(difference: int) -> bool:
    """Whether a field with a speck that differs by so much has nothing to show."""
    pixels = np.full((100, 100, 3), 120, np.uint8)
    pixels[0, 0] += difference
    return "uniform" in kinds_of_content(pixels)


def has_no_colour(spread: int, pixels: int) -> bool:
    """Whether a picture of 10,000 pixels is grey of which so many have channels that far apart."""
    picture = np.repeat(np.linspace(50, 200, 10_000).astype(np.uint8).reshape(100, 100, 1), 3, axis=2)
    picture.reshape(-1, 3)[:pixels, 0] += spread
    return "grey" in kinds_of_content(picture)


def is_noted(size: tuple[int, int], *, wanted: int, fit: str) -> bool:
    return bool(notes_on_size(*size, wanted, fit))


def pages_are_read(count: int) -> bool:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for index in range(count):
            writer.write(np.zeros((8 - (index > 0), 8, 3), np.uint8), photometric="rgb", metadata=None)
    try:
        decode_picture(stream.getvalue(), "a.tif")
    except ImageError:
        return False
    return True


def kinds_of_mask(values: np.ndarray, width: int, height: int) -> list[str]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mask.png"
        Image.fromarray(values).save(path)
        return [note.kind for note in read_mask(path, width, height)[1]]


def looks_inverted(columns: int) -> bool:
    """Whether a mask of 100 x 100 px looks inverted whose first columns are object: so is as much of its edge."""
    mask = np.zeros((100, 100), np.uint8)
    mask[:, :columns] = 255
    return "inverted mask" in kinds_of_mask(mask, 100, 100)


def is_soft(pixels: int, value: int = 128) -> bool:
    """Whether a mask with an object of 1,000 pixels is soft, when so many others have a value in between."""
    mask = np.zeros(10_000, np.uint8)
    mask[2000:3000] = 255
    mask[5000 : 5000 + pixels] = value
    return "soft mask" in kinds_of_mask(mask.reshape(100, 100), 100, 100)


def mask_is_resized(width: int) -> bool:
    """Whether a mask of 100 x 100 px is taken for a picture so wide and 200 px high."""
    try:
        return "mask of another size" in kinds_of_mask(np.zeros((100, 100), np.uint8), width, 200)
    except ImageError:
        return False


def is_strangely_small(side: int) -> bool:
    """Whether a picture is named that is so small among others of 90 px."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        rng = np.random.default_rng(0)
        for number, size in enumerate((90, 90, 90, side)):
            pixels = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
            cv2.imwrite(str(root / f"{number}.png"), pixels)
        records = [Record(path, "ab"[k % 2], str(k)) for k, path in enumerate(sorted(root.iterdir()))]
        found: Verification = verify(PublicDataset(get("folder").info, lambda place: records), root)
        return any("much smaller" in one.what for one in found.strange)


SETS = "SIPaKMeD, Herlev, CRIC, LBC fields, HyperKvasir, Kvasir-SEG"
LIMITS = [
    Limit(
        "8 px a side",
        "notes.py: SMALLEST_SIDE_PX = 8",
        "there 42 % of SIPaKMeD, 28 % of Herlev and 7 % of landmarks are right",
        shows_anything,
        (7, False),
        (8, True),
    ),
    Limit(
        "a deviation of 4 shows nothing",
        "notes.py: _UNIFORM_STD = 4.0",
        f"the quietest picture of {SETS} has 11",
        is_uniform,
        (3, True),
        (4, False),
    ),
    Limit(
        "a speck of 48 levels",
        "notes.py: _UNIFORM_RANGE = 48",
        "a cell on an empty field is darker by more",
        speck_is_nothing,
        (47, True),
        (48, False),
    ),
    Limit(
        "8 levels between channels are colour",
        "notes.py: _COLOURED = 8",
        f"16 in the palest picture of {SETS}, 4 in a grey JPEG",
        partial(has_no_colour, pixels=500),
        (7, True),
        (8, False),
    ),
    Limit(
        "1 % of the pixels with colour",
        "notes.py: _COLOURED_SHARE = 0.01",
        "letters on a grey picture have colour, too",
        partial(has_no_colour, 20),
        (99, True),
        (100, False),
    ),
    Limit(
        "a third of the model's input",
        "notes.py: _LEAST_SHARE = 1 / 3",
        "there 96 % of SIPaKMeD are right (98 as they come), 79 % of Herlev (88), 69 % of landmarks (92)",
        partial(is_noted, wanted=128, fit="squash"),
        ((42, 60), True),
        ((43, 60), False),
    ),
    Limit(
        "four times as long as wide",
        "notes.py: _MOST_STRETCHED = 4.0",
        f"3.9 is the most in {SETS}",
        partial(is_noted, wanted=128, fit="squash"),
        ((100, 400), False),
        ((100, 401), True),
    ),
    Limit(
        "half of a crop is filled up",
        "notes.py: _LEAST_SHOWN = 0.5",
        "a place at the edge of a training picture shows no less",
        partial(is_noted, wanted=160, fit="crop"),
        ((79, 200), True),
        ((80, 200), False),
    ),
    Limit(
        "100 pages behind the first of a TIFF",
        "tiff_pages.py: _MOST_PAGES = 100",
        "files of unknown origin may claim anything",
        pages_are_read,
        (100, True),
        (102, False),
    ),
    Limit(
        "half of the edge of a mask",
        "datasets/masks.py: _EDGE_SHARE = 0.5",
        "at most a third in Kvasir-SEG, CVC-ClinicDB and PolypGen",
        looks_inverted,
        (49, False),
        (52, True),
    ),
    Limit(
        "a quarter of the mask's largest value",
        "datasets/masks.py: _SOFT = (0.25, 0.75)",
        "neither object nor background",
        partial(is_soft, 400),
        (63, False),
        (64, True),
    ),
    Limit(
        "three quarters of the mask's largest value",
        "datasets/masks.py: _SOFT = (0.25, 0.75)",
        "neither object nor background",
        partial(is_soft, 900),
        (191, True),
        (192, False),
    ),
    Limit(
        "a soft mask from 30 % of its object",
        "datasets/masks.py: _SOFT_SHARE = 0.3",
        "the blurred outline of a small object has as many",
        partial(is_soft, value=100),
        (300, False),
        (301, True),
    ),
    Limit(
        "a mask stretched by 2 %",
        "datasets/masks.py: _LARGEST_STRETCH = 0.02",
        "sides are rounded when a picture is resized",
        mask_is_resized,
        (203, True),
        (206, False),
    ),
    Limit(
        "a third of the others' side",
        "datasets/verify.py: _SMALL_SHARE = 1 / 3",
        "most of the detail of the others is missing, as for a model's input",
        is_strangely_small,
        (29, True),
        (30, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
