"""Between a source and the analysis: a thread that reads, and a queue of two that keeps the newest frames or all."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.video import Frame, Gap, VideoSource

_DEPTH = 2  # one that is next, one that has just come
_LEAVE_S = 3.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame or gap, and when it was there (``time.perf_counter``); of a paced file, when it was due."""

    item: Frame | Gap
    at_s: float


class Feed(Closing):
    """Reads a source in a thread of its own, so that the analysis never holds up the capture.

    Args:
        source: read from its first frame on; closed with the feed.
        every_frame: the source waits while the queue is full. Otherwise the oldest frame makes way, and is counted;
            gaps never do.
        paced: hand the frames of a file out at their times, as a camera would.

    Attributes:
        dropped: frames that made way.
        ended: how the frames ended: "end", or what went wrong; "" before that.
    """

    def __init__(self, source: VideoSource, *, every_frame: bool, paced: bool = False) -> None:
        self._source, self._every_frame, self._paced = source, every_frame, paced
        self._waiting: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self.dropped = 0
        self.ended = ""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Arrival | None:
        """The next frame or gap; None when none came in time, or there will be none (``is_done``).

        Raises:
            Exception: What the source raised that is no error of ours, when all before it has been taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.ended, timeout_s)
            if self._waiting:
                arrival = self._waiting.popleft()
                self._changed.notify_all()
                return arrival
            if self._error is not None:
                raise self._error
            return None

    @property
    def is_done(self) -> bool:
        """Whether all has been taken and nothing more will come."""
        with self._changed:
            return bool(self.ended) and not self._waiting and self._error is None

    def close(self) -> None:
        """Stop reading; what waits is thrown away."""
        self._closed.set()
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
        self._source.close()
        self._thread.join(_LEAVE_S)  # a driver that hangs must not hold up the report

    def _run(self) -> None:
        ended = ""
        try:
            for arrival in self._arrivals():
                self._put(arrival)
                if self._closed.is_set():
                    break
            ended = self._source.ended or "end"
        except UnmissedError as error:
            ended = str(error)
        except Exception as error:  # a thread has no caller: the reader of the queue gets it
            self._error, ended = error, "error"
        with self._changed:
            self.ended = ended
            self._changed.notify_all()

    def _arrivals(self) -> Iterator[Arrival]:
        start_s = perf_counter()
        for item in self._source.frames():
            if self._paced and isinstance(item, Frame):
                due_s = start_s + item.time_s
                self._closed.wait(max(0.0, due_s - perf_counter()))
                yield Arrival(item, due_s)
            else:
                yield Arrival(item, perf_counter())

    def _put(self, arrival: Arrival) -> None:
        with self._changed:
            if self._every_frame:
                self._changed.wait_for(lambda: len(self._waiting) < _DEPTH or self._closed.is_set())
            elif len(self._waiting) >= _DEPTH:
                oldest = next((one for one in self._waiting if isinstance(one.item, Frame)), None)
                if oldest is not None:
                    self._waiting.remove(oldest)
                    self.dropped += 1
            self._waiting.append(arrival)
            self._changed.notify_all()
