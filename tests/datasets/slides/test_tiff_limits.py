"""The numbers by which pages of a TIFF and statements of a pixel size are taken: a case below each and one above."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from draw_constants import Limit

from unmissed.datasets.slides.base import SlideError, StatedPixelSize
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide, _alike
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.pixel_size import decide_pixel_size

TILES = {"tile": (64, 64), "photometric": "rgb", "metadata": None}


def given_is_doubted(um_per_px: float) -> bool:
    """Whether a pixel size that the user gives is doubted where the file says 0.2 um/px."""
    slide = SimpleNamespace(path="slide", stated=StatedPixelSize(0.2, 0.2, "file"), objective_power=None)
    return decide_pixel_size(slide, um_per_px).warning != ""


def objective_is_doubted(um_per_px: float) -> bool:
    """Whether pixels of that size are doubted beside a 20x objective."""
    slide = SimpleNamespace(path="slide", stated=StatedPixelSize(um_per_px, um_per_px, "file"), objective_power=20)
    return decide_pixel_size(slide).warning != ""


def opened(*pages: np.ndarray, description: str | None = None) -> tuple[str, ...] | str:
    """Notes on a TIFF of these pages, or "refused"."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        with tifffile.TiffWriter(path) as tiff:
            for number, page in enumerate(pages):
                tiff.write(page, description=description if number == 0 else None, **TILES)
        try:
            with open_slide(path) as slide:
                return slide.notes
        except SlideError:
            return "refused"


def second_picture_is_refused(width: int) -> bool:
    """Whether a picture 100 px high and so wide beside one of 256 x 256 px may be a scan of its own."""
    return opened(np.zeros((256, 256, 3), np.uint8), np.zeros((100, width, 3), np.uint8)) == "refused"


def coarser_picture_is_refused(um_per_px: float) -> bool:
    """The same for a small picture of that pixel size, beside one of 0.2 um/px."""
    images = "".join(
        f'<Image><Pixels SizeX="{width}" SizeY="{height}" PhysicalSizeX="{um}" PhysicalSizeY="{um}">'
        f'<Channel SamplesPerPixel="3"/><TiffData IFD="{number}"/></Pixels></Image>'
        for number, (width, height, um) in enumerate(((256, 256, 0.2), (80, 32, um_per_px)))
    )
    pages = np.zeros((256, 256, 3), np.uint8), np.zeros((32, 80, 3), np.uint8)
    return opened(*pages, description=f"<OME>{images}</OME>") == "refused"


def pages_are_read(count: int) -> bool:
    """Whether a slide with so many pages, all but one of them named labels, is read."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        with tifffile.TiffWriter(path) as tiff:
            tiff.write(np.zeros((64, 64, 3), np.uint8), **TILES)
            for _ in range(count - 1):
                tiff.write(np.zeros((16, 16, 3), np.uint8), description="label", photometric="rgb", metadata=None)
        try:
            TiffSlide.open(path).close()
        except SlideError:
            return False
        return True


def plain(grey: int) -> np.ndarray:
    return np.full((48, 48, 3), grey, np.uint8)


def plain_pictures_are_alike(difference: int) -> bool:
    return _alike(plain(100), plain(100 + difference))


def uncorrelated_pictures_are_alike(deviation: float) -> bool:
    """Whether two pictures of halves of that deviation are alike, one bright at the left, one above."""
    left = np.zeros((12, 12), bool)
    left[:, :6] = True
    pictures = [np.where(side, 100 + 2 * deviation, 100) for side in (left, left.T)]
    return _alike(*(np.repeat(np.kron(p, np.ones((4, 4)))[..., None], 3, axis=2).astype(np.uint8) for p in pictures))


def noisy_pictures_are_alike(correlation: float) -> bool:
    """Whether two pictures of cells of noise are alike whose correlation is so high."""
    first, other = np.linalg.qr(np.random.default_rng(0).normal(size=(144, 3)) - [[0, 0, 0]])[0][:, :2].T
    first, other = (part - part.mean() for part in (first, other))
    other -= first * (first @ other) / (first @ first)
    first, other = first / first.std(), other / other.std()
    second = correlation * first + (1 - correlation**2) ** 0.5 * other
    pictures = [
        np.repeat(np.kron((127 + 40 * part).reshape(12, 12), np.ones((4, 4))).round()[..., None], 3, axis=2)
        for part in (first, second)
    ]
    return _alike(*(picture.clip(0, 255).astype(np.uint8) for picture in pictures))


LIMITS = [
    Limit(
        "5 % between two statements",
        "pixel_size.py: SAME_SIZE = 0.05",
        "as far as sides of a pixel may differ",
        given_is_doubted,
        (0.2101, False),
        (0.2109, True),
    ),
    Limit(
        "a relay of 2.1",
        "pixel_size.py: _USUAL_RELAY = 2.1",
        "3DHISTECH's 20x scans have 0.2425 um/px, a factor of 2.06",
        objective_is_doubted,
        (0.235, True),
        (0.24, False),
    ),
    Limit(
        "a quarter of the area",
        "formats/tiff/pages.py: _COMPARABLE = 4",
        "a macro picture is smaller",
        second_picture_is_refused,
        (163, False),
        (165, True),
    ),
    Limit(
        "2 times the pixel size",
        "formats/tiff/pages.py: _SAME_SCALE = 2.0",
        "at 0.5 um/px nuclei can still be judged",
        coarser_picture_is_refused,
        (0.39, True),
        (0.41, False),
    ),
    Limit(
        "256 pages",
        "formats/tiff/pages.py: _MAX_PAGES = 256",
        "files of unknown origin may claim anything",
        pages_are_read,
        (256, True),
        (257, False),
    ),
    Limit(
        "12 grey levels between levels",
        "formats/tiff/reader.py: _SAME_CORRELATION, _SAME_GREY = 0.7, 12.0",
        "glass shows nothing to correlate",
        plain_pictures_are_alike,
        (12, True),
        (13, False),
    ),
    Limit(
        "3 grey levels of deviation",
        "formats/tiff/reader.py: _PLAIN = 3.0",
        "glass deviates by less, cells by more",
        uncorrelated_pictures_are_alike,
        (2, True),
        (4, False),
    ),
    Limit(
        "a correlation of 0.7 between levels",
        "formats/tiff/reader.py: _SAME_CORRELATION, _SAME_GREY = 0.7, 12.0",
        "levels of real slides have 0.88 and more, other pictures 0.2 and less",
        noisy_pictures_are_alike,
        (0.68, False),
        (0.72, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
