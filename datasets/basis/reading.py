"""Small files of unknown origin read whole: only what is a file, and only so much of it."""

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: When it cannot be read, is larger, or is no regular file: a pipe would be waited for, and a device
            never ends.
    """
    with open(path, "rb", opener=_open_without_waiting) as stream:
        if not is_regular(os.fstat(stream.fileno())):
            raise OSError(errno.EINVAL, "it is a folder, pipe or device, not a file")
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes")
    return data


def is_regular(about: os.stat_result) -> bool:
    """Whether it is a file with an end: no folder, pipe, socket or device."""
    return stat.S_ISREG(about.st_mode)


def _open_without_waiting(path: str, flags: int) -> int:
    """For a pipe without a writer, too; files are read as ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
