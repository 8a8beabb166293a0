"""A process that is started again whenever it ends, and its line to this one."""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.closing import Closing
from unmissed.inference.endoscopy.live.post import Post

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.0, 10.0
_SETTLED_S = 3.0  # who lived so long is started again at once
_START = multiprocessing.get_context("forkserver")


def preload(*modules: str) -> None:
    """Have modules imported once, so that a process is there again in a fraction of a second."""
    _START.set_forkserver_preload(list(modules))


class Supervised(Closing):
    """A child process.

    Args:
        target: called with ``arguments`` and its end of the line.
        arguments: gives them, anew for every start.

    Attributes:
        lives: how often it was started.
        connection: what it says; None while it is not there.
    """

    def __init__(self, target: Callable[..., None], arguments: Callable[[Connection], tuple[Any, ...]]) -> None:
        self._target, self._arguments = target, arguments
        self.lives, self._wait_s, self._due_s, self._born_s = 0, _FIRST_WAIT_S, 0.0, 0.0
        self.connection: Connection | None = None
        self._process: Any = None
        self._post: Post | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None while it is not there."""
        return None if self._process is None else self._process.pid

    @property
    def memory_mb(self) -> float:
        """Resident memory, where the system tells it (Linux); else 0."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def send(self, message: object) -> None:
        """Tell it something, if it is there."""
        if self._post is not None:
            self._post.send(message)

    def keep(self) -> None:
        """Start it if it is not there and its turn has come."""
        if self._process is not None and not self._process.is_alive():
            self.gone()
        if self._process is not None or time.monotonic() < self._due_s:
            return
        self.connection, theirs = _START.Pipe()
        self._process = _START.Process(target=self._target, args=self._arguments(theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._post = Post(self.connection)
        self.lives, self._born_s = self.lives + 1, time.monotonic()

    def gone(self) -> None:
        """It has ended, or is to: kill what is left; ``keep`` starts it again, ever later if it does not live."""
        if self._process is None:
            return
        self._process.kill()
        self._process.join(2.0)
        lived_s = time.monotonic() - self._born_s
        settled = lived_s > _SETTLED_S
        self._wait_s = _FIRST_WAIT_S if settled else min(max(2 * self._wait_s, 0.1), _LONGEST_WAIT_S)
        self._due_s = time.monotonic() + (0.0 if self.lives == 1 else self._wait_s)
        self._leave()

    def close(self) -> None:
        """End it: it leaves when its line is cut, else it is killed."""
        process = self._process
        self._leave()
        if process is not None:
            process.join(3.0)
            process.kill()

    def _leave(self) -> None:
        if self._post is not None:
            self._post.close()
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.close()
        self._process = self._post = self.connection = None
