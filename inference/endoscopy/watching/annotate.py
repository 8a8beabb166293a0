"""Writes the examination as a video with the overlay of the monitors; encoded in a separate thread."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import output_error
from unmissed.datasets.video import Frame, VideoSource
from unmissed.datasets.video.ffmpeg.containers import frames_in
from unmissed.inference.endoscopy.values import FrameSignals
from unmissed.inference.endoscopy.watching.film import Film
from unmissed.inference.endoscopy.watching.overlay import ExamProgress, Overlay

_WAITING = 4  # frames
_HOLD_S = 2.0  # the last picture is held so long; then "no picture" is shown
_Job = tuple[Frame, FrameSignals | None, ExamProgress]


class AnnotatedVideo(Closing):
    """Writes an MP4 (H.264, which browsers play) whose frames keep their times; it takes its name when it is complete.

    The frame rate is constant, as the source names it: a picture is repeated until the next one is due.

    Args:
        path: of the file.
        source: gives size and frame rate.
        every_frame: wait for the encoder; otherwise frames that it cannot take at once are left out.

    Raises:
        OutputError, RuntimeUnavailableError: When it cannot be written, or OpenCV is too old to draw it.
    """

    def __init__(self, path: Path, source: VideoSource, every_frame: bool) -> None:
        self._path, self._every_frame = path, every_frame
        self._overlay = Overlay()
        self._size = source.width_px, source.height_px
        self._fps = round(source.fps, 3)
        self._written = self._left_out = 0
        self._last_s = 0.0
        self._canvas: np.ndarray | None = None
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._film: Film | None = None
        self._failure: OutputError | None = None
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="annotate", daemon=True)
        self._thread.start()

    def add(self, frame: Frame, signals: FrameSignals | None, now: ExamProgress) -> None:
        """Take a frame with what was detected in it."""
        try:
            self._jobs.put((frame, signals, now), block=self._every_frame)
        except queue.Full:
            self._left_out += 1

    def finish(self) -> list[str]:
        """Complete the file; returns what the user should know of it.

        Raises:
            OutputError: When it could not be written whole.
        """
        self._end()
        if self._failure is not None:
            self.close()
            raise self._failure
        if not self._written:
            self.close()
            return []
        if frames_in(self._partial) < self._written:
            self.close()
            raise OutputError(f"cannot write {self._path} completely", fix="is the disk full?")
        try:
            self._partial.replace(self._path)
        except OSError as error:
            raise output_error(self._path, error) from error
        return [f"{self._left_out} frames are not in the annotated video"] if self._left_out else []

    def close(self) -> None:
        """Stop writing; what is not finished is removed."""
        self._end()
        self._partial.unlink(missing_ok=True)

    def _end(self) -> None:
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                if self._failure is None:
                    self._try(lambda job=job: self._write(*job))  # type: ignore[misc]
        finally:
            if self._film is not None:
                self._try(self._film.close)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OutputError as error:
            self._failure = self._failure or error

    def _write(self, frame: Frame, signals: FrameSignals | None, now: ExamProgress) -> None:
        due = round(frame.time_s * self._fps)
        held = round((self._last_s + _HOLD_S) * self._fps)
        while self._canvas is not None and self._written < due:
            if self._written >= held:
                self._canvas = self._overlay.draw(None, self._size, None, now)
            self._encode(self._canvas)
        self._canvas = self._overlay.draw(frame.image, self._size, signals, now)
        if self._written <= due:
            self._encode(self._canvas)
        self._last_s = frame.time_s

    def _encode(self, canvas: np.ndarray) -> None:
        if self._film is None:
            self._shape = canvas.shape
            self._film = Film(self._partial, self._fps, canvas.shape)
        whole = canvas if canvas.shape == self._shape else _fitted(canvas, self._shape)
        self._film.add(self._written / self._fps, whole, "bgr24")
        self._written += 1


def _fitted(canvas: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Another size of picture, scaled into the size of the video."""
    factor = min(shape[0] / canvas.shape[0], shape[1] / canvas.shape[1])
    small = cv2.resize(canvas, (int(canvas.shape[1] * factor), int(canvas.shape[0] * factor)))
    whole = np.zeros(shape, np.uint8)
    whole[: small.shape[0], : small.shape[1]] = small
    return whole
