"""What is where in a pyramidal TIFF: levels, and tile tables, found with tifffile."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile
from tifffile import TiffFile, TiffPage

from unmissed.datasets.slides.base import Level, SlideError, StatedPixelSize, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.jpeg_tiles import SCALES, Colour, JpegTiles
from unmissed.datasets.slides.formats.plain_tiles import PlainTiles
from unmissed.datasets.slides.formats.tiff_metadata import objective_power_of, pixel_size_of
from unmissed.datasets.slides.limits import check_level

_MAX_PAGES = 256
_PLAIN, _JPEG = 1, 7
_DEFLATE = (8, 32946)
_GREY, _RGB, _YCBCR = 1, 2, 6  # photometric interpretations
_COLOURS: dict[int, Colour] = {_GREY: "grey", _RGB: "rgb", _YCBCR: "ycbcr"}
_NO_PREDICTOR, _DIFFERENCES = 1, 2
# Their tiles overlap, are padded, or are in several areas: what a page says of its size is not what the slide shows.
_SPECIAL = ("ndpi", "scn", "bif", "philips")

# What it says of damaged files is in our errors; without a handler of its own it would go to the screen, too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TileDecoder(Protocol):
    """Turns the bytes of one tile into pixels."""

    def check(self, data: bytes) -> None:
        """Raise a SlideError when a look at the header shows that ``decode`` cannot succeed."""

    def decode(self, data: bytes, scale: int = 1) -> np.ndarray:
        """uint8 (height // scale, width // scale, 3) RGB of a whole tile."""


@dataclass(frozen=True, slots=True)
class StoredLevel:
    """A level, and where its tiles are.

    Attributes:
        level: its geometry.
        offsets, counts: int64 (tiles,), row by row: first byte and number of bytes of each tile; no bytes: left out.
        decoder: for its tiles.
    """

    level: Level
    offsets: np.ndarray
    counts: np.ndarray
    decoder: TileDecoder


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """All that is needed to read the tiles of a slide.

    Attributes:
        levels: from the finest to the coarsest.
        stated: what the file says about its pixel size.
        objective_power: of the scanner, None when unknown.
    """

    levels: tuple[StoredLevel, ...]
    stated: StatedPixelSize | None
    objective_power: float | None


def read_layout(path: Path) -> TiffLayout:
    """Find the levels of a slide.

    Raises:
        UnsupportedSlideError: When the file is no TIFF, or one of a kind that is left to other readers.
        SlideError: When the file contradicts itself: tiles outside the file, pages in a loop, sizes that cannot be.
    """
    try:
        with TiffFile(path) as tiff:
            return _layout(tiff, path)
    except SlideError:
        raise
    except tifffile.TiffFileError as error:
        raise UnsupportedSlideError(f"{path} is not a readable TIFF ({error})") from error
    except OSError as error:
        raise cannot_read(path, error) from error
    except Exception as error:  # damaged files reach every corner of a parser: struct.error, KeyError, ValueError, ...
        raise SlideError(
            f"{path} is damaged: {error or type(error).__name__}", expected="an intact TIFF", fix="copy it again"
        ) from error


def _layout(tiff: TiffFile, path: Path) -> TiffLayout:
    pages = list(_pages(tiff, path))
    first = pages[0]
    kind = next((name for name in _SPECIAL if getattr(first, f"is_{name}")), None)
    if kind is not None or "MedScan" in first.software:
        raise UnsupportedSlideError(f"{path} is a TIFF of a special kind ({kind or 'trestle'})")
    pyramid = _pyramid(pages, path)
    finest = pyramid[0]
    levels = tuple(_stored_level(page, finest, path, tiff.filehandle.size) for page in pyramid)
    return TiffLayout(levels, pixel_size_of(finest), objective_power_of(finest))


def _pages(tiff: TiffFile, path: Path) -> Iterator[TiffPage]:
    """Every page and sub-page once."""
    seen: set[int] = set()
    chains = [tiff.pages]
    while chains:
        chain = chains.pop(0)
        for page in chain:
            if not isinstance(page, TiffPage):
                raise SlideError(f"{path} has a page that cannot be read", fix="copy the file again")
            if page.offset in seen:
                raise SlideError(f"{path} is damaged: its pages form a loop", fix="copy the file again")
            seen.add(page.offset)
            if len(seen) > _MAX_PAGES:
                raise UnsupportedSlideError(f"{path} has more than {_MAX_PAGES} pages")
            yield page
            if page.subifds and page.pages is not None:
                chains.append(page.pages)
    if not seen:
        raise SlideError(f"{path} has no pages: a pyramid of 0 levels", expected="a picture", fix="export it again")


def _pyramid(pages: list[TiffPage], path: Path) -> list[TiffPage]:
    """The first page and every smaller tiled one that shows the same, from the finest to the coarsest.

    Full resolution comes first in every format that is read here. Were the largest page taken instead, a damaged first
    page would be passed over, and the slide would seem coarser than it is.
    """
    finest = pages[0]
    if not finest.is_tiled:
        raise UnsupportedSlideError(f"{path} has no tiles in its first page")
    levels = [finest] + [page for page in pages[1:] if page.is_tiled and _shows_the_same(page, finest)]
    levels.sort(key=lambda page: page.imagewidth, reverse=True)
    widths = [page.imagewidth for page in levels]
    if levels[0] is not finest or len(set(widths)) != len(widths):
        raise UnsupportedSlideError(f"{path} has several pictures of full size (focal planes, or colour channels)")
    return levels


def _shows_the_same(page: TiffPage, finest: TiffPage) -> bool:
    """Same proportions, but for the rounding of the smaller sides up or down."""
    across = page.imagewidth * finest.imagelength - page.imagelength * finest.imagewidth
    return page.imagewidth > 0 and abs(across) <= 1.5 * max(finest.imagewidth, finest.imagelength)


def _stored_level(page: TiffPage, finest: TiffPage, path: Path, file_size: int) -> StoredLevel:
    level = check_level(
        Level(
            page.imagewidth,
            page.imagelength,
            _downsample(page, finest),
            page.tilewidth,
            page.tilelength,
            _scales(page),
        ),
        str(path),
    )
    tiles = level.columns * level.rows
    offsets, counts = (np.array(values, np.uint64) for values in (page.dataoffsets, page.databytecounts))
    if len(offsets) != tiles or len(counts) != tiles:
        raise SlideError(
            f"{path} lists {len(offsets)} tile offsets and {len(counts)} sizes for a level of "
            f"{level.width_px} x {level.height_px} px",
            expected=f"{tiles}",
            fix="copy the file again",
        )
    # Compared without adding them, which could overflow.
    outside = (counts > 0) & ((counts > file_size) | (offsets > file_size - np.minimum(counts, file_size)))
    if outside.any():
        raise SlideError(
            f"{path} is damaged or cut off: {int(outside.sum())} of {tiles} tiles of the level of "
            f"{level.width_px} x {level.height_px} px are beyond its end ({file_size} bytes)",
            expected="a complete file",
            fix="copy the file again",
        )
    return StoredLevel(level, offsets.astype(np.int64), counts.astype(np.int64), _decoder(page, path))


def _downsample(page: TiffPage, finest: TiffPage) -> float:
    """A whole number where the sides allow it: they were rounded, the scale was not."""
    x, y = finest.imagewidth / page.imagewidth, finest.imagelength / page.imagelength
    whole = round((x + y) / 2)
    sides = ((page.imagewidth, finest.imagewidth), (page.imagelength, finest.imagelength))
    if all(abs(small - large / whole) < 1 for small, large in sides):
        return float(whole)
    return (x + y) / 2


def _scales(page: TiffPage) -> tuple[int, ...]:
    if page.compression != _JPEG:
        return (1,)
    return tuple(scale for scale in SCALES if page.tilewidth % scale == 0 and page.tilelength % scale == 0)


def _decoder(page: TiffPage, path: Path) -> TileDecoder:
    channels = {_GREY: 1}.get(page.photometric, 3)
    if page.bitspersample != 8 or page.samplesperpixel != channels or page.planarconfig != 1:
        raise UnsupportedSlideError(
            f"{path} has {page.samplesperpixel} samples of {page.bitspersample} bits", expected="RGB or grey, 8 bits"
        )
    if page.compression == _JPEG and page.photometric in _COLOURS:
        return JpegTiles(page.tilewidth, page.tilelength, _COLOURS[page.photometric], page.jpegtables or b"")
    deflated = page.compression in _DEFLATE
    plain = deflated or page.compression == _PLAIN
    if plain and page.photometric in (_GREY, _RGB) and page.predictor in (_NO_PREDICTOR, _DIFFERENCES):
        differences = page.predictor == _DIFFERENCES
        return PlainTiles(page.tilewidth, page.tilelength, channels, deflated=deflated, differences=differences)
    raise UnsupportedSlideError(
        f"{path} has tiles of compression {int(page.compression)}, photometric {int(page.photometric)}",
        expected="JPEG, deflate or no compression",
    )
