"""Opens a file, camera or URL named by the user as a source of frames."""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import cv2

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.capture import capture_device, capture_file, capture_url
from unmissed.datasets.video.frames import VideoSource
from unmissed.datasets.video.live import LiveVideo
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.sniffing import check_file, no_video

_SCHEMES = ("rtsp", "rtsps", "http", "https")
_EXPECTED = "a video file, the number of a camera, /dev/videoN, or an address that begins with rtsp:// or http(s)://"
_LAST_DEVICE = 63


def open_video(source: str) -> VideoSource:
    """Open a video file, a camera or capture card, or a network stream.

    Args:
        source: path of a file; number of a capture device, or ``/dev/videoN``; ``rtsp://``, ``http://`` or
            ``https://``. Playlists are refused, and a file can make the reader open nothing but itself.

    Returns:
        VideoSource: Its first frame has been read, so that it is known to be a video.

    Raises:
        VideoError: When it is missing, empty, no video (a picture, an audio file), too large, or does not answer.
    """
    if "://" in source:
        return _open_url(source)
    number = _device(source)
    if number is not None:
        return _open_device(number, source)
    path = check_file(Path(source), source)
    capture = capture_file(str(path))
    if capture is None:
        raise no_video(path, source)
    return RecordedVideo(capture, source)


def _open_url(url: str) -> VideoSource:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme.lower() in _SCHEMES and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or not re.fullmatch(r"[!-~]+", url):  # no spaces and control signs: they would end the address
        raise VideoError("this address cannot be opened", expected=_EXPECTED, fix="check its beginning, and for spaces")
    name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))  # no password in results
    capture = capture_url(url)
    if capture is None:
        raise VideoError(
            f"{name} does not provide a video stream",
            expected="an RTSP, MJPEG or plain video stream (no playlist)",
            fix="check the address, the network and the password",
        )
    if 0 < capture.get(cv2.CAP_PROP_FRAME_COUNT) < 1e9:
        return RecordedVideo(capture, name)
    return LiveVideo(capture, name, lambda: capture_url(url))


def _device(source: str) -> int | None:
    """Number of a capture device; None when it is not one."""
    if source.isascii() and source.isdecimal():
        return int(source)
    found = re.fullmatch(r"/dev/video(\d+)", str(Path(source).resolve())) if source.startswith("/dev/") else None
    return int(found[1]) if found else None


def _open_device(number: int, source: str) -> VideoSource:
    capture = capture_device(number) if number <= _LAST_DEVICE else None
    if capture is None:
        there = sorted(Path("/dev").glob("video*")) if sys.platform == "linux" else []
        raise VideoError(
            f"there is no camera {source}, or another program uses it",
            expected=f"one of {', '.join(map(str, there))}" if there else "a camera or capture card",
            fix="check the cable; a file named by digits only is opened as ./NAME",
        )
    return LiveVideo(capture, f"camera {number}", lambda: capture_device(number))
