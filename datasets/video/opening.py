"""Opens a file, camera or URL named by the user as a source of frames."""

import re
import sys
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import av

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.camera import open_camera
from unmissed.datasets.video.dicom import video_in
from unmissed.datasets.video.ffmpeg.containers import ANSWER_S, open_file, open_url, track_of
from unmissed.datasets.video.ffmpeg.reader import ContainerReader
from unmissed.datasets.video.frames import VideoSource
from unmissed.datasets.video.live import LiveVideo
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.sniffing import check_file, no_video

_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp")
_EXPECTED = (
    "a video file, the number of a camera, /dev/videoN, or an address that begins with rtsp://, http(s):// or udp://"
)
_LAST_DEVICE = 63
_NO_ANSWER = (av.ExitError, av.TimeoutError)


def open_video(source: str) -> VideoSource:
    """Open a video file, a camera or capture card, or a network stream.

    Args:
        source: path of a file; number of a capture device, or ``/dev/videoN``; ``rtsp://``, ``http://``, ``https://``
            or ``udp://``. Playlists are refused, and a file can make the reader open nothing but itself.

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
    return _open_file(check_file(Path(source), source), source)


def _open_file(path: Path, source: str) -> VideoSource:
    inside = video_in(path, source)
    container = open_file(str(path) if inside is None else inside)
    track = None if container is None else track_of(container, source)
    if container is None or track is None:
        raise no_video(path, source)
    reader = ContainerReader(container, track, is_file=True, path=path if inside is None else None)
    return RecordedVideo(reader, source)


def _open_url(url: str) -> VideoSource:
    parts = _address(url)
    name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))  # no password in results
    cause = ""
    try:
        container = open_url(url)
    except _NO_ANSWER:
        cause = f": no answer within {ANSWER_S:.0f} s"
    except av.FFmpegError as error:  # its text has the address with the password
        cause = f": {error.strerror}"
    else:
        track = track_of(container, name)
        if track is not None and container.duration:
            return RecordedVideo(ContainerReader(container, track, is_file=True), name)
        if track is not None:
            return LiveVideo(ContainerReader(container, track, is_file=False), name, lambda: _opened_again(url, name))
    raise VideoError(
        f"{name} does not provide a video stream{cause}",
        expected="an RTSP, MJPEG or plain video stream (no playlist)",
        fix="check the address, the network and the password",
    )


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        scheme, is_complete = parts.scheme.lower(), bool(parts.hostname or (parts.scheme == "udp" and parts.port))
    except ValueError:
        scheme, is_complete = "", False
    if scheme in ("srt", "rtmp", "rtp"):
        raise VideoError(
            f"{scheme}:// cannot be read", expected=_EXPECTED, fix="have the sender or a gateway use these"
        )
    # No spaces and control signs: they would end the address.
    if scheme not in _SCHEMES or not is_complete or not re.fullmatch(r"[!-~]+", url):
        raise VideoError("this address cannot be opened", expected=_EXPECTED, fix="check its beginning, and for spaces")
    return parts


def _opened_again(url: str, name: str) -> ContainerReader | None:
    try:
        container = open_url(url)
    except av.FFmpegError:
        return None
    track = track_of(container, name)
    return None if track is None else ContainerReader(container, track, is_file=False)


def _device(source: str) -> int | None:
    """Number of a capture device; None when it is not one."""
    if source.isascii() and source.isdecimal():
        return int(source)
    found = re.fullmatch(r"/dev/video(\d+)", str(Path(source).resolve())) if source.startswith("/dev/") else None
    return int(found[1]) if found else None


def _open_device(number: int, source: str) -> VideoSource:
    name = f"camera {number}"
    reader = open_camera(number, name) if number <= _LAST_DEVICE else None
    if reader is None:
        there = sorted(Path("/dev").glob("video*")) if sys.platform == "linux" else []
        raise VideoError(
            f"there is no camera {source}, or another program uses it",
            expected=f"one of {', '.join(map(str, there))}" if there else "a camera or capture card",
            fix="check the cable; a file named by digits only is opened as ./NAME",
        )
    return LiveVideo(reader, name, lambda: open_camera(number, name))
