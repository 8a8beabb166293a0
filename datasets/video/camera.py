"""Cameras and capture cards, read with OpenCV."""

import sys
import threading
from typing import Any, Protocol

import cv2

from unmissed.datasets.video.pictures import Picture, check_size
from unmissed.datasets.video.stamps import USUAL_FPS, is_usual

_lock = threading.Lock()  # drivers do not like to be opened twice at once


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def grab(self) -> bool:
        """Fetch the next frame."""

    def retrieve(self) -> Any:
        """Whether it could be decoded, and uint8 (height, width, 3) BGR."""

    def get(self, what: int, /) -> float:
        """A property."""

    def release(self) -> None:
        """Close it."""


class CameraReader:
    """Pictures of an opened device. It has no stamps: drivers of all kinds give none that could be relied on.

    Raises:
        VideoError: When its pictures are too large.
    """

    notes = ()
    doubtful = 0

    def __init__(self, capture: Capture, name: str) -> None:
        self._capture = capture
        width, height = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        check_size(round(width), round(height), name)
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if is_usual(fps) else USUAL_FPS

    def read(self) -> Picture | None:
        """The next picture; None when the device is lost."""
        if not self._capture.grab():
            return None
        try:
            is_there, image = self._capture.retrieve()
            whole = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if is_there and image is not None and image.size else None
        except cv2.error:
            whole = None
        return Picture(None, whole)

    def close(self) -> None:
        """Free the device."""
        self._capture.release()


def open_camera(number: int, name: str) -> CameraReader | None:
    """Open a camera or capture card; None when it is not there or in use.

    Raises:
        VideoError: When its pictures are too large.
    """
    api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    with _lock:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our errors say what is to be said
        capture = cv2.VideoCapture(number, api)
    if not capture.isOpened():
        capture.release()
        return None
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # frames that wait in the driver are late
    return CameraReader(capture, name)
