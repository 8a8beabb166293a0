"""A screen of a live examination without a browser: takes pictures and words, and acknowledges each picture."""

import json
import struct
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def enter(address: str) -> tuple[str, str]:
    """Host with port, and the cookie that the link gives, which works once."""
    where, path = address.removeprefix("http://").split("/", 1)
    door = HTTPConnection(where)
    door.request("GET", f"/{path}")
    return where, str(door.getresponse().getheader("set-cookie")).split(";")[0]


class LiveScreen:
    """Connected until its process ends.

    Args:
        where: host with port.
        cookie: of ``enter``; "" has none.
        options: of ``websockets``, in place of the usual ones.

    Attributes:
        socket: takes commands.
        pictures: (``time.monotonic`` of the arrival, header) of each.
        words: what was told, with ``heard_s``.
        facts: the newest.
    """

    def __init__(self, where: str, cookie: str, **options: Any) -> None:
        headers = {"Cookie": cookie} if cookie else {}
        settings: dict[str, Any] = {"origin": f"http://{where}", "max_size": None, **options}
        self.socket = connect(f"ws://{where}/screen", additional_headers=headers, **settings).__enter__()
        self.pictures, self.words = list[tuple[float, dict[str, Any]]](), list[dict[str, Any]]()
        self.facts: dict[str, Any] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def events(self) -> list[str]:
        """Kinds of the events so far."""
        return [words["event"] for words in self.words if words["kind"] == "event"]

    def _run(self) -> None:
        with suppress(OSError, ConnectionClosed):  # the server was killed
            for message in self.socket:
                if isinstance(message, str):
                    words = {**json.loads(message), "heard_s": time.monotonic()}
                    self.words.append(words)
                    if words["kind"] == "facts":
                        self.facts = words
                    continue
                length = struct.unpack_from("<I", message)[0]
                if message[4 + length : 6 + length] != b"\xff\xd8":
                    raise ValueError("what came is no JPEG")
                self.pictures.append((time.monotonic(), json.loads(message[4 : 4 + length])))
                self.socket.send("painted")
