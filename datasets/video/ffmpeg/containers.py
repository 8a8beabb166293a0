"""FFmpeg's containers, opened so that a file of unknown origin can read no other file and call no other computer.

Left to itself, FFmpeg takes a text file named ``exam.mp4`` for a playlist and opens what is written in it.
"""

from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from unmissed.datasets.video.pictures import LARGEST_PX, check_size

# Containers that hold their pictures themselves: no playlists (hls, concat, dash), no sdp, no still pictures.
_CONTAINERS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,asf,flv,mxf,ogg,dv,m4v,h264,hevc,ivf,obu,mjpeg"
# For the picture that FFmpeg decodes while it looks what is there: more than we take, so that the size can be named.
_OF_ALL = {"max_pixels": str(4 * LARGEST_PX)}
_OF_FILES = _OF_ALL | {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
_OF_URLS = _OF_ALL | {
    "format_whitelist": f"{_CONTAINERS},mpjpeg,rtsp",
    "protocol_whitelist": "http,https,httpproxy,rtsp,rtp,udp,tcp,tls",
    "rtsp_transport": "tcp",  # over UDP a full network shows as smeared pictures
}
ANSWER_S, _READ_S = 10.0, 5.0
_NO_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_SQUARE = 0.05  # pixels further from square are named: what is round looks long


def open_file(source: str | BinaryIO) -> InputContainer | None:
    """Open a video file, by its absolute path or as a stream of bytes; None when FFmpeg does not know it."""
    kind = "mjpeg" if isinstance(source, str) and source.lower().endswith((".mjpeg", ".mjpg")) else None
    try:
        return _opened(source, _OF_FILES, None, kind)  # a single large picture could be an image file too
    except av.FFmpegError:
        return None


def open_url(url: str) -> InputContainer:
    """Open a network address.

    Raises:
        av.FFmpegError: When it does not answer within seconds, or not with a video.
    """
    return _opened(url, _OF_URLS, (ANSWER_S, _READ_S))


def frames_in(path: Path) -> int:
    """How many pictures a video of our own has, by its index; 0 where it is not whole."""
    container = open_file(str(path.resolve()))
    if container is None:
        return 0
    with container:
        return max((track.frames for track in container.streams.video), default=0)


def track_of(container: InputContainer, name: str) -> VideoStream | None:
    """The video track to watch; None where there is none. Covers of audio files and thumbnails are no video.

    Raises:
        VideoError: When its pictures are too large.
    """
    tracks = _tracks(container)
    if not tracks:
        return None
    best = container.streams.best("video")
    track = best if isinstance(best, VideoStream) and best in tracks else tracks[0]
    check_size(track.codec_context.width, track.codec_context.height, name)
    return track


def notes_of(container: InputContainer, track: VideoStream) -> list[str]:
    """What of the container is left out or shown otherwise than it is meant."""
    notes = []
    others = [f"{other.width} x {other.height} px" for other in _tracks(container) if other is not track]
    if others:
        size, rest, count = f"{track.width} x {track.height} px", ", ".join(others), len(others) + 1
        note = f"Of {count} video tracks the one of {size} was watched, not {rest}. "
        notes.append(f"{note}共 {count} 个视频轨，仅分析 {size} 的一轨，未分析 {rest}。")
    shape = float(track.sample_aspect_ratio or 1)
    if abs(shape - 1) > _SQUARE:
        note = f"Its pixels are meant to be {shape:.2f} times as wide as high; pictures are analysed as stored. "
        notes.append(f"{note}像素宽高比应为 {shape:.2f}，图像按存储的像素分析。")
    return notes


def _opened(
    source: str | BinaryIO, options: dict[str, str], timeout: tuple[float, float] | None, kind: str | None = None
) -> InputContainer:
    # Not all writers keep to UTF-8 in the names of tracks.
    return av.open(source, "r", format=kind, options=options, metadata_errors="replace", timeout=timeout)


def _tracks(container: InputContainer) -> list[VideoStream]:
    return [track for track in container.streams.video if not track.disposition & _NO_PICTURES and track.codec_context]
