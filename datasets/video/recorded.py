"""A video that has an end: a file, or a file behind an HTTP address."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.video.frames import Frame, Gap, VideoSource
from unmissed.datasets.video.pictures import Picture, PictureReader, damage_note
from unmissed.datasets.video.stamps import RESTART_S, StreamClock

_GAP_S = 2.0  # frames this far apart: what is between was not seen, for whatever reason


class RecordingReader(PictureReader, Protocol):
    """Reads a recording, which has a length.

    Attributes:
        is_constant: the pictures are all as far apart; where they are further, some are missing.
    """

    is_constant: bool

    def ending(self, last_s: float) -> tuple[str, list[str]]:
        """How the video ended after its last frame ("end", or what is missing), and what is odd about its length."""


class RecordedVideo(VideoSource):
    """Yields every whole picture with its own time stamp.

    Args:
        reader: nothing read from it.
        name: for the user.

    Raises:
        VideoError: When there are fewer than two whole pictures (a cover of an audio file).
    """

    is_live = False

    def __init__(self, reader: RecordingReader, name: str) -> None:
        self.name, self.fps = name, reader.fps
        self._reader, self._closed, self._lock = reader, False, threading.Lock()
        self._clock = StreamClock(1 / self.fps)
        self._damaged, self._first_damaged_s = 0, 0.0
        self._holes = 0  # pictures that should be there by their stamps, and were not shown
        self._joints_s: list[float] = []
        self._odd_length: list[str] = []
        self._ahead: deque[Picture] = deque()
        self._items = self._read()
        self._waiting: list[Frame | Gap] = []
        try:
            found = self._first_two()
        except VideoError:
            reader.close()
            raise
        self.height_px, self.width_px = found[0].image.shape[:2]

    def frames(self) -> Iterator[Frame | Gap]:
        """Every frame; where time stamps jump, a gap before the frame."""
        while self._waiting:
            yield self._waiting.pop(0)
        yield from self._items

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, repaired or left out."""
        notes = [*self._reader.notes, *self._odd_length]
        if self._damaged:
            notes.append(damage_note(self._damaged, self._reader.doubtful, self._first_damaged_s))
        missing = self._holes - self._damaged
        if missing > 0:
            notes.append(f"By the time stamps, pictures are missing: {missing}. 按时间戳缺失 {missing} 帧。")
        count = self._clock.repaired - len(self._joints_s)
        if count:
            notes.append(f"Time stamps that did not fit and were repaired: {count}. {count} 个时间戳异常，已修正。")
        if self._joints_s:
            times = first_few([f"{time_s:.1f} s" for time_s in self._joints_s])
            notes.append(
                f"The time stamps start again at {times} and were repaired: the parts are put end to end. "
                f"时间戳在 {times} 处重新开始，已修正：各段首尾相接。"
            )
        return tuple(notes)

    def close(self) -> None:
        """Free the file; a frame that is being read comes to its end first."""
        with self._lock:
            self._closed = True
            self._reader.close()

    def _first_two(self) -> list[Frame]:
        found: list[Frame] = []
        for item in self._items:
            self._waiting.append(item)
            if isinstance(item, Frame):
                found.append(item)
            if len(found) == 2:
                return found
        what = "only one frame" if found else "no frames"
        damaged = f", and {self._damaged} damaged ones" if self._damaged else ""
        raise VideoError(f"{self.name} has {what}{damaged}", expected="a video")

    def _read(self) -> Iterator[Frame | Gap]:
        index, last_s, damaged = 0, 0.0, 0
        while (picture := self._next()) is not None:
            if picture.image is None:
                self._count_damage(picture.stamp_s, last_s, is_first=index == 0)
                damaged += 1
                continue
            is_wild = index > 0 and self._is_wild(picture.stamp_s)
            time_s = self._clock.update(None if is_wild else picture.stamp_s)
            if self._clock.is_joint:
                self._joints_s.append(time_s)
                yield Gap(last_s, time_s, "the time stamps start again here")
            elif time_s - last_s > _GAP_S:
                yield Gap(
                    last_s, time_s, "the pictures here are damaged" if damaged else "the video has no frames here"
                )
            if self._reader.is_constant and index > 0 and not self._clock.is_joint:
                self._holes += max(0, round((time_s - last_s) * self.fps) - 1)
            yield Frame(index, time_s, picture.image)
            index, last_s, damaged = index + 1, time_s, 0
        with self._lock:
            self.ended = "end"
            if not self._closed:
                self.ended, self._odd_length = self._reader.ending(last_s)

    def _next(self) -> Picture | None:
        with self._lock:
            if self._closed:
                return None
            return self._ahead.popleft() if self._ahead else self._reader.read()

    def _is_wild(self, stamp_s: float | None) -> bool:
        """Whether one stamp leaps, and the next is where it should be."""
        if stamp_s is None or -RESTART_S < self._clock.step(stamp_s) <= _GAP_S:
            return False
        with self._lock:
            if self._closed:
                return False
            while (following := self._reader.read()) is not None:
                self._ahead.append(following)
                if following.image is not None:
                    break
        if following is None or following.stamp_s is None:
            return False
        return 0 < self._clock.step(following.stamp_s) <= _GAP_S

    def _count_damage(self, stamp_s: float | None, last_s: float, *, is_first: bool) -> None:
        if not self._damaged and stamp_s is not None and not is_first:
            self._first_damaged_s = max(0.0, last_s + self._clock.step(stamp_s))
        self._damaged += 1
