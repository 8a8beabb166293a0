"""What a TIFF holds beside the page that is read: refused where it may be the picture that is meant, else noted."""

import ctypes
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from io import BytesIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.kinds import READABLE
from unmissed.datasets.pictures.notes import PictureNote, first_of_several, fourth_channel

_WIDTH, _HEIGHT, _PHOTOMETRIC, _SAMPLES, _SUB_PAGES, _EXTRA, _FORMAT = 256, 257, 262, 277, 330, 338, 339
_ALPHA = (1, 2)  # of the extra samples
_UNSIGNED = 1
_DESCRIPTION, _DEPTH = 270, 32997
_IMAGEJ_STACK = re.compile(r"^ImageJ=.*\bimages=(?!1\b)\d", re.DOTALL)
_MOST_PAGES = 100
_SPLIT = "save the picture that is meant as a file of its own"


def check_samples(image: TiffImageFile, name: str) -> None:
    """Refuse channels and planes that Pillow would leave out, and numbers that it would misread.

    Raises:
        ImageError: The pixels are signed, there are more channels than a colour with transparency has, or planes behind
            the first that are no pages.
    """
    tags = image.tag_v2
    samples, extra = tags.get(_SAMPLES, 1), tuple(tags.get(_EXTRA, ()))
    colours = {0: 1, 1: 1, 2: 3, 3: 1}.get(tags.get(_PHOTOMETRIC, 1), 3)
    is_stack = _IMAGEJ_STACK.search(str(tags.get(_DESCRIPTION, ""))) or tags.get(_DEPTH, 1) > 1
    if samples != colours and (samples != colours + 1 or (colours == 1 and not set(extra[:1]) & set(_ALPHA))):
        what, fix = f"{name} has {samples} channels", "save the colours that are meant as RGB"
    elif set(tags.get(_FORMAT, (_UNSIGNED,))) != {_UNSIGNED}:
        what, fix = f"{name} has pixels with a sign", "convert the file to 8-bit RGB"
    elif is_stack:
        what, fix = f"{name} holds several pictures: a stack of planes", _SPLIT
    else:
        return
    raise ImageError(what, expected=READABLE, fix=fix)


def tiff_notes(image: TiffImageFile, data: bytes, name: str) -> Iterator[PictureNote]:
    """Notes on the other pages of a TIFF and on a fourth channel.

    Raises:
        ImageError: Another page is as large as the first one or larger: a plane, a channel, or the picture itself where
            the first is its thumbnail.
    """
    width, height = image.size
    others = [*_pages(data, name), *_sub_pages(image, data)]
    for other_width, other_height in others:
        if other_width * other_height >= width * height:
            raise ImageError(
                f"{name} holds several pictures: the first has {width} x {height} px, another {other_width} x "
                f"{other_height} px",
                expected="one picture, or smaller ones behind it",
                fix=_SPLIT,
            )
    if others:
        yield first_of_several(len(others) + 1, "pages")
    tags = image.tag_v2
    if tags.get(_SAMPLES, 1) == 4 and not set(tags.get(_EXTRA, ())) & set(_ALPHA):
        yield fourth_channel()


def _pages(data: bytes, name: str) -> Iterator[tuple[int, int]]:
    """Sizes of the pages behind the first; another opening of the file, so that the first stays where it is."""
    with Image.open(BytesIO(data), formats=["TIFF"]) as image:
        for number in range(1, _MOST_PAGES + 1):
            try:
                image.seek(number)
            except EOFError:
                return
            yield image.size
    raise ImageError(f"{name} has more than {_MOST_PAGES} pages", expected="one picture", fix=_SPLIT)


def _sub_pages(image: TiffImageFile, data: bytes) -> Iterator[tuple[int, int]]:
    """Sizes of the pages below the first, where raw files of cameras have the picture."""
    offsets = image.tag_v2.get(_SUB_PAGES, ())
    for offset in (offsets,) if isinstance(offsets, int) else offsets[:_MOST_PAGES]:
        page, stream = ImageFileDirectory_v2(data[:8]), BytesIO(data)
        stream.seek(offset)
        page.load(stream)
        yield int(page.get(_WIDTH, 0)), int(page.get(_HEIGHT, 0))


@cache
def silence_libtiff() -> None:
    """Pillow's libtiff writes what it meets in damaged files to the screen; what matters of it is in our errors."""
    try:
        names = [path for path in files("pillow") or () if path.name.startswith(("libtiff-", "libtiff."))]
        for path in names:
            library = ctypes.CDLL(str(path.locate()))
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)
    except (PackageNotFoundError, OSError, AttributeError):
        return  # a Pillow that was built elsewhere: its words stay
