"""Pictures from disk: checked before they are decoded, then cropped and fitted the same way in training and in use."""

import logging
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, one_line
from unmissed.datasets.pictures.decoding import Picture, decode_picture, picture_size

log = logging.getLogger(__name__)

Fit = Literal["squash", "pad", "crop"]
_MOST_BYTES = 2**30  # three times what the largest picture takes without compression
SAME_SCALE = 0.02  # pixel sizes that differ by less are taken as one: a nucleus changes by less than a pixel


def read_picture(path: Path, *, min_side_px: int | None = None, max_px: int = 100_000_000) -> Picture:
    """Read a picture as RGB, with notes on what of its file was left out.

    The format is detected from the content, not the file name. EXIF orientation is ignored in every format, so that
    label coordinates hold. Of files with several pictures (GIF, MPO, TIFF with smaller pages) the first is read; a TIFF
    in which another page is as large is refused. Transparency is composited on white, the background of bright-field
    microscopy. Colour profiles are ignored.

    Args:
        path: file to read; it is read once.
        min_side_px: a JPEG may be decoded at 1/2, 1/4 or 1/8 scale (faster) as long as its short side keeps this many
            pixels. Other formats are always decoded whole. Do not use it where label coordinates matter.
        max_px: largest number of pixels (width x height) that is decoded.

    Raises:
        ImageError: The file is missing, empty, no picture, damaged or cut off, has more than ``max_px`` pixels, more
            than 8 bits per channel, more channels than RGB with transparency, several pictures of one size, or is CMYK.
            All but damage inside the pixel data is found before pixels are allocated.
    """
    return decode_picture(read_bytes(Path(path)), str(path), min_side_px=min_side_px, max_px=max_px)


def read_image(path: Path, *, min_side_px: int | None = None, max_px: int = 100_000_000) -> np.ndarray:
    """The pixels of ``read_picture``, uint8 (height, width, 3); other pictures and damage go to the log."""
    picture = read_picture(path, min_side_px=min_side_px, max_px=max_px)
    for note in picture.notes:
        if note.kind in ("several", "damaged"):
            log.warning("%s %s", path, note)
    return picture.pixels


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture, from its header.

    Raises:
        ImageError: As of ``read_picture``, as far as the header gives it away.
    """
    return picture_size(read_bytes(Path(path)), str(path))


def crop_around(image: np.ndarray, centre_px: tuple[float, float], size_px: int) -> np.ndarray:
    """Cut a square around a point; what is outside the picture is mirrored (reflect-101).

    Args:
        image: (height, width, ...) array.
        centre_px: (x, y), x to the right, pixel coordinates; may lie outside the picture.
        size_px: side of the square.

    Returns:
        (size_px, size_px, ...) array, a copy.
    """
    height, width = image.shape[:2]
    left, top = _corner(centre_px, size_px)
    if left >= 0 and top >= 0 and left + size_px <= width and top + size_px <= height:
        return np.ascontiguousarray(image[top : top + size_px, left : left + size_px]).copy()
    rows = _reflected(np.arange(top, top + size_px), height)
    columns = _reflected(np.arange(left, left + size_px), width)
    return image[rows[:, None], columns[None, :]]


def crop_at_scale(
    image: np.ndarray, centre_px: tuple[float, float], size_px: int, um_per_px: float | None, wanted: float | None
) -> np.ndarray:
    """Cut a square around a point and bring it to a pixel size; training and inference both call this.

    Args:
        image: uint8 (height, width, 3).
        centre_px: (x, y) in the pixels of the picture.
        size_px: side of the result.
        um_per_px, wanted: size of a pixel in the picture and in the result; the scale stays when either is unknown, or
            when they differ by 2 % or less.

    Returns:
        uint8 (size_px, size_px, 3), a new array. Beyond the edges of the picture it has the colour of the edges:
        mirrored, a picture of one cell would look like a crowd.
    """
    ratio = 1.0 if um_per_px is None or wanted is None else wanted / um_per_px
    side = size_px if abs(ratio - 1) <= SAME_SCALE else max(1, round(size_px * ratio))
    left, top = _corner(centre_px, side)
    return _resize(paved(image, -left, -top, side, side), size_px, size_px)


def paved(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Lay a picture on a ground of the median colour of the edges of what is seen of it.

    Args:
        image: uint8 (h, w, 3).
        left, top: where its corner comes to lie on the ground; may be negative.
        width, height: of the ground.

    Returns:
        uint8 (height, width, 3), a new array.
    """
    rows = slice(max(0, -top), max(0, min(image.shape[0], height - top)))
    columns = slice(max(0, -left), max(0, min(image.shape[1], width - left)))
    seen = image[rows, columns]
    if seen.shape[:2] == (height, width):
        return np.ascontiguousarray(seen).copy()
    part = seen if seen.size else image
    edges = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    ground = np.empty((height, width, 3), np.uint8)
    ground[:] = np.median(edges, axis=0)
    if seen.size:
        ground[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop] = seen
    return ground


def fit_image(image: np.ndarray, size_px: int, fit: Fit) -> np.ndarray:
    """Bring a picture to a square; training and inference both call this, so it defines their parity.

    Args:
        image: uint8 (height, width, 3).
        size_px: side of the result.
        fit: ``squash`` resizes the whole picture to the square; ``pad`` keeps the aspect ratio and repeats the edge
            pixels; ``crop`` cuts the centre at unchanged scale (mirrored where the picture is smaller).

    Returns:
        uint8 (size_px, size_px, 3), a new array. Shrinking averages areas, growing is bilinear.

    Raises:
        ValueError: For an unknown ``fit``.
    """
    height, width = image.shape[:2]
    if fit == "crop":
        return crop_around(image, (width / 2, height / 2), size_px)
    if fit == "squash":
        return _resize(image, size_px, size_px)
    if fit == "pad":
        scale = size_px / max(height, width)
        new_width, new_height = (max(1, min(size_px, round(side * scale))) for side in (width, height))
        resized = _resize(image, new_width, new_height)
        top, left = (size_px - new_height) // 2, (size_px - new_width) // 2
        bottom, right = size_px - new_height - top, size_px - new_width - left
        return cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_REPLICATE)
    raise ValueError(f"unknown fit {fit!r}; expected squash, pad or crop")


def scale_image(image: np.ndarray, factor: float) -> np.ndarray:
    """Resize uint8 (height, width, 3) by a factor, sides rounded; shrinking averages areas, growing is bilinear."""
    height, width = image.shape[:2]
    return _resize(image, max(1, round(width * factor)), max(1, round(height * factor)))


def shrink_to(image: np.ndarray, longest_px: int) -> np.ndarray:
    """A copy of uint8 (height, width, 3) with a limited longer side; a smaller picture keeps its size."""
    return scale_image(image, min(1.0, longest_px / max(image.shape[:2])))


def read_bytes(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        ImageError: It is missing, no file, larger than 1 GB, or cannot be read.
    """
    try:
        return read_regular(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist", expected="a picture file", fix="check the path") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is not a file", expected="a picture file", fix="name one file") from error
    except (OSError, ValueError) as error:
        cause = cause_of(error) if isinstance(error, OSError) else one_line(error)
        raise ImageError(f"cannot read {path}: {cause}", expected="a picture file", fix="check the file") from error


def _corner(centre_px: tuple[float, float], side: int) -> tuple[int, int]:
    """Left and top of a square around a point."""
    left, top = (int(np.floor(c - side / 2 + 0.5)) for c in centre_px)
    return left, top


def _resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Average areas along the sides that shrink, then interpolate along those that grow."""
    old_height, old_width = image.shape[:2]
    result = image
    smaller = (min(width, old_width), min(height, old_height))
    if smaller != (old_width, old_height):
        result = cv2.resize(result, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        result = cv2.resize(result, (width, height), interpolation=cv2.INTER_LINEAR)
    return image.copy() if result is image else result


def _reflected(index: np.ndarray, length: int) -> np.ndarray:
    """Indices mirrored at both ends without repeating the edge, however far out they are."""
    if length == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (length - 1))
    return np.where(folded < length, folded, 2 * (length - 1) - folded)
