"""Bytes to pixels: the header is checked before memory is taken, and damage is an error, never a grey area."""

import logging
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL import features as _pillow_features
from PIL.TiffImagePlugin import TiffImageFile

from unmissed.datasets.basis.errors import ImageError

log = logging.getLogger(__name__)

# Decoders of rare formats (EPS runs Ghostscript!) stay closed to files of unknown origin.
_FORMATS = ["BMP", "GIF", "PNG", "PPM", "TIFF"] + ["WEBP"] * bool(_pillow_features.check("webp"))
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr"})
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
_READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF or PPM with 8 bits per channel, grey or RGB"
_TURN_BACK = {  # EXIF orientation -> inverse of what Pillow did
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_NO_SIZE_MARKERS = frozenset({0xC4, 0xC8, 0xCC})  # DHT, JPG, DAC are among the SOFn markers


def decode_image(data: bytes, name: str, *, min_side_px: int | None = None, max_px: int = 100_000_000) -> np.ndarray:
    """Decode the bytes of a picture file; as :func:`read_image`, ``name`` is used in the error messages."""
    if not data:
        raise ImageError(f"{name} is empty (0 bytes)", expected="a picture", fix="copy or download the file again")
    if data[:3] == b"\xff\xd8\xff":
        return _decode_jpeg(data, name, min_side_px, max_px)
    return _decode_other(data, name, max_px)


def _decode_jpeg(data: bytes, name: str, min_side_px: int | None, max_px: int) -> np.ndarray:
    width, height, scan = _jpeg_header(data, name)
    _check_size(width, height, name, max_px)
    # libjpeg fills what is missing of a cut-off file with grey and only mutters; entropy-coded data holds no FFD9.
    if data.find(b"\xff\xd9", scan) < 0:
        raise ImageError(
            f"{name} is cut off: its end marker is missing",
            expected="a complete JPEG file",
            fix="copy or download the file again",
        )
    flag = cv2.IMREAD_COLOR
    if min_side_px is not None:
        flag = next((f for k, f in _REDUCED if min(height, width) // k >= min_side_px), flag)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise _damaged(name, "the JPEG decoder gave up") from error
    if image is None:
        raise _damaged(name, "the JPEG decoder gave up")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def _jpeg_header(data: bytes, name: str) -> tuple[int, int, int]:
    """Width, height and offset of the first scan; a hand parse costs a tenth of Pillow's."""
    position, size = 2, (0, 0)
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise _damaged(name, "its header lacks a required marker")
        marker = data[position + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:  # fill byte, or a marker without a length
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            if size == (0, 0):
                raise _damaged(name, "its header gives no size")
            return *size, position
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE_MARKERS:
            frame = data[position + 4 : position + 10]
            if len(frame) < 6:
                break
            depth, channels = frame[0], frame[5]
            size = (int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
            if depth != 8:
                raise _unsupported(name, f"{depth} bits per channel")
            if channels not in (1, 3):
                raise _unsupported(name, "CMYK colours" if channels == 4 else f"{channels} channels")
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise ImageError(
        f"{name} is cut off inside its header",
        expected="a complete JPEG file",
        fix="copy or download the file again",
    )


def _decode_other(data: bytes, name: str, max_px: int) -> np.ndarray:
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            _check_size(*image.size, name, max_px)
            _check_depth(image, data, name)
            if getattr(image, "n_frames", 1) > 1:
                log.warning("%s holds several pictures; only the first is read", name)
            orientation = image.tag_v2.get(274, 1) if isinstance(image, TiffImageFile) else 1
            image.load()
            return _to_rgb(_as_stored(image, orientation))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not a picture that can be read", expected=_READABLE, fix="check or convert the file"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, str(error), max_px) from error
    except Exception as error:  # damaged files reach every corner of Pillow: SyntaxError, struct.error, KeyError, ...
        raise _damaged(name, str(error) or type(error).__name__) from error


def _check_depth(image: Image.Image, data: bytes, name: str) -> None:
    """Refuse what Pillow would silently reduce to 8 bits."""
    depth = 8
    if image.format == "PNG":
        depth = data[24]
    elif isinstance(image, TiffImageFile):
        depth = max(image.tag_v2.get(258, (8,)))
    if depth > 8:
        raise _unsupported(name, f"{depth} bits per channel")
    if image.mode not in _EIGHT_BIT_MODES:
        raise _unsupported(name, f"pixels of the kind {image.mode}")


def _as_stored(image: Image.Image, orientation: int) -> Image.Image:
    """Pillow turns TIFF pictures by their orientation tag while loading; turn them back."""
    back = _TURN_BACK.get(orientation)
    return image if back is None else image.transpose(back)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _check_size(width: int, height: int, name: str, max_px: int) -> None:
    if width * height > max_px:
        raise _too_large(name, f"{width} x {height} px", max_px)
    if width * height == 0:
        raise _damaged(name, "its header gives a size of 0 px")


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(f"{name} is damaged: {cause}", expected="an intact picture", fix="copy or download it again")


def _unsupported(name: str, what: str) -> ImageError:
    return ImageError(f"{name} has {what}", expected=_READABLE, fix="convert the file to 8-bit RGB")


def _too_large(name: str, size: str, max_px: int) -> ImageError:
    return ImageError(
        f"{name} is too large to decode as one picture: {size}",
        expected=f"at most {max_px:,} px",
        fix="open whole slides with the slide reader, or cut the picture",
    )
