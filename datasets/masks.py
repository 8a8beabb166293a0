"""Masks as arrays, whatever wrote them: 0 and 255, 0 and 1, colours; and what is strange about one."""

from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.pictures.notes import PictureNote

EMPTY, INVERTED = "empty mask", "inverted mask"

# In Kvasir-SEG, CVC-ClinicDB and PolypGen an object covers at most a third of the picture's edge.
_EDGE_SHARE = 0.5
_SOFT = (0.25, 0.75)  # of the largest value: between them a pixel is neither object nor background
_SOFT_SHARE = 0.3  # of the object's pixels; the blurred outline of a small object has as many
_LARGEST_STRETCH = 0.02  # between the scales of the sides of a mask of another size


def read_mask(path: Path, width_px: int, height_px: int) -> tuple[np.ndarray, tuple[PictureNote, ...]]:
    """Read the mask of a picture: what is bright in any channel is object.

    Values are compared with half of the largest one, so that 0 and 1 are read as 0 and 255. A mask of another size and
    the same shape is resized.

    Args:
        path: of the mask.
        width_px, height_px: of the picture.

    Returns:
        bool (height_px, width_px), and notes on what was strange.

    Raises:
        ImageError: It cannot be read, is of another shape, or holds numbers of classes.
    """
    picture = read_picture(path)
    values, notes = picture.pixels.max(axis=2), list(picture.notes)
    height, width = values.shape
    top, shades = int(values.max()), np.unique(values)
    if top < 128 and len(shades) > 2:
        raise ImageError(
            f"the mask {path} holds {len(shades)} values up to {top}, such as numbers of classes",
            expected="0 for the background and 255 for the object",
            fix="write the mask again with these values",
        )
    if (width, height) != (width_px, height_px):
        size = f"{width} x {height} px, its picture {width_px} x {height_px} px"
        if abs(width * height_px / (height * width_px) - 1) > _LARGEST_STRETCH:
            raise ImageError(f"the mask {path} has {size}", expected="the size of the picture", fix="correct the mask")
        notes.append(PictureNote("mask of another size", f"the mask has {size}; it was resized", f"掩码已缩放：{size}"))
        values = cv2.resize(values, (width_px, height_px), interpolation=cv2.INTER_AREA)
    if top == 0:
        return values > 0, (*notes, PictureNote(EMPTY, "the mask is empty", "掩码为空"))
    mask = values > top / 2
    between = int(((values > _SOFT[0] * top) & (values < _SOFT[1] * top)).sum())
    if top < 128:
        words = f"the largest value of the mask is {top}, not 255; it was read as object"
        notes.append(PictureNote("dark mask", words, f"掩码最大值为 {top}（非 255），按目标读取"))
    elif between > _SOFT_SHARE * mask.sum():
        notes.append(PictureNote("soft mask", "the mask is soft; it was cut at half", "掩码边界模糊，按半值二值化"))
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if edge.mean() > _EDGE_SHARE:
        notes.append(PictureNote(INVERTED, "the mask looks inverted: most of its edge is object", "掩码疑似反相"))
    return mask, tuple(notes)


def read_kinds(path: Path, mask: np.ndarray) -> np.ndarray:
    """Kind of object at each pixel of a mask that is red for the first kind and green for the second.

    Args:
        path: of the mask.
        mask: bool (h, w), as ``read_mask`` gives it.

    Returns:
        uint8 (h, w): 0 without an object, 1 for the first kind, 2 for the second.

    Raises:
        ImageError: It cannot be read.
    """
    colours = cv2.resize(read_picture(path).pixels, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    kinds: np.ndarray = np.where(mask, 1 + (colours[..., 1] > colours[..., 0]), 0).astype(np.uint8)
    return kinds
