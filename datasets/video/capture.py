"""OpenCV's readers, opened so that a file of unknown origin can read no other file and call no other computer.

Left to itself, FFmpeg takes a text file named ``exam.mp4`` for a playlist and opens what is written in it.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import cv2
import numpy as np

from unmissed.datasets.basis.errors import VideoError

LARGEST_SIDE_PX = 8192
USUAL_FPS = 25.0

# Containers that hold their pictures themselves: no playlists (hls, concat, dash), no sdp, no still pictures.
_CONTAINERS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,asf,flv,mxf,ogg,dv,m4v,h264,hevc,ivf,obu"
_OF_FILES = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
_OF_URLS = {
    "format_whitelist": f"{_CONTAINERS},mpjpeg,rtsp",
    "protocol_whitelist": "http,https,httpproxy,rtsp,rtp,udp,tcp,tls",
    "rtsp_transport": "tcp",  # over UDP a full network shows as smeared pictures
}
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8"}
_TIMEOUT_MS = 5000
_lock = threading.Lock()  # the options are handed over in the environment


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


def capture_file(path: str) -> Capture | None:
    """Open a video file by its absolute path; None when there is nothing in it that FFmpeg can show."""
    return _open(path, cv2.CAP_FFMPEG, _OF_FILES, [])


def capture_url(url: str) -> Capture | None:
    """Open an RTSP or HTTP address; None without an answer within seconds, or without a video."""
    # One thread: decoding on several holds back as many frames, and these are wanted at once.
    settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
    return _open(url, cv2.CAP_FFMPEG, _OF_URLS, [*settings, cv2.CAP_PROP_N_THREADS, 1])


def capture_device(number: int) -> Capture | None:
    """Open a camera or capture card; None when it is not there or in use."""
    api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture = _open(number, api, {}, [])
    if capture is not None:
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # frames that wait in the driver are late
    return capture


def fps_of(capture: Capture) -> float:
    """Frames per second as given by the source; 25 where it gives nothing sensible."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return float(fps) if 1 <= fps <= 240 else USUAL_FPS


def check_size(capture: Capture, name: str) -> None:
    """Refuse pictures that are too large, before they are converted.

    Raises:
        VideoError: When a side is longer than ``LARGEST_SIDE_PX``.
    """
    width, height = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if max(width, height) > LARGEST_SIDE_PX:
        raise VideoError(
            f"{name} has pictures of {width:.0f} x {height:.0f} px", expected=f"at most {LARGEST_SIDE_PX} px a side"
        )


def read(capture: Capture) -> np.ndarray | None:
    """The frame that was grabbed, as uint8 (height, width, 3) RGB; None when it cannot be decoded."""
    try:
        is_there, image = capture.retrieve()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if is_there and image is not None and image.size else None
    except cv2.error:
        return None


def _open(source: str | int, api: int, options: dict[str, str], settings: list[int]) -> Any:
    with _lock, _environment(options):
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our errors say what is to be said
        capture = cv2.VideoCapture(source, api, settings)
    if capture.isOpened():
        return capture
    capture.release()
    return None


@contextmanager
def _environment(options: dict[str, str]) -> Iterator[None]:
    """Hand options to FFmpeg; what the user has set there himself holds too, but never opens more."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    before = os.environ.get(_OPTIONS)
    if options:
        own = [f"{key};{value}" for key, value in options.items() if key != "rtsp_transport" or not before]
        os.environ[_OPTIONS] = "|".join([before, *own] if before else own)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_OPTIONS, None)
        else:
            os.environ[_OPTIONS] = before
