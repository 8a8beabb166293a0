"""Short videos, and boxes of MP4 by which their headers are changed."""

import struct
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from unmissed.benchmarks.hostile.files.pixels import stained

SIDE_PX = 160


@cache
def film(suffix: str = ".mp4", code: str = "mp4v", frames: int = 40, fps: float = 25.0, side: int = SIDE_PX) -> bytes:
    """A drifting, reddish picture as a video file that OpenCV's FFmpeg writes."""
    picture = cv2.cvtColor(stained(side * 2, side * 2), cv2.COLOR_RGB2BGR)
    picture = np.clip(picture * (0.3, 0.45, 0.9), 0, 255).astype(np.uint8)
    with tempfile.TemporaryDirectory(prefix="unmissed-hostile-") as folder:
        path = Path(folder) / f"film{suffix}"
        out = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), fps, (side, side))
        for index in range(frames):
            at = index % side
            out.write(np.ascontiguousarray(picture[at : at + side, at // 2 : at // 2 + side]))
        out.release()
        return path.read_bytes()


def box(kind: bytes, data: bytes = b"", *, size: int | None = None) -> bytes:
    """A box of an MP4; ``size`` is what it claims."""
    return struct.pack(">I", len(data) + 8 if size is None else size) + kind + data


def changed(data: bytes, kind: bytes, at: int, new: bytes) -> bytes:
    """The file with bytes of the first box of a kind replaced; ``at`` counts from the box's first byte."""
    start = data.index(kind) - 4 + at
    return data[:start] + new + data[start + len(new) :]


def renamed(data: bytes, kind: bytes, new: bytes) -> bytes:
    """The file with the first box of a kind under another name, so that it is not found."""
    return data.replace(kind, new, 1)
