"""A film as H.264 in MP4, which browsers play."""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import OutputError

_TICKS = 90_000


class Film(Closing):
    """Frames of one size, each at its own time; the file is whole once it is closed.

    Args:
        path: of the file; its folder is there.
        fps: nominal frames a second.
        shape: height, width of the frames; an odd row or column is left out.
        threads: of the encoder; 0 takes what it likes.

    Raises:
        OutputError: When it cannot be written.
    """

    def __init__(self, path: Path, fps: float, shape: tuple[int, ...], *, threads: int = 0) -> None:
        self._path = path
        try:
            self._file = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        except (OSError, av.FFmpegError) as error:
            raise self._error(error) from error
        options = {"preset": "veryfast", "crf": "23"}
        self._stream = self._file.add_stream("libx264", rate=Fraction(round(fps * 1000), 1000), options=options)
        self._stream.height, self._stream.width = (side // 2 * 2 for side in shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream.codec_context.thread_count = threads

    def add(self, time_s: float, image: np.ndarray, colours: Literal["rgb24", "bgr24"] = "rgb24") -> None:
        """Append a frame.

        Args:
            time_s: rising, from 0.
            image: uint8 (height, width, 3).
            colours: order of its channels.

        Raises:
            OutputError: When the disk is full and the like.
        """
        whole = np.ascontiguousarray(image[: self._stream.height, : self._stream.width])
        frame = av.VideoFrame.from_ndarray(whole, colours)
        frame.pts, frame.time_base = round(time_s * _TICKS), Fraction(1, _TICKS)
        try:
            self._file.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Complete the file.

        Raises:
            OutputError: When it cannot be.
        """
        try:
            self._file.mux(self._stream.encode())
            self._file.close()
        except (OSError, av.FFmpegError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> OutputError:
        return OutputError(f"cannot write {self._path}: {error}", fix="is the disk full?")
