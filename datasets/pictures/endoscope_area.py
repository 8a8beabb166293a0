"""The endoscope's picture among margins, letters and boxes: in a stream from how its pixels varied, or in one still."""

from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.pictures.images import Fit, fit_image, shrink_to

Area = Literal["endoscope"]
LEARN_PX = 240  # longer side of the thumbnail that the area is learned on

_FLOOR = 24  # brightness (largest of R, G, B) that black does not reach, video noise and limited range included
_ABOVE_MARGIN = 16
_BRIGHT_MARGIN = 60  # corners brighter than this are no black margin
_OPEN_SHARE = 0.035  # of the longer side: letters in the margin are thinner
_LEAST_SHARE = 0.02  # of the frame; a smaller area is no picture
_STILL_RANGE = 6  # grey values that a still pixel may vary by
_MOVED_RANGE = 24  # median variation of the bright pixels from which still ones differ
_GUIDE_GREEN = 40  # by which the green of a position guide is above its red; tissue is never like that
_GUIDE_SHARES = (0.004, 0.2)  # of the frame
_STILL_SHARE = 0.15  # of a still, by the box of its area; a smaller one is a lit spot of a dark picture
_GUIDE_FILL = 0.8  # of its bounding box: a guide is a rectangle


def find_area(most: np.ndarray, varied: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Separate the picture of the endoscope from the rest of the frame.

    What was ever bright is opened (which takes letters away), still areas at the edge of the frame (a grey desktop, a
    picture of the position guide) are taken away once the picture has moved, and of what is left the largest
    connected part is the picture, its holes (the lumen) filled.

    Args:
        most: uint8 (h, w), largest value of any channel of any frame so far.
        varied: uint8 (h, w), by how much that value varied over the frames.
        colours: uint8 (h, w, 3) RGB, one of these frames.

    Returns:
        ndarray
            uint8 (h, w), 255 on the picture; all of it where no picture can be found.
    """
    whole = np.full(most.shape, 255, np.uint8)
    bright = most > _threshold(most)
    lit = np.where(_guide(colours) | _still_margin(varied, bright), 0, bright).astype(np.uint8)
    side = max(3, round(_OPEN_SHARE * max(most.shape)) | 1)
    opened = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    count, labels, parts, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return whole
    largest = 1 + int(parts[1:, cv2.CC_STAT_AREA].argmax())
    if parts[largest, cv2.CC_STAT_AREA] < _LEAST_SHARE * most.size:
        return whole
    outlines, _ = cv2.findContours((labels == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(np.zeros(most.shape, np.uint8), outlines, -1, 255, cv2.FILLED)


def edges_of(area: np.ndarray, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the area in a frame of this size (height, width)."""
    left, top, width, height = cv2.boundingRect(area)
    along_x, along_y = size[1] / area.shape[1], size[0] / area.shape[0]
    return round(left * along_x), round(top * along_y), round((left + width) * along_x), round((top + height) * along_y)


def endoscope_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the endoscope shows in a still; all of it where no picture can be found.

    Corners of an octagon or a circle that lie inside the box stay, as in the frames of a stream, and so does a position
    guide inside it.

    Args:
        image: uint8 (h, w, 3) RGB.
    """
    thumb = shrink_to(image, LEARN_PX)
    level = thumb.max(axis=2)
    left, top, right, bottom = edges_of(find_area(level, np.zeros_like(level), thumb), image.shape[:2])
    height, width = image.shape[:2]
    if (right - left) * (bottom - top) < _STILL_SHARE * height * width:
        return 0, 0, width, height
    return left, top, right, bottom


def cut_to_endoscope(image: np.ndarray) -> np.ndarray:
    """The part of uint8 (h, w, 3) RGB that the endoscope shows, a view."""
    left, top, right, bottom = endoscope_box(image)
    return image[top:bottom, left:right]


def fit_area(image: np.ndarray, size_px: int, fit: Fit, area: Area | None) -> np.ndarray:
    """Bring a picture to the square of a model, uint8 (size_px, size_px, 3), by what the model looks at."""
    return fit_image(cut_to_endoscope(image) if area else image, size_px, fit)


def least_side(size_px: int, fit: Fit, area: Area | None) -> int | None:
    """The short side that a JPEG must keep when it is decoded; None for all of it.

    A crop is cut at native scale, and what is cut out first would lack pixels.
    """
    return None if fit == "crop" or area else size_px


def _threshold(most: np.ndarray) -> float:
    """Brightness that separates picture and margin: the darkest corner is the margin, if it is dark."""
    rows, columns = (max(1, side // 24) for side in most.shape)
    corners = (
        most[:rows, :columns],
        most[:rows, -columns:],
        most[-rows:, :columns],
        most[-rows:, -columns:],
    )
    margin = min(float(np.median(corner)) for corner in corners)
    return max(_FLOOR, margin + _ABOVE_MARGIN) if margin < _BRIGHT_MARGIN else _FLOOR


def _guide(colours: np.ndarray) -> np.ndarray:
    """Box of a position guide (green-blue, as in Kvasir's pictures), bool (h, w)."""
    red, green, blue = cv2.split(colours)
    found = np.zeros(red.shape, bool)
    like = (cv2.subtract(green, red) > _GUIDE_GREEN) & (green > blue)
    if not like.any():
        return found
    count, _, parts, _ = cv2.connectedComponentsWithStats(like.astype(np.uint8), connectivity=4)
    for part in range(1, count):
        left, top, width, height, area = (int(number) for number in parts[part, :5])
        low, high = (share * found.size for share in _GUIDE_SHARES)
        if low < area < high and area > _GUIDE_FILL * width * height:
            found[max(0, top - 2) : top + height + 2, max(0, left - 2) : left + width + 2] = True
    return found


def _still_margin(varied: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Areas that reach the edge of the frame and did not change while the picture moved, bool (h, w)."""
    none = np.zeros(varied.shape, bool)
    if not bright.any() or np.median(varied[bright]) < _MOVED_RANGE:
        return none
    still = cv2.morphologyEx((varied <= _STILL_RANGE).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels = cv2.connectedComponents(still, connectivity=4)
    at_edge = np.zeros(count, bool)
    at_edge[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    at_edge[0] = False
    found: np.ndarray = at_edge[labels]
    return found
