"""A video that has an end: a file, or a file behind an HTTP address."""

import threading
from collections.abc import Iterator

import cv2

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.capture import Capture, check_size, fps_of, read
from unmissed.datasets.video.frames import Frame, Gap, VideoSource
from unmissed.datasets.video.stamps import StreamClock

_GAP_S = 2.0  # frames this far apart: what is between was not seen, for whatever reason
_SLACK_S, _SLACK_SHARE = 1.0, 0.02  # containers round their length, and count the sound


class RecordedVideo(VideoSource):
    """Yields every frame with its own time stamp.

    Args:
        capture: opened, no frame read.
        name: for the user.

    Raises:
        VideoError: When its pictures are too large, or there are fewer than two (a cover of an audio file).
    """

    is_live = False

    def __init__(self, capture: Capture, name: str) -> None:
        self.name = name
        self._capture, self._closed, self._lock = capture, False, threading.Lock()
        check_size(capture, name)
        self.fps = fps_of(capture)
        frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._promised = int(frames) if 0 < frames < 1e9 else 0
        self._clock = StreamClock(1 / self.fps)
        self._waiting = [frame for frame in (self._next(0), self._next(1)) if frame is not None]
        if len(self._waiting) < 2:
            capture.release()
            raise VideoError(f"{name} has {'only one frame' if self._waiting else 'no frames'}", expected="a video")
        self.height_px, self.width_px = self._waiting[0].image.shape[:2]

    def frames(self) -> Iterator[Frame | Gap]:
        """Every frame; where time stamps jump, a gap before the frame."""
        index, last_s = 0, 0.0
        while True:
            frame = self._waiting.pop(0) if self._waiting else self._next(index)
            if frame is None:
                break
            if frame.time_s - last_s > _GAP_S:
                yield Gap(last_s, frame.time_s, "the video has no frames here")
            yield frame
            index, last_s = index + 1, frame.time_s
        self.ended = self._how_it_ended(index, last_s)

    @property
    def notes(self) -> tuple[str, ...]:
        """Says so when time stamps had to be repaired."""
        count = self._clock.repaired
        return (f"{count} time stamps did not increase and were repaired",) if count else ()

    def close(self) -> None:
        """Free the file; a frame that is being read comes to its end first."""
        with self._lock:
            self._closed = True
            self._capture.release()

    def _next(self, index: int) -> Frame | None:
        with self._lock:
            while not self._closed and self._capture.grab():
                stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                image = read(self._capture)
                if image is not None:
                    return Frame(index, self._clock.update(stamp_s), image)
        return None

    def _how_it_ended(self, count: int, last_s: float) -> str:
        length_s = self._promised / self.fps
        slack = max(_SLACK_S, _SLACK_SHARE * length_s)
        if count < self._promised * (1 - _SLACK_SHARE) and last_s < length_s - slack and not self._closed:
            return f"the video ends early: {last_s:.1f} s of {length_s:.1f} s could be read"
        return "end"
