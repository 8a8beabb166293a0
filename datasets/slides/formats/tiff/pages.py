"""Which pages of a TIFF are the slide, which are labels and overviews, and which are something else."""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tifffile import TiffFile, TiffFrame, TiffPage

from unmissed.datasets.slides.base import SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.tiff.metadata import is_aperio
from unmissed.datasets.slides.formats.tiff.ome import OmeImage, is_ome, read_ome

_MAX_PAGES = 256

# Their tiles overlap, are padded, or are in several areas: what a page says of its size is not what the slide shows.
SPECIAL = ("ndpi", "scn", "bif", "philips")
"""Kinds of TIFF that OpenSlide reads."""

# Stacks of planes of which the directory shows only one, or shows them in ways of their own.
_STACKS = ("stk", "lsm", "fluoview", "nih", "scanimage")
_BESIDE = re.compile(r"\W*(\w+\s)?(label|macro|overview|thumbnail|barcode|map)\b", re.IGNORECASE)
_IMAGE_TYPE = re.compile(r"<ImageType>(\w{1,40})</ImageType>")  # PerkinElmer's QPTIFF
_SHAPE = re.compile(r'"shape":\s*\[([\d, ]{1,200})\]')  # tifffile's own description
_SINGLE = ("imagewidth", "imagelength", "imagedepth", "tilewidth", "tilelength", "samplesperpixel", "rowsperstrip")
_COMPARABLE = 4  # a second picture of a quarter of the slide's area may be another scan of the same glass
_SAME_SCALE = 2.0  # pixels up to so much larger than the slide's show cells, so they are a scan as well
_EXPORT = "export it as an RGB TIFF with 8 bits a channel and one picture (one focal plane)"


@dataclass(frozen=True, slots=True)
class SlidePages:
    """The pages of a slide.

    Attributes:
        finest: full resolution.
        smaller: pages that may be its other levels, from the finest to the coarsest; the pixels must confirm it.
        ome: what an OME-XML says of the finest page; None without one.
        notes: pages that were left out.
    """

    finest: TiffPage
    smaller: tuple[TiffPage, ...]
    ome: OmeImage | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Picture:
    """A page of the main chain with its sub-pages."""

    page: TiffPage
    parts: tuple[TiffPage, ...]
    name: str
    ome: OmeImage | None


def find_slide_pages(tiff: TiffFile, path: Path) -> SlidePages:
    """Find the pages of the slide in a TIFF, whatever their order.

    The largest picture is the slide. What is named as a label or overview stays beside it; any other page is a note,
    and one that may be another scan, focal plane or channel is an error.

    Raises:
        UnsupportedSlideError: When the TIFF is of a scanner whose pages another reader understands.
        SlideError: When it holds planes, channels or several scans, or no picture.
    """
    chain = list(_main_chain(tiff, path))
    first = chain[0]
    kind = next((name for name in SPECIAL if getattr(first, f"is_{name}")), None)
    if kind is not None or "MedScan" in first.software:
        raise UnsupportedSlideError(f"{path} is a TIFF of a special kind ({kind or 'trestle'})")
    stack = next((name for name in _STACKS if getattr(first, f"is_{name}")), None)
    if stack is not None:
        raise _several(path, f"a stack of planes ({stack})")
    images, notes = _ome_images(first, path)
    pictures = [_picture(number, page, images) for number, page in enumerate(chain)]
    candidates = [picture for picture in pictures if not _is_beside(picture)] or pictures
    main = max(candidates, key=_area)
    # A slide may be named after its label, and then shows what its smaller levels show.
    main = next((other for other in pictures if _may_be_a_level(main.page, other.page) and _is_beside(other)), main)
    planes = max(_hidden_planes(main.page), main.ome.planes if main.ome is not None else 1)
    if planes > 1:
        raise _several(path, f"{planes} planes (focal planes, time points or colour channels)")
    smaller = []
    for part in main.parts:
        if part.imagewidth >= main.page.imagewidth:
            raise _several(path, f"several pictures ({_size(main.page)} and, among its sub-pages, {_size(part)})")
        smaller.append(part)
    for other in pictures:
        if other is main:
            continue
        if other not in candidates:
            if _area(other) > _area(main):
                notes.append(f"a larger picture of {_size(other.page)} is named {other.name[:60]!r} and was left out")
        elif (other.ome is None or other.ome is main.ome) and _may_be_a_level(other.page, main.page):
            smaller.append(other.page)
        elif _may_be_a_scan(other, main):
            raise _several(path, f"several pictures ({_size(main.page)} and {_size(other.page)})")
        else:
            notes.append(f"a picture of {_size(other.page)} beside the slide was left out")
    if main.ome is None and images:
        notes.append("the OME-XML describes no picture of the slide's size, so it was not used")
    smaller.sort(key=lambda page: page.imagewidth, reverse=True)
    return SlidePages(main.page, tuple(smaller), main.ome, tuple(notes))


def _main_chain(tiff: TiffFile, path: Path) -> Iterator[TiffPage]:
    """Every page of the main chain; counts and follows the sub-pages too, so that a loop is found."""
    seen: set[int] = set()
    last = None
    for page in tiff.pages:
        last = _checked(page, seen, path)
        yield last
        for part in _parts(page):
            _checked(part, seen, path)
    if last is None:
        raise SlideError(f"{path} has no pages: a pyramid of 0 levels", expected="a picture", fix="export it again")
    if _next_page(tiff, last):  # tifffile ends the chain where it cannot read on
        raise SlideError(f"{path} is damaged: its pages break off", expected="a complete file", fix="copy it again")


def _next_page(tiff: TiffFile, page: TiffPage) -> int:
    """Where the page after this one begins, as the file says; 0 after the last."""
    sizes, handle = tiff.tiff, tiff.filehandle
    handle.seek(page.offset)
    (tags,) = struct.unpack(sizes.tagnoformat, handle.read(sizes.tagnosize))
    handle.seek(page.offset + sizes.tagnosize + tags * sizes.tagsize)
    return int.from_bytes(handle.read(sizes.offsetsize), "little" if sizes.byteorder == "<" else "big")


def _parts(page: TiffPage | TiffFrame) -> tuple[TiffPage, ...]:
    pages = page.pages if isinstance(page, TiffPage) and page.subifds else None
    return tuple(part for part in pages or () if isinstance(part, TiffPage))


def _checked(page: TiffPage | TiffFrame, seen: set[int], path: Path) -> TiffPage:
    if not isinstance(page, TiffPage):
        raise SlideError(f"{path} has a page that cannot be read", fix="copy the file again")
    if page.offset in seen:
        raise SlideError(f"{path} is damaged: its pages form a loop", fix="copy the file again")
    seen.add(page.offset)
    # Python multiplies a list of widths by a height without a word, into gigabytes.
    if any(not isinstance(getattr(page, name), int) for name in _SINGLE):
        raise SlideError(f"{path} is damaged: a page has several widths, heights or depths", fix="copy the file again")
    if not (page.imagewidth and page.imagelength):
        raise SlideError(f"{path} is damaged: it has a page of {_size(page)}", fix="copy the file again")
    if len(seen) > _MAX_PAGES:
        raise SlideError(f"{path} has more than {_MAX_PAGES} pages", expected="the levels of one slide", fix=_EXPORT)
    return page


def _hidden_planes(page: TiffPage) -> int:
    """Planes that one page stands for: ImageJ and tifffile write a stack of many planes behind a single directory."""
    images = re.search(r"^images=(\d{1,9})\s*$", page.description, re.MULTILINE) if page.is_imagej else None
    shape = _SHAPE.search(page.description[:1000]) if page.is_shaped else None
    samples = math.prod(int(side) for side in shape[1].split(",") if side.strip()) if shape else 0
    of_page = page.imagewidth * page.imagelength * page.samplesperpixel
    return max(page.imagedepth, int(images[1]) if images else 1, -(-samples // of_page))


def _ome_images(first: TiffPage, path: Path) -> tuple[tuple[OmeImage, ...], list[str]]:
    if not is_ome(first.description):
        return (), []
    try:
        images = read_ome(first.description)
    except ValueError as error:
        return (), [f"its OME-XML was not used: {error}"]
    if any(image.is_elsewhere for image in images):
        raise SlideError(f"{path} is one file of several (OME-XML)", expected="a slide in one file", fix=_EXPORT)
    return images, []


def _picture(number: int, page: TiffPage, images: tuple[OmeImage, ...]) -> _Picture:
    """A page with what the OME-XML says of it: by the number of the page, and only when the size agrees."""
    fitting = [
        image
        for image in images
        if not image.width_px or (image.width_px, image.height_px) == (page.imagewidth, page.imagelength)
    ]
    by_number = [image for image in fitting if image.first_page == number]
    in_order = [image for image in fitting if image.first_page is None and images.index(image) == number]
    ome = next(iter(by_number + in_order), fitting[0] if len(fitting) == 1 else None)
    lines = page.description.replace("\r", "").split("\n")
    own = "" if is_ome(page.description) else " ".join(lines[1:2]) if is_aperio(page) else lines[0]
    kind = _IMAGE_TYPE.search(page.description[:10_000])
    name = kind[1] if kind else ome.name if ome is not None else own
    return _Picture(page, _parts(page), name[:200], ome)


def _is_beside(picture: _Picture) -> bool:
    """A label, macro or thumbnail, by its name; Aperio's thumbnails are the pages without tiles."""
    reduced = "->" in picture.name and not picture.page.is_tiled
    return _BESIDE.match(picture.name) is not None or (is_aperio(picture.page) and reduced)


def _may_be_a_level(page: TiffPage, finest: TiffPage) -> bool:
    """Smaller, and of the same proportions but for the rounding of the smaller sides up or down."""
    across = page.imagewidth * finest.imagelength - page.imagelength * finest.imagewidth
    same = abs(across) <= 1.5 * max(finest.imagewidth, finest.imagelength)
    return 0 < page.imagewidth < finest.imagewidth and same


def _may_be_a_scan(other: _Picture, main: _Picture) -> bool:
    """Whether cells of the same glass may be in it."""
    sizes = [None if picture.ome is None else picture.ome.x_um for picture in (other, main)]
    if sizes[0] and sizes[1]:
        return sizes[0] <= _SAME_SCALE * sizes[1]
    return _area(other) * _COMPARABLE >= _area(main)


def _area(picture: _Picture) -> int:
    return int(picture.page.imagewidth * picture.page.imagelength)


def _several(path: Path, what: str) -> SlideError:
    return SlideError(f"{path} holds {what}", expected="one picture of the whole slide in colour", fix=_EXPORT)


def _size(page: TiffPage) -> str:
    return f"{page.imagewidth} x {page.imagelength} px"
