"""Frames in memory that several processes share: one writes, nobody waits, what is overwritten is gone."""

import struct
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from time import monotonic_ns
from typing import cast

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing

LARGEST_PX = (1920, 1080)
_SLOTS = 12  # half a second at 25 frames a second
_HEAD = struct.Struct("<8q")  # newest frame, beat of the AI (ns), start of the stream (ns), mHz, AI's frame, 3 spare
_SLOT = struct.Struct("<6q")  # number (0 while written), stream time (us), ready (ns), width, height, spare
_NEWEST, _BEAT, _EPOCH, _RATE = 0, 8, 16, 24


@dataclass(frozen=True, slots=True, eq=False)
class RingFrame:
    """A frame of the ring.

    Attributes:
        number: from 1.
        time_s: of the stream.
        ready_ns: when it was there (``time.monotonic_ns``).
        image: uint8 (height, width, 3) RGB, a copy.
    """

    number: int
    time_s: float
    ready_ns: int
    image: np.ndarray


class FrameRing(Closing):
    """The ring; made by the process that outlives the others, which open it by name.

    Args:
        name: of an existing ring; None makes one.
        largest_px: width and height that a slot holds.

    Attributes:
        name: for the others.
    """

    def __init__(self, name: str | None = None, largest_px: tuple[int, int] = LARGEST_PX) -> None:
        self._bytes = largest_px[0] * largest_px[1] * 3
        self._step = _SLOT.size + self._bytes
        size = _HEAD.size + _SLOTS * self._step
        self._memory = SharedMemory(name, create=name is None, size=size if name is None else 0)
        self._view = cast(memoryview, self._memory.buf)  # None only once it is closed
        self._is_owner, self.name = name is None, self._memory.name

    def write(self, image: np.ndarray, time_s: float) -> int:
        """Put a frame in place of the oldest; one that is too large is made smaller. Returns its number."""
        number, ready_ns = self.newest + 1, monotonic_ns()
        height, width = image.shape[:2]
        if image.size > self._bytes:
            share = (self._bytes / image.size) ** 0.5
            image = cv2.resize(image, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
            height, width = image.shape[:2]
        at = self._at(number)
        struct.pack_into("<q", self._view, at, 0)
        self._pixels(at, height, width)[:] = image
        _SLOT.pack_into(self._view, at, 0, round(time_s * 1e6), ready_ns, width, height, 0)
        struct.pack_into("<q", self._view, at, number)
        self._set(_NEWEST, number)
        return number

    def read(self, number: int) -> RingFrame | None:
        """A frame; None when it was overwritten, or is being so."""
        at = self._at(number)
        found, time_us, ready_ns, width, height, _ = _SLOT.unpack_from(self._view, at)
        if found != number or number < 1 or width * height * 3 > self._bytes:
            return None
        image = self._pixels(at, height, width).copy()
        if struct.unpack_from("<q", self._view, at)[0] != number:
            return None
        return RingFrame(number, time_us / 1e6, ready_ns, image)

    @property
    def newest(self) -> int:
        """Number of the newest frame; 0 before the first."""
        return self._get(_NEWEST)

    @property
    def ai_silent_s(self) -> float:
        """Seconds since the AI finished a frame."""
        return (monotonic_ns() - self._get(_BEAT)) / 1e9

    def beat(self) -> None:
        """The AI has finished a frame."""
        self._set(_BEAT, monotonic_ns())

    @property
    def fps(self) -> float:
        """Frames a second as the source names them; 25 before it is known."""
        return self._get(_RATE) / 1000 or 25.0

    @fps.setter
    def fps(self, value: float) -> None:
        self._set(_RATE, round(value * 1000))

    def now_s(self, start_s: float = 0.0) -> float:
        """Stream time of this moment; the first call makes it ``start_s``. No clock on the wall moves it."""
        if not self._get(_EPOCH):
            self._set(_EPOCH, monotonic_ns() - round(start_s * 1e9))
        return (monotonic_ns() - self._get(_EPOCH)) / 1e9

    def close(self) -> None:
        """Leave the memory; who made it frees it."""
        self._memory.close()
        if self._is_owner:
            self._memory.unlink()

    def _at(self, number: int) -> int:
        return _HEAD.size + (number % _SLOTS) * self._step

    def _pixels(self, at: int, height: int, width: int) -> np.ndarray:
        return np.ndarray((height, width, 3), np.uint8, self._view, at + _SLOT.size)

    def _get(self, at: int) -> int:
        return int(struct.unpack_from("<q", self._view, at)[0])

    def _set(self, at: int, value: int) -> None:
        struct.pack_into("<q", self._view, at, value)
