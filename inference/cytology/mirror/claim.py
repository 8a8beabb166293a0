"""Which run may write into a folder of a store: one at a time, without any clock but this machine's."""

import json
import os
import socket
import threading
from time import sleep
from uuid import uuid4

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.datasets.storage.remote import RemotePath, about, below, delete, put

_BEAT_S = 20.0
_DEAD_S = 90.0  # a claim that has not been renewed for so long is of a run that is dead


class Claim:
    """Says in the store that this run writes there, and renews it until ``release``.

    Args:
        folder: of the run.

    Attributes:
        lost: why this run may not write any more; empty while it may.

    Raises:
        OutputError: When another run renews its claim.
        StoreError: When the store does not answer or refuses.
    """

    def __init__(self, folder: RemotePath) -> None:
        self._path = below(folder, "state/.claim")
        self._name = f"process {os.getpid()} on {socket.gethostname()}"
        self.lost = ""
        there = about(self._path)
        if there:
            sleep(_DEAD_S)
            now = about(self._path)
            if now and now.tag != there.tag:
                raise OutputError(f"another run is writing into {folder}", fix="wait until it ends, or name another -o")
            there = now
        self._tag = self._renew(there.tag if there else None)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let others write."""
        self._ended.set()
        self._thread.join()
        if not self.lost:
            delete(self._path)

    def _renew(self, expected: str | None) -> str:
        data = json.dumps({"run": self._name, "id": uuid4().hex}).encode()
        tag = put(self._path, data, expected=expected)
        if tag is None:
            raise OutputError(
                f"another run has begun to write into {self._path.parent.parent}",
                fix="let one of them end, then run the same command again",
            )
        return tag

    def _keep(self) -> None:
        while not self._ended.wait(_BEAT_S):
            try:
                self._tag = self._renew(self._tag)
            except UnmissedError as error:
                self.lost = str(error)
                return
