"""Screens of a live examination: each gets the newest frame when it has painted the one before."""

import asyncio
import contextlib
import json
import struct
import time
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from unmissed.inference.endoscopy.live.state import Told

CREDIT = 2
_SMALL_PX, _LARGE_PX = 1280, 1920
_JUDGE_S = 3.0
_FEW, _MANY = 0.02, 0.1  # shares of frames that a screen could not take
_MOST_WAITING = 500
_MOST_COMMAND = 200
COMMANDS = ("caecum", "therapy", "photo", "end")


class Screen:
    """One page.

    Args:
        socket: accepted.
        greeting: what it is told first.
    """

    def __init__(self, socket: WebSocket, greeting: list[Told]) -> None:
        self._socket, self._credit = socket, CREDIT
        self._frame: bytes | None = None
        self._state: Told | None = None
        self._words: deque[Told] = deque(greeting, maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()
        self._wake.set()
        self.offered = self.missed = 0

    def offer(self, packet: bytes) -> None:
        """A frame; it takes the place of one that waits."""
        self.offered += 1
        self.missed += self._frame is not None
        self._frame = packet
        self._wake.set()

    def tell(self, words: Told) -> None:
        """Tell the page something; of the states only the newest."""
        if words["kind"] == "state":
            self._state = words
        else:
            self._words.append(words)
        self._wake.set()

    async def run(self, on_command: Callable[[str], None]) -> None:
        """Until the page leaves."""
        sending = asyncio.create_task(self._send())
        try:
            while True:
                text = await self._socket.receive_text()
                if text == "painted":
                    self._credit = min(CREDIT, self._credit + 1)
                    self._wake.set()
                elif len(text) < _MOST_COMMAND and text in COMMANDS:
                    on_command(text)
        except (WebSocketDisconnect, KeyError, RuntimeError):
            return
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await sending

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._words:
                await self._socket.send_text(json.dumps(self._words.popleft()))
            if self._state is not None:
                state, self._state = self._state, None
                await self._socket.send_text(json.dumps(state))
            if self._frame is not None and self._credit:
                self._credit -= 1
                frame, self._frame = self._frame, None
                await self._socket.send_bytes(frame)


class Hub:
    """All screens; used in the loop of the server, but for ``is_watched`` and ``long_side_px``.

    Args:
        plan: what does not change.
        events: so far.

    Attributes:
        long_side_px: of the pictures: more where every screen keeps up.
        newest: JPEG of the newest frame.
    """

    def __init__(self, plan: Told, events: list[Told]) -> None:
        self._plan, self._events = plan, list(events)
        self._latest: dict[str, Told] = {}
        self._screens = set[Screen]()
        self._judged_s, self.long_side_px = time.monotonic(), _SMALL_PX
        self.newest, self.painted = b"", asyncio.Event()

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._screens)

    def offer(self, header: Told, jpeg: bytes) -> None:
        """A frame for all screens, encoded once."""
        self.newest = jpeg
        self.painted.set()
        self.painted = asyncio.Event()
        words = json.dumps(header).encode()
        packet = struct.pack("<I", len(words)) + words + jpeg
        for screen in self._screens:
            screen.offer(packet)
        self._judge()

    def tell(self, words: Told) -> None:
        """Tell all screens, and those that come later what they need to know."""
        if words["kind"] == "event":
            self._events.append(words)
        else:
            self._latest[words["kind"]] = words
        for screen in self._screens:
            screen.tell(words)

    async def show(self, socket: WebSocket, on_command: Callable[[str], None]) -> None:
        """Serve a page until it leaves."""
        greeting = [self._plan, {"kind": "past", "events": self._events[-_MOST_WAITING:]}, *self._latest.values()]
        screen = Screen(socket, [words for words in greeting if words["kind"] not in ("photo", "clip")])
        self._screens.add(screen)
        try:
            await screen.run(on_command)
        finally:
            self._screens.discard(screen)

    def _judge(self) -> None:
        now_s = time.monotonic()
        if now_s - self._judged_s < _JUDGE_S:
            return
        self._judged_s = now_s
        worst = max((screen.missed / max(1, screen.offered) for screen in self._screens), default=1.0)
        if worst > _MANY:
            self.long_side_px = _SMALL_PX
        elif worst <= _FEW:
            self.long_side_px = _LARGE_PX
        for screen in self._screens:
            screen.offered = screen.missed = 0
