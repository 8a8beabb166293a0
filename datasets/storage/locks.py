"""Locks of files: one process at a time; the system frees them however it ends."""

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import output_error

log = logging.getLogger(__name__)

_LOCKED_BYTE = 2**20  # beyond the text of the file, which stays readable on systems that lock bytes


def lock(stream: IO[str]) -> bool:
    """Lock a file until it is closed; False when another process has it, True also where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            stream.seek(_LOCKED_BYTE)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            return False
        log.warning("%s is on a file system without locks: take care that no other run writes there", stream.name)
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder.

    Raises:
        OutputError: When another one works there.
    """
    path = folder / ".lock"
    try:
        stream = path.open("a", encoding="utf-8")
    except OSError as error:
        raise output_error(path, error) from error
    with stream:
        if not lock(stream):
            raise OutputError(f"another process works in {folder}", fix="wait until it ends, or stop it")
        yield
