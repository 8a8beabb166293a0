"""Bytes to pixels: the header is checked before memory is taken, and damage is an error, never a grey area."""

import logging
import re
import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError
from PIL import features as _pillow_features
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.jpeg_header import read_jpeg_header
from unmissed.datasets.pictures.kinds import READABLE, not_a_picture
from unmissed.datasets.pictures.notes import PictureNote, damaged, first_of_several, flattened
from unmissed.datasets.pictures.png_chunks import check_png, png_size
from unmissed.datasets.pictures.tiff_jpeg import check_tiff_jpeg
from unmissed.datasets.pictures.tiff_pages import check_samples, silence_libtiff, tiff_notes

# Decoders of rare formats (EPS runs Ghostscript!) stay closed to files of unknown origin.
_FORMATS = ["BMP", "GIF", "PNG", "PPM", "TIFF"] + ["WEBP"] * bool(_pillow_features.check("webp"))
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr"})
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_TURN_BACK = {  # EXIF orientation -> inverse of what Pillow did
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_JPEG, _SCAN, _END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_MOST_SCANS = 100  # libjpeg writes 10, optimisers up to 30; each may take as long as a picture
# Of a value that libjpeg puts right, and of bytes behind the last pixel; all else that it warns of is damage.
_HARMLESS = re.compile(r"Invalid SOS parameters|(?P<bytes>\d+) extraneous bytes before marker 0xd9")

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it reports of damaged files is in our errors


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that was read.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, contiguous; smaller than the file's where that was allowed.
        width_px, height_px: of the file.
        notes: what of the file was left out or converted.
    """

    pixels: np.ndarray
    width_px: int
    height_px: int
    notes: tuple[PictureNote, ...]


def decode_picture(data: bytes, name: str, *, min_side_px: int | None = None, max_px: int = 100_000_000) -> Picture:
    """Decode the bytes of a picture file; as :func:`read_picture`, ``name`` is used in the error messages."""
    _check_bytes(data, name)
    try:
        if data.startswith(_JPEG):
            return _decode_jpeg(data, name, min_side_px, max_px)
        return _decode_other(data, name, max_px)
    except MemoryError as error:
        raise ImageError(
            f"{name} needs more memory than there is, or more than its decoder takes for a row",
            expected="a picture that fits",
            fix="use fewer workers, or cut out the part that is meant",
        ) from error


def picture_size(data: bytes, name: str) -> tuple[int, int]:
    """Width and height from the header alone; of a file that is cut off, too."""
    _check_bytes(data, name)
    if data.startswith(_JPEG):
        header = read_jpeg_header(data, name)
        return header.width_px, header.height_px
    size = png_size(data)
    if size is not None:
        return size
    try:
        with _opened(data) as image:
            return image.size
    except UnidentifiedImageError as error:
        raise not_a_picture(data, name) from error
    except Exception as error:  # damaged files reach every corner of Pillow
        raise _damaged(name, str(error) or type(error).__name__) from error


def _decode_jpeg(data: bytes, name: str, min_side_px: int | None, max_px: int) -> Picture:
    header = read_jpeg_header(data, name)
    _check_size(header.width_px, header.height_px, name, max_px)
    # libjpeg fills what is missing of a cut-off file with grey and only mutters; entropy-coded data holds no FFD9.
    end = data.find(_END, header.scan)
    if end < 0:
        raise ImageError(
            f"{name} is cut off: its end marker is missing",
            expected="a complete JPEG file",
            fix="copy or download the file again",
        )
    if (scans := data.count(_SCAN, header.scan, end)) > _MOST_SCANS:
        raise ImageError(
            f"{name} has {scans:,} scans: it would take as long as so many pictures",
            expected=f"at most {_MOST_SCANS} scans in a progressive JPEG",
            fix="open it in an image viewer and save it again",
        )
    notes = (first_of_several(header.pictures, "pictures"),) if header.pictures > 1 else ()
    scale = 1
    if min_side_px is not None:
        short_px = min(header.height_px, header.width_px)
        scale = next((k for k in (8, 4, 2) if short_px // k >= min_side_px), 1)
    least = (-(-header.height_px // scale), -(-header.width_px // scale))
    if data[6:11] == b"JFIF\0" and data[11] != 1:  # libjpeg warns of other versions; nothing depends on them
        data = data[:11] + b"\1" + data[12:]
    pixels, more = _jpeg_pixels(data, name, end, least)
    return Picture(pixels, header.width_px, header.height_px, (*notes, *more))


def _jpeg_pixels(
    data: bytes, name: str, end: int, least: tuple[int, int], *, strict: bool = True
) -> tuple[np.ndarray, tuple[PictureNote, ...]]:
    """The smallest decoding that has at least so many rows and columns; warnings of libjpeg are errors, or a note."""
    try:
        return simplejpeg.decode_jpeg(data, "RGB", min_height=least[0], min_width=least[1], strict=strict), ()
    except ValueError as error:
        found = _HARMLESS.search(str(error))
        # Cameras fill up with one value; other bytes are of pixels that were not decoded, or not at their places.
        if not strict or not found or len(set(data[end - int(found["bytes"] or 0) : end])) > 1:
            raise _damaged(name, str(error)) from error
        pixels, _ = _jpeg_pixels(data, name, end, least, strict=False)
        return pixels, (damaged(str(error)),)


def _decode_other(data: bytes, name: str, max_px: int) -> Picture:
    silence_libtiff()
    size = png_size(data)
    if size is not None:
        _check_size(size[0], size[1], name, max_px)
        check_png(data, name)
    try:
        with _opened(data) as image:
            width, height = image.size
            _check_size(width, height, name, max_px)
            _check_depth(image, data, name)
            orientation = 1
            notes: list[PictureNote] = []
            if isinstance(image, TiffImageFile):
                orientation = image.tag_v2.get(274, 1)
                notes += tiff_notes(image, data, name)
                check_tiff_jpeg(image, data, name)
            elif (frames := getattr(image, "n_frames", 1)) > 1:
                notes.append(first_of_several(frames, "frames"))
            image.load()
            stored = _as_stored(image, orientation)
            opaque = _on_white(stored)
            if opaque is not stored:
                notes.append(flattened())
            pixels = np.array(opaque if opaque.mode == "RGB" else opaque.convert("RGB"))
            return Picture(pixels, width, height, tuple(notes))
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise not_a_picture(data, name) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error), max_px) from error
    except Exception as error:  # damaged files reach every corner of Pillow: SyntaxError, struct.error, KeyError, ...
        raise _damaged(name, str(error) or type(error).__name__) from error


def _opened(data: bytes) -> Image.Image:
    """Open a picture with Pillow, whose words on the screen would name its own lines; what matters becomes an error."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # each time, as others set filters; once is not more than often
    warnings.filterwarnings("error", "Truncated File Read", module=r"PIL\.")
    return Image.open(BytesIO(data), formats=_FORMATS)


def _check_depth(image: Image.Image, data: bytes, name: str) -> None:
    """Refuse what Pillow would silently reduce to 8 bits, or to three channels."""
    depth = 8
    if image.format == "PNG":
        depth = data[24]
    elif isinstance(image, PpmImageFile) and isinstance(image.tile[0].args, tuple):
        depth = int(image.tile[0].args[1]).bit_length()  # of the largest value
    elif isinstance(image, TiffImageFile):
        depth = max(image.tag_v2.get(258, (8,)))
    if depth > 8:
        raise _unsupported(name, f"{depth} bits per channel")
    if image.mode not in _EIGHT_BIT_MODES:
        raise _unsupported(name, f"pixels of the kind {image.mode}")
    if isinstance(image, TiffImageFile):
        check_samples(image, name)


def _as_stored(image: Image.Image, orientation: int) -> Image.Image:
    """Pillow turns TIFF pictures by their orientation tag while loading; turn them back."""
    back = _TURN_BACK.get(orientation)
    return image if back is None else image.transpose(back)


def _on_white(image: Image.Image) -> Image.Image:
    """The picture laid on white where something of it is transparent; else as it is."""
    if image.mode not in _ALPHA_MODES and "transparency" not in image.info:
        return image
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return image
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)


def _check_bytes(data: bytes, name: str) -> None:
    if not data:
        raise ImageError(f"{name} is empty (0 bytes)", expected="a picture", fix="copy or download the file again")


def _check_size(width: int, height: int, name: str, max_px: int) -> None:
    if width * height > max_px:
        raise _too_large(name, f"{width} x {height} px", max_px)
    if width * height == 0:
        raise _damaged(name, "its header gives a size of 0 px")


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(f"{name} is damaged: {cause}", expected="an intact picture", fix="copy or download it again")


def _unsupported(name: str, what: str) -> ImageError:
    return ImageError(f"{name} has {what}", expected=READABLE, fix="convert the file to 8-bit RGB")


def _too_large(name: str, size: str, max_px: int) -> ImageError:
    return ImageError(
        f"{name} is too large to decode as one picture: {size}",
        expected=f"at most {max_px:,} px",
        fix="cut out the part that is meant, or save it as a tiled TIFF pyramid and screen it with `unmissed triage`",
    )
