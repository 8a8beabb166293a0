"""What is where in a TIFF: levels, and where the bytes of their tiles are."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile
from tifffile import TiffFile, TiffPage

from unmissed.datasets.slides.base import Level, SlideError, StatedPixelSize, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.tiff.jpeg_tiles import SCALES, Colour, JpegTiles
from unmissed.datasets.slides.formats.tiff.metadata import scale_of, scanner_of
from unmissed.datasets.slides.formats.tiff.pages import find_slide_pages
from unmissed.datasets.slides.formats.tiff.picture_tiles import DECODERS, PictureTiles
from unmissed.datasets.slides.formats.tiff.plain_tiles import UNPACKERS, PlainTiles
from unmissed.datasets.slides.limits import check_level

_PLAIN, _JPEG = 1, 7
_APERIO_JPEG_2000_YCBCR = 33003
_GREY, _RGB, _YCBCR = 1, 2, 6  # photometric interpretations
_COLOURS: dict[int, Colour] = {_GREY: "grey", _RGB: "rgb", _YCBCR: "ycbcr"}
_NO_PREDICTOR, _DIFFERENCES = 1, 2
_UNSIGNED = 1
_STRIP_PX = 2**20  # an uncompressed strip is cut into pieces of about so many pixels
_CONVERT = "convert it to a tiled TIFF: vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg --Q 90"

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
    """A level, and where its tiles are. Strips are tiles as wide as the level.

    Attributes:
        level: its geometry.
        offsets, counts: int64 (planes, tiles), row by row: first byte and number of bytes of each tile; no bytes: left
            out. There are three planes where red, green and blue are stored apart, else one.
        decoder: for its tiles.
        last: for the tiles of the last row, where they are lower than the others (strips).
    """

    level: Level
    offsets: np.ndarray
    counts: np.ndarray
    decoder: TileDecoder
    last: TileDecoder

    def decoder_of(self, index: int) -> TileDecoder:
        """The decoder for a tile, counted row by row."""
        if self.last is self.decoder:  # every tile is whole
            return self.decoder
        return self.last if index >= (self.level.rows - 1) * self.level.columns else self.decoder


class _CutOffError(SlideError):
    """The file ends before its tiles; that is no matter of one level, because more may be lost than what shows."""


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """All that is needed to read the tiles of a slide.

    Attributes:
        levels: from the finest to the coarsest; that the coarser ones show the same is not known yet.
        stated: what the file says about its pixel size.
        objective_power: of the scanner, None when unknown.
        scanner: as the file names it; empty when it does not.
        notes: what was left out.
    """

    levels: tuple[StoredLevel, ...]
    stated: StatedPixelSize | None
    objective_power: float | None
    scanner: str
    notes: tuple[str, ...]


def read_layout(path: Path) -> TiffLayout:
    """Find the levels of a slide.

    Raises:
        UnsupportedSlideError: When the TIFF is of a scanner whose pages another reader understands.
        SlideError: When the file contradicts itself (tiles outside the file, pages in a loop, sizes that cannot be), or
            holds what would be shown as less than it is: planes, channels, several scans, more than 8 bits.
    """
    try:
        with np.errstate(all="ignore"), TiffFile(path, _multifile=False) as tiff:
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
    pages = find_slide_pages(tiff, path)
    finest, size = pages.finest, tiff.filehandle.size
    levels, notes = [_stored_level(finest, finest, path, size)], list(pages.notes)
    for page in pages.smaller:
        if any(page.imagewidth == other.level.width_px for other in levels):
            notes.append(f"a second picture of {page.imagewidth} x {page.imagelength} px was left out")
            continue
        try:
            levels.append(_stored_level(page, finest, path, size))
        except _CutOffError:
            raise
        except SlideError as error:
            notes.append(f"a smaller level was not used: {error.found.replace(str(path), 'the file')}")
    scale = scale_of(finest, pages.ome)
    if finest.photometric == _GREY:
        notes.append("the file is grey: it holds one channel, and no colours")
    if finest.samplesperpixel == 4:
        notes.append("the file has an opacity channel; what is transparent was made white")
    return TiffLayout(tuple(levels), scale.stated, scale.objective_power, scanner_of(finest), (*notes, *scale.notes))


def _stored_level(page: TiffPage, finest: TiffPage, path: Path, file_size: int) -> StoredLevel:
    width, height = (page.tilewidth, page.tilelength) if page.is_tiled else (page.imagewidth, page.rowsperstrip)
    planes = page.samplesperpixel if page.planarconfig != 1 else 1
    decoder = _decoder(page, path, width, height)
    can_shrink = isinstance(decoder, JpegTiles) and page.is_tiled
    scales = tuple(scale for scale in SCALES if scale == 1 or (can_shrink and not (width % scale or height % scale)))
    level = Level(page.imagewidth, page.imagelength, _downsample(page, finest), width, min(height, 2**31), scales)
    offsets, counts = (np.array(values, np.uint64) for values in (page.dataoffsets, page.databytecounts))
    if not page.is_tiled:
        level = replace(level, tile_height_px=min(height, level.height_px))
        if page.compression == _PLAIN and len(offsets) == planes:
            level, offsets, counts = _cut_strips(level, offsets, counts, page.samplesperpixel // planes)
            decoder = _decoder(page, path, width, level.tile_height_px)
    try:
        check_level(level, str(path))
    except UnsupportedSlideError as error:
        raise SlideError(error.found, expected=error.expected, fix=_CONVERT) from error
    tiles = level.columns * level.rows
    if len(offsets) != tiles * planes or len(counts) != tiles * planes:
        raise SlideError(
            f"{path} lists {len(offsets)} tile offsets and {len(counts)} sizes for a level of "
            f"{level.width_px} x {level.height_px} px",
            expected=f"{tiles * planes}",
            fix="copy the file again",
        )
    # Compared without adding them, which could overflow.
    outside = (counts > 0) & ((counts > file_size) | (offsets > file_size - np.minimum(counts, file_size)))
    if outside.any():
        raise _CutOffError(
            f"{path} is damaged or cut off: {int(outside.sum())} of {tiles * planes} tiles of the level of "
            f"{level.width_px} x {level.height_px} px are beyond its end ({file_size} bytes)",
            expected="a complete file",
            fix="copy the file again",
        )
    rows_of_last = level.height_px - (level.rows - 1) * level.tile_height_px
    last = decoder if page.is_tiled else _decoder(page, path, width, rows_of_last)
    starts, sizes = (values.astype(np.int64).reshape(planes, tiles) for values in (offsets, counts))
    return StoredLevel(level, starts, sizes, decoder, last)


def _cut_strips(
    level: Level, offsets: np.ndarray, counts: np.ndarray, channels: int
) -> tuple[Level, np.ndarray, np.ndarray]:
    """One uncompressed strip for all rows, as many programs write it, is cut into strips of a bearable size."""
    rows = max(1, min(level.height_px, _STRIP_PX // max(1, level.width_px)))
    level = replace(level, tile_height_px=rows)
    if level.rows > 2**20:  # refused by the check of the level or of the counts
        return level, offsets, counts
    line = level.width_px * channels
    if (counts != line * level.height_px).any():
        return level, offsets, counts
    starts = np.arange(level.rows, dtype=np.uint64) * np.uint64(rows)
    ends = np.minimum(starts + np.uint64(rows), np.uint64(level.height_px))
    cut = (offsets[:, None] + starts[None, :] * np.uint64(line)).reshape(-1)
    return level, cut, np.tile((ends - starts) * np.uint64(line), len(offsets))


def _downsample(page: TiffPage, finest: TiffPage) -> float:
    """A whole number where the sides allow it: they were rounded, the scale was not."""
    x, y = finest.imagewidth / page.imagewidth, finest.imagelength / page.imagelength
    whole = round((x + y) / 2)
    sides = ((page.imagewidth, finest.imagewidth), (page.imagelength, finest.imagelength))
    if whole and all(abs(small - large / whole) < 1 for small, large in sides):
        return float(whole)
    return (x + y) / 2


def _decoder(page: TiffPage, path: Path, width: int, height: int) -> TileDecoder:
    _check_samples(page, path)
    compression, photometric = int(page.compression), int(page.photometric)
    apart = page.planarconfig != 1
    channels = 1 if apart else page.samplesperpixel
    if compression == _APERIO_JPEG_2000_YCBCR:
        raise UnsupportedSlideError(f"{path} has JPEG 2000 tiles in YCbCr")
    if compression == _JPEG and photometric in _COLOURS and channels != 4 and not (apart and photometric == _YCBCR):
        colour: Colour = "grey" if apart else _COLOURS[photometric]
        return JpegTiles(width, height, colour, page.jpegtables or b"")
    if photometric in (_GREY, _RGB) and page.predictor in (_NO_PREDICTOR, _DIFFERENCES):
        if compression in UNPACKERS:
            differences = page.predictor == _DIFFERENCES
            return PlainTiles(width, height, channels, compression=compression, differences=differences)
        if compression in DECODERS and channels == 3:
            return PictureTiles(width, height, compression)
    raise SlideError(
        f"{path} has tiles of compression {compression}, photometric {photometric}, predictor {int(page.predictor)}",
        expected="RGB or grey as JPEG, JPEG 2000, WebP, deflate, LZW, Zstandard, PackBits, or uncompressed",
        fix=_CONVERT,
    )


def _check_samples(page: TiffPage, path: Path) -> None:
    """Refuse what would be shown with less than it holds."""
    usual = {_GREY: (1,), _RGB: (3, 4), _YCBCR: (3,)}.get(int(page.photometric), ())
    kinds = page.sampleformat if isinstance(page.sampleformat, tuple) else (page.sampleformat,)
    is_usual = page.bitspersample == 8 and set(kinds) == {_UNSIGNED} and page.fillorder == 1
    if not is_usual or page.samplesperpixel not in usual or page.imagedepth != 1:
        raise SlideError(
            f"{path} has {page.samplesperpixel} channels of {page.bitspersample} bits "
            f"(photometric {int(page.photometric)}, sample format {', '.join(str(int(kind)) for kind in kinds)})",
            expected="RGB or grey, 8 bits per channel",
            fix="convert it to 8-bit RGB with the contrast that the scanner's own viewer shows",
        )
