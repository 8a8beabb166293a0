"""Cuts frames to what the endoscope sees: black margins, burnt-in text and a picture in the picture left out.

The area is learned from the first frame on and refined while frames pass.
"""

from functools import reduce

import cv2
import numpy as np

from unmissed.datasets.pictures.endoscope_area import LEARN_PX, edges_of, find_area
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.burnt_in_text import BurntInTextFinder
from unmissed.inference.endoscopy.frame.shrinking import shrink
from unmissed.inference.endoscopy.values import SMALL_PX, Box, FrameView

_FIRST = 8  # frames that are all learned from; later ones every _EVERY_S
_EVERY_S = 0.25
_SPAN_S = 15.0  # what was not bright for one to two of these is no longer taken for the picture
_BLACK = 16.0  # mean brightness of a frame below which it says nothing
_SHIFT_SHARE = 0.015  # of the longer side; a box that differs less stays where it is
_RIM_PX = 2  # of the small picture: the soft rim of the mask


class ContentFinder:
    """Cuts frames to what the endoscope sees.

    Attributes:
        changed: the frame seen last had another size than the one before.
    """

    def __init__(self) -> None:
        self.changed = False
        self._size: tuple[int, ...] = ()
        self._restart()

    def _restart(self) -> None:
        self._learned = 0
        self._next_s = -np.inf
        self._spans: list[_Span] = []
        self._area: np.ndarray | None = None
        self._edges = (0, 0, 0, 0)
        self._mask: np.ndarray | None = None
        self._overlay = BurntInTextFinder()

    def view(self, frame: Frame) -> FrameView:
        """Cut a frame.

        Args:
            frame: of the stream, in order of time.

        Returns:
            FrameView: ``image`` is a numpy view into the frame. A frame on which no picture can be found is taken
                whole.
        """
        size = frame.image.shape[:2]
        self.changed = bool(self._size) and size != self._size
        if size != self._size:
            self._size = size
            self._restart()
        if self._learned < _FIRST or frame.time_s >= self._next_s:
            self._learn(frame)
        left, top, right, bottom = self._edges
        image = frame.image[top:bottom, left:right]
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        small = _to_side(grey, SMALL_PX)
        if self._overlay.learn(small, frame.time_s) or self._mask is None:
            self._mask = self._small_mask(small.shape)
        box = Box(float(left), float(top), float(right - left), float(bottom - top))
        return FrameView(frame.time_s, box, image, grey, small, self._mask)

    def _learn(self, frame: Frame) -> None:
        self._next_s = frame.time_s + _EVERY_S
        self._learned += 1
        thumb = _to_side(frame.image, LEARN_PX)
        red, green, blue = cv2.split(thumb)
        level = cv2.max(cv2.max(red, green), blue)  # numpy takes far longer along an axis of three
        if not self._spans:
            self._spans = [_Span(frame.time_s, level)]
        elif level.mean() > _BLACK:
            if frame.time_s - self._spans[-1].start_s > _SPAN_S:
                self._spans = [self._spans[-1], _Span(frame.time_s, level)]
            self._spans[-1].add(level)
        most = reduce(np.maximum, (span.most for span in self._spans))
        least = reduce(np.minimum, (span.least for span in self._spans))
        area = find_area(most, most - least, thumb)
        edges = edges_of(area, self._size)
        if max(abs(new - old) for new, old in zip(edges, self._edges, strict=True)) > _SHIFT_SHARE * max(self._size):
            self._edges = edges
            self._overlay = BurntInTextFinder()
            self._mask = None
        if self._area is None or cv2.countNonZero(cv2.absdiff(area, self._area)):
            self._area = area
            self._mask = None

    def _small_mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """The area in the small picture, without its rim and without what is burnt in."""
        if self._area is None:
            return np.full(shape, 255, np.uint8)
        height, width = self._size
        left, top, right, bottom = self._edges
        rows = _centres(top, bottom, shape[0]) * self._area.shape[0] / height
        columns = _centres(left, right, shape[1]) * self._area.shape[1] / width
        mask = self._area[np.ix_(rows.astype(int), columns.astype(int))]
        side = 2 * _RIM_PX + 1
        mask = cv2.erode(mask, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        return self._overlay.removed(mask)


class _Span:
    """Brightest and darkest value of each pixel over some seconds."""

    def __init__(self, start_s: float, level: np.ndarray) -> None:
        self.start_s = start_s
        self.most = level
        self.least = level

    def add(self, level: np.ndarray) -> None:
        self.most = np.maximum(self.most, level)
        self.least = np.minimum(self.least, level)


def _to_side(picture: np.ndarray, side_px: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = side_px / max(height, width)
    return shrink(picture, max(1, round(width * scale)), max(1, round(height * scale)))


def _centres(start: int, end: int, count: int) -> np.ndarray:
    centres: np.ndarray = start + (np.arange(count) + 0.5) * (end - start) / count
    return centres
