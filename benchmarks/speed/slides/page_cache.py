"""Cold and warm files: remove a file from the system's page cache, bring it in, and check which it is."""

import os
import random
from pathlib import Path

from unmissed.datasets.basis.errors import UnmissedError

COLD = 0.02  # share of a file in memory below which it is called so
_PROBES = 256
_TRIES = 3  # pages that another process has just put on a list of its own cannot be dropped yet
_CHUNK = 1 << 24


class CacheError(UnmissedError):
    """A file could not be made cold."""


def cached_share(path: Path) -> float:
    """Share of the file that is in memory, from 256 places spread over it.

    A probe of a page that is not in memory brings that page in, so each call probes other places.

    Raises:
        CacheError: Where the system cannot report it (only Linux can).
    """
    if not hasattr(os, "preadv") or not hasattr(os, "RWF_NOWAIT"):
        raise CacheError("this system does not report what is in its page cache", fix="measure with a warm cache only")
    size = path.stat().st_size
    found, buffer, first = 0, bytearray(1), random.random()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # or each probe would bring its neighbours in
        for probe in range(_PROBES):
            try:
                # With this flag the kernel refuses to wait for the disk.
                os.preadv(descriptor, [buffer], int(size * (probe + first) / _PROBES), os.RWF_NOWAIT)
                found += 1
            except BlockingIOError:
                continue
            except OSError as error:
                raise CacheError(
                    f"the file system of {path} does not report what is in memory: {error.strerror}",
                    fix="measure with a warm cache only, or put the slide on a local disk",
                ) from error
    finally:
        os.close(descriptor)
    return found / _PROBES


def make_cold(path: Path) -> None:
    """Write back what is dirty and forget the file's pages.

    Raises:
        CacheError: When the pages stay, as on a file system in memory.
    """
    for _ in range(_TRIES):
        _forget(path)
        share = cached_share(path)
        _forget(path)  # what the probes brought in
        if share <= COLD:
            return
    raise CacheError(
        f"{share:.0%} of {path} stayed in memory", fix="measure with a warm cache only, or use a local disk"
    )


def make_warm(path: Path) -> None:
    """Read the whole file once, so that it is in memory if it fits."""
    with path.open("rb") as stream:
        while stream.read(_CHUNK):
            pass


def _forget(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
