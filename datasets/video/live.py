"""A camera, a capture card or a network stream: read as it comes, found again when it is lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.capture import Capture, check_size, fps_of, read
from unmissed.datasets.video.frames import Frame, Gap, VideoSource

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_GIVE_UP_S = 120.0
_SILENT_S = 1.0  # a source that hangs this long between two frames has left a gap, even if it was never lost


class LiveVideo(VideoSource):
    """Yields frames with the time at which they arrived; a loss becomes a gap.

    Args:
        capture: opened, no frame read.
        name: for the user.
        reopen: opens the source again; None when it is not there.
        give_up_s: a source that stays away so long has ended.
        now: seconds that only go forward.
        wait: (event, seconds) -> waits so long, or until the event is set.

    Raises:
        VideoError: When no frame comes, or its pictures are too large.
    """

    is_live = True

    def __init__(
        self,
        capture: Capture,
        name: str,
        reopen: Callable[[], Capture | None],
        *,
        give_up_s: float = _GIVE_UP_S,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self.name = name
        self._capture: Capture | None = capture
        self._reopen, self._give_up_s, self._now, self._wait = reopen, give_up_s, now, wait
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._losses = 0
        check_size(capture, name)
        self.fps = fps_of(capture)
        self._start_s: float | None = None
        first = self._next(0)
        if first is None:
            capture.release()
            raise VideoError(f"{name} was opened, but no picture arrives", fix="check the cable and the video signal")
        self._first = first
        self.height_px, self.width_px = first.image.shape[:2]

    def frames(self) -> Iterator[Frame | Gap]:
        """Frames until the source is closed, or stays away for too long."""
        frame: Frame | None = self._first
        index, last_s = 0, 0.0
        while not self._closed.is_set():
            lost = frame is None
            if frame is None:
                frame = self._found_again(index, last_s)
                if frame is None:
                    break
            if lost or frame.time_s - last_s > _SILENT_S:
                yield Gap(last_s, frame.time_s, "the source was lost" if lost else "no picture arrived")
            yield frame
            index, last_s = index + 1, frame.time_s
            frame = self._next(index)
        with self._lock:
            self._release()
        self.ended = self.ended or "end"
        if self.ended != "end":
            yield Gap(last_s, self._time_s(), self.ended)

    @property
    def notes(self) -> tuple[str, ...]:
        """Says how often the source was lost."""
        return (f"the source was lost {self._losses} times",) if self._losses else ()

    def close(self) -> None:
        """Stop reading; a read that hangs is waited for, for seconds at most."""
        self._closed.set()
        if self._lock.acquire(timeout=2.0):  # else the reading thread frees it when its call comes back
            try:
                self._release()
            finally:
                self._lock.release()

    def _next(self, index: int) -> Frame | None:
        """The next frame; None when the source is lost."""
        with self._lock:
            if self._closed.is_set() or self._capture is None:
                self._release()
                return None
            if not self._capture.grab():
                return None
            time_s = self._time_s()
            image = read(self._capture)
        return None if image is None else Frame(index, time_s, image)

    def _found_again(self, index: int, last_s: float) -> Frame | None:
        """Open the source again and again, ever more slowly."""
        self._losses += 1
        log.warning("%s is lost; trying to reopen it", self.name)
        wait_s = _FIRST_WAIT_S
        while not self._closed.is_set():
            with self._lock:
                self._release()
            if self._time_s() - last_s > self._give_up_s:
                self.ended = f"the source was lost and did not come back within {self._give_up_s:.0f} s"
                return None
            self._wait(self._closed, wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            if self._closed.is_set():
                return None
            capture = self._reopen()
            with self._lock:
                self._capture = capture
            if capture is None:
                continue
            check_size(capture, self.name)
            frame = self._next(index)
            if frame is not None:
                log.warning("%s is back after %.1f s", self.name, frame.time_s - last_s)
                return frame
        return None

    def _time_s(self) -> float:
        now = self._now()
        if self._start_s is None:
            self._start_s = now
        return now - self._start_s

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None
