"""Messages to another process that never hold up the sender: bounded, the oldest are dropped, a thread sends."""

import contextlib
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from unmissed.datasets.basis.closing import Closing

_MOST = 256


class Post(Closing):
    """Sends from a thread of its own.

    Args:
        connection: to the other process; one that is gone loses what was sent.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[Any] = deque(maxlen=_MOST)
        self._changed = threading.Condition()
        self._is_closed = False
        threading.Thread(target=self._run, name="post", daemon=True).start()

    def send(self, message: object) -> None:
        """Send when it can be sent."""
        with self._changed:
            self._waiting.append(message)
            self._changed.notify()

    def close(self) -> None:
        """Send no more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed and not self._waiting:
                    return
                message = self._waiting.popleft()
            with contextlib.suppress(OSError, ValueError):  # the other one is gone
                self._connection.send(message)
