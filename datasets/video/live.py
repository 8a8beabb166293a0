"""A camera, a capture card or a network stream: read as it comes, found again when it is lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.frames import Frame, Gap, VideoSource
from unmissed.datasets.video.pictures import PictureReader, damage_note
from unmissed.datasets.video.stamps import LiveClock

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_GIVE_UP_S = 120.0
SILENT_S = 1.0  # a source that hangs this long between two frames has left a gap, even if it was never lost
_MOST_DAMAGED = 1000  # pictures in a row, or before the first whole one: 40 s at the usual rate
_ODD_STAMPS = (
    "Time stamps of the source did not fit; the times of arrival were used. 信号源的时间戳异常，改用到达时间。"
)


class LiveVideo(VideoSource):
    """Yields frames in the rhythm of the stream's own time stamps, or of their arrival; a loss becomes a gap.

    Args:
        reader: opened, nothing read.
        name: for the user.
        reopen: opens the source again; None when it is not there.
        give_up_s: a source that stays away so long has ended.
        now: seconds that only go forward.
        wait: (event, seconds) -> waits so long, or until the event is set.

    Raises:
        VideoError: When no frame comes, or its pictures are too large.
    """

    is_live = True
    ended: str = ""

    def __init__(
        self,
        reader: PictureReader,
        name: str,
        reopen: Callable[[], PictureReader | None],
        *,
        give_up_s: float = _GIVE_UP_S,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self.name, self.fps = name, reader.fps
        self._reader: PictureReader | None = reader
        self._reopen, self._give_up_s, self._now, self._wait = reopen, give_up_s, now, wait
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._clock = LiveClock()
        self._losses = self._damaged = self._doubtful = 0
        self._first_damaged_s = 0.0
        self._notes: dict[str, None] = {}
        try:
            first = self._next(0)
        except VideoError:
            reader.close()
            raise
        if first is None:
            reader.close()
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
                frame = self._found_again(index)
                if frame is None:
                    break
            if lost or frame.time_s - last_s > SILENT_S:
                yield Gap(last_s, frame.time_s, "the source was lost" if lost else "no picture arrived")
            yield frame
            index, last_s = index + 1, frame.time_s
            frame = self._next(index)
        with self._lock:
            self._release()
        self.ended = self.ended or "end"
        if self.ended != "end":
            yield Gap(last_s, last_s + self._clock.silent_s(self._now()), self.ended)

    @property
    def notes(self) -> tuple[str, ...]:
        """Says how often the source was lost, and what was damaged or doubtful in what came."""
        notes = [*self._notes, *([] if self._reader is None else self._reader.notes)]
        if self._losses:
            notes.append(f"The source was lost {self._losses} times. 信号中断 {self._losses} 次。")
        if self._damaged:
            doubtful = self._doubtful + (0 if self._reader is None else self._reader.doubtful)
            notes.append(damage_note(self._damaged, doubtful, self._first_damaged_s))
        if self._clock.repaired or not self._clock.is_trusted:
            notes.append(_ODD_STAMPS)
        return tuple(dict.fromkeys(notes))

    def close(self) -> None:
        """Stop reading; a read that hangs is waited for, for seconds at most."""
        self._closed.set()
        if self._lock.acquire(timeout=2.0):  # else the reading thread frees it when its call comes back
            try:
                self._release()
            finally:
                self._lock.release()

    def _next(self, index: int) -> Frame | None:
        """The next whole frame; None when the source is lost."""
        for _ in range(_MOST_DAMAGED):
            with self._lock:
                if self._closed.is_set() or self._reader is None:
                    self._release()
                    return None
                picture = self._reader.read()
            if picture is None:
                return None
            if picture.image is not None:
                return Frame(index, self._clock.update(self._now(), picture.stamp_s), picture.image)
            if index > 0:  # who joins a stream sees nothing before its next whole picture
                self._first_damaged_s = self._first_damaged_s if self._damaged else self._clock.last_s
                self._damaged += 1
        return None

    def _found_again(self, index: int) -> Frame | None:
        """Open the source again and again, ever more slowly."""
        self._losses += 1
        log.warning("%s is lost; trying to reopen it", self.name)
        wait_s = _FIRST_WAIT_S
        self._clock.restart()
        while not self._closed.is_set():
            with self._lock:
                self._release()
            if self._clock.silent_s(self._now()) > self._give_up_s:
                self.ended = f"the source was lost and did not come back within {self._give_up_s:.0f} s"
                return None
            self._wait(self._closed, wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            if self._closed.is_set():
                return None
            reader = self._reopen()
            with self._lock:
                self._reader = reader
            if reader is None:
                continue
            silent_s = self._clock.silent_s(self._now())
            frame = self._next(index)
            if frame is not None:
                log.warning("%s is back after %.1f s", self.name, silent_s)
                return frame
        return None

    def _release(self) -> None:
        if self._reader is not None:
            self._notes |= dict.fromkeys(self._reader.notes)
            self._doubtful += self._reader.doubtful
            self._reader.close()
            self._reader = None
