"""Times as people read them, and the time of day as records keep it."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic


def clock(seconds: float) -> str:
    """Minutes and seconds as a clock shows them, hours where there are any: 0:07, 6:12, 1:01:05; never rounded up."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def duration(seconds: float) -> str:
    """Seconds with one decimal, minutes from two minutes on, hours from two hours on."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def utc_now(timespec: str = "seconds") -> str:
    """Now in UTC, ISO 8601; ``timespec`` as ``datetime.isoformat`` takes it."""
    return datetime.now(UTC).isoformat(timespec=timespec)


def local_now() -> str:
    """Local time of this machine, with its offset from UTC, ISO 8601 in seconds."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


class Paced:
    """Work that is done when it is wanted, but so seldom that it takes only a share of the time.

    Args:
        work: what is to be done.
        every_s: the shortest time between the end of one and the begin of the next.
        share: of the time that it takes at most.
    """

    def __init__(self, work: Callable[[], object], every_s: float, share: float = 0.1) -> None:
        self._work, self._every_s, self._rest = work, every_s, 1 / share - 1
        self._wanted, self._next = False, 0.0

    def __call__(self, wanted: bool = True) -> None:
        """Do it, if it is wanted now or was before, and its time has come."""
        self._wanted |= wanted
        begun = monotonic()
        if self._wanted and begun >= self._next:
            self._wanted = False
            self._work()
            took = monotonic() - begun
            self._next = begun + took + max(self._every_s, self._rest * took)
