"""What is believed of time stamps and frame rates: times that only increase, at the pace of the pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

USUAL_FPS = 25.0
_LEAST_FPS, _MOST_FPS = 1.0, 240.0
_SAME_RATE = 0.1  # a rate that is named and one that is measured this near are the same, and the named one is exact
RESTART_S = 1.0  # a step back this far is a new start (files joined end to end); less is disorder
_LEAP_S = 600.0  # a step forward this far is one too: a live source is given up after two minutes
_LEAST_STEP_S = 0.001
_HOLE = 1.5  # intervals between two pictures: one is missing
_MOST_AHEAD_S = 10.0  # of a live source: stamps and arrival further apart do not belong to the same clock


@dataclass(frozen=True, slots=True)
class Rate:
    """Pictures a second.

    Attributes:
        fps: the rate.
        stamps_hold: the time stamps can be believed; otherwise pictures are counted at this rate.
        is_constant: the first pictures are all as far apart: where others are further, some are missing.
        note: for the user, where what the file says was not taken; "" otherwise.
    """

    fps: float
    stamps_hold: bool = True
    is_constant: bool = False
    note: str = ""


def is_usual(fps: float) -> bool:
    """Whether a camera can have so many pictures a second."""
    return _LEAST_FPS <= fps <= _MOST_FPS


def believed_rate(named: float | None, stamps_s: Sequence[float], *, has_fields: bool = False) -> Rate:
    """The rate that a file names, where its time stamps agree; otherwise that of the stamps.

    Args:
        named: by the header; None where it names none.
        stamps_s: of the first packets, in any order.
        has_fields: the video may be interlaced: a packet can be half a picture.
    """
    steps = [later - earlier for earlier, later in pairwise(sorted(set(stamps_s)))]
    measured = 1 / median(steps) if steps else 0.0
    believed = named if named is not None and is_usual(named) else None
    if measured > _MOST_FPS:
        fps = believed or USUAL_FPS
        en = f"The time stamps say {measured:.0f} pictures a second: {fps:g} were assumed."
        return Rate(fps, False, note=f"{en} 时间戳为 {measured:.0f} 帧/秒，按 {fps:g} 帧/秒处理。")
    if not is_usual(measured):
        return Rate(believed or USUAL_FPS)
    if believed and (_are_same(believed, measured) or (has_fields and _are_same(2 * believed, measured))):
        return Rate(believed, is_constant=all(step * believed < _HOLE for step in steps))
    if named is None or named <= _MOST_FPS:
        return Rate(measured)
    en = f"The file says {named:.0f} pictures a second; by its time stamps they are {measured:.4g}."
    return Rate(measured, note=f"{en} 文件标称 {named:.0f} 帧/秒，按时间戳为 {measured:.4g} 帧/秒。")


class StreamClock:
    """Turns the time stamps of a recording into stream time: 0 at the first frame, strictly rising.

    Most containers need nothing. Raw streams carry no stamps (they stay the same: frames are counted), joined files
    start again somewhere else (they are put end to end), and some writers mix up the order (by a millisecond the later
    one wins).

    Args:
        interval_s: usual time between frames.

    Attributes:
        repaired: frames whose stamp could not be taken as it was.
        is_joint: at the last frame the stamps start again somewhere else.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._stamp_s: float | None = None
        self._offset_s = self._last_s = 0.0
        self.repaired = 0
        self.is_joint = False

    def update(self, stamp_s: float | None) -> float:
        """Stream time of the next frame."""
        if stamp_s is None or not math.isfinite(stamp_s):
            stamp_s = self._stamp_s or 0.0
        if self._stamp_s is None:
            self._stamp_s, self._offset_s = stamp_s, -stamp_s
            return 0.0
        is_same, time_s = stamp_s == self._stamp_s, self._last_s + self.step(stamp_s)
        leaps = time_s > self._last_s + _LEAP_S or time_s <= self._last_s - RESTART_S
        self.is_joint = leaps and not is_same
        if is_same or self.is_joint:
            time_s = self._last_s + self._interval_s
        elif time_s <= self._last_s:
            time_s = self._last_s + _LEAST_STEP_S
        else:
            self._stamp_s, self._last_s = stamp_s, time_s
            return time_s
        self.repaired += 1
        if self.is_joint:
            self._offset_s = time_s - stamp_s
        self._stamp_s, self._last_s = stamp_s, time_s
        return time_s

    def step(self, stamp_s: float) -> float:
        """Seconds from the last frame to a stamp, as it is."""
        return stamp_s + self._offset_s - self._last_s


class LiveClock:
    """Stream time of what arrives: 0 at the first frame, strictly rising, in the rhythm of the stream's own stamps.

    A network delivers frames in bursts; their stamps say when they were taken. Without stamps, and where these run away
    from the clock on the wall, it is the time of arrival.

    Attributes:
        last_s: stream time of the last frame.
        repaired: frames whose stamp did not fit and was put at the time of arrival.
        is_trusted: the stamps are still used.
    """

    def __init__(self) -> None:
        self.last_s = self._arrival_s = self._ahead_s = 0.0
        self._offset_s: float | None = None
        self._started = False
        self.repaired, self.is_trusted = 0, True

    def restart(self) -> None:
        """The source was opened again: its stamps begin somewhere else."""
        self._offset_s = None

    def silent_s(self, now_s: float) -> float:
        """Seconds since the last frame arrived."""
        return now_s - self._arrival_s if self._started else 0.0

    def update(self, arrival_s: float, stamp_s: float | None) -> float:
        """Stream time of the next frame.

        Args:
            arrival_s: seconds that only go forward.
            stamp_s: by the stream's own clock; None where it has none.
        """
        by_arrival_s = self.last_s + max(self.silent_s(arrival_s), _LEAST_STEP_S) if self._started else 0.0
        time_s = by_arrival_s
        if stamp_s is not None and math.isfinite(stamp_s) and self.is_trusted:
            time_s = self._by_stamp(stamp_s, arrival_s, by_arrival_s)
        self.last_s, self._arrival_s, self._started = time_s, arrival_s, True
        return time_s

    def _by_stamp(self, stamp_s: float, arrival_s: float, by_arrival_s: float) -> float:
        if self._offset_s is not None:
            time_s = stamp_s + self._offset_s
            if abs(time_s - arrival_s - self._ahead_s) > _MOST_AHEAD_S:
                is_leap = abs(time_s - by_arrival_s) > RESTART_S
                self.is_trusted = is_leap  # a new start; otherwise a clock at another pace
            elif time_s > self.last_s:
                return time_s
            self.repaired += 1
        self._offset_s, self._ahead_s = by_arrival_s - stamp_s, by_arrival_s - arrival_s
        return by_arrival_s


def _are_same(fps: float, other: float) -> bool:
    return abs(fps / other - 1) <= _SAME_RATE
