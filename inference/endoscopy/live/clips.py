"""Clips of alerts: the seconds before and after as H.264 that browsers play."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, output_error
from unmissed.inference.endoscopy.watching.film import Film

CLIPS = "clips"
BEFORE_S, AFTER_S = 5.0, 5.0
_MOST_CLIPS = 200  # of one examination


def encode_h264(path: Path, frames: list[tuple[float, np.ndarray]], rate: int = 25) -> None:
    """Write an MP4 (H.264, 4:2:0) that begins at its first frame and keeps the times of all.

    Args:
        path: whole or not at all.
        frames: (time in seconds, rising; uint8 (height, width, 3) RGB), all of the size of the first.
        rate: nominal frames a second.

    Raises:
        OutputError: When it cannot be written.
    """
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}")
    try:
        with Film(partial, rate, frames[0][1].shape, threads=1) as film:
            for time_s, image in frames:
                film.add(time_s - frames[0][0], image)
        partial.replace(path)
    except (OSError, OutputError) as error:
        partial.unlink(missing_ok=True)
        raise error if isinstance(error, OutputError) else output_error(path, error) from error


class AlertClips:
    """Keeps the last seconds, and writes a clip some seconds after an alert, in a thread.

    Args:
        folder: of the examination.
        on_written: called with the name of a clip, or "" when the disk did not take it.
    """

    def __init__(self, folder: Path, on_written: Callable[[str], None]) -> None:
        self._folder, self._on_written = folder, on_written
        self._recent: deque[tuple[float, bytes]] = deque()
        self._due: deque[float] = deque()
        self._threads: list[threading.Thread] = []

    def add(self, time_s: float, jpeg: bytes) -> None:
        """Take a frame."""
        self._recent.append((time_s, jpeg))
        if self._due and time_s >= self._due[0] + AFTER_S:
            self._write(self._due.popleft())
        keep_s = min([time_s, *self._due]) - BEFORE_S
        while self._recent and self._recent[0][0] < keep_s:
            self._recent.popleft()

    def alert(self, time_s: float) -> None:
        """Something was announced; one within the clip before needs none of its own."""
        if len(self._threads) < _MOST_CLIPS and not (self._due and time_s - self._due[-1] < AFTER_S):
            self._due.append(time_s)

    def finish(self) -> None:
        """Write what is still due, and wait for the encoder."""
        while self._due:
            self._write(self._due.popleft())
        for thread in self._threads:
            thread.join()

    def _write(self, alert_s: float) -> None:
        frames = [frame for frame in self._recent if alert_s - BEFORE_S <= frame[0] <= alert_s + AFTER_S]
        thread = threading.Thread(target=self._encode, args=(alert_s, frames), name="clip", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _encode(self, alert_s: float, frames: list[tuple[float, bytes]]) -> None:
        decoded = [(time_s, simplejpeg.decode_jpeg(data)) for time_s, data in frames]
        decoded = [one for one in decoded if one[1].shape == decoded[0][1].shape]
        if not decoded:
            return
        name = f"{CLIPS}/{alert_s:08.2f}.mp4"
        try:
            encode_h264(self._folder / name, decoded)
        except OutputError:
            name = ""
        self._on_written(name)
