"""Times as people read them, and the time of day as records keep it."""

from datetime import UTC, datetime


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
