"""The process of the recorder: owns the examination and the ring, and starts the others again when they end."""

import socket
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from unmissed.datasets.basis.files import make_folder
from unmissed.inference.endoscopy.live.ai import SeenFrame, run_ai
from unmissed.inference.endoscopy.live.clips import AlertClips
from unmissed.inference.endoscopy.live.examination import AI_OFF, LiveExamination
from unmissed.inference.endoscopy.live.ring import FrameRing
from unmissed.inference.endoscopy.live.settings import ADDRESS, SESSIONS, LiveSettings, ServerTask
from unmissed.inference.endoscopy.live.state import plan
from unmissed.inference.endoscopy.live.supervised import Supervised, preload
from unmissed.inference.endoscopy.values import EventKind
from unmissed.inference.endoscopy.watching.seeing import SeeingFacts

_TURN_S = 0.05
_HUNG_S = 2.0  # a look takes a tenth of that on the slowest machine that keeps up
_START_S = 30.0  # models of a cold disk
_MEMORY_EVERY_S = 1.0
RunServer = Callable[[ServerTask, Connection], None]


class Recorder:
    """Runs an examination with its two other processes.

    Args:
        settings: of the examination.
        listening: where the server answers.
        run_server: what the server runs, found by its name in the new process.
        on_address: called with the address to open, once.

    Attributes:
        examination: what is kept.
        ai, server: the processes.
        is_over: the report is written; the pages stay.
    """

    def __init__(
        self,
        settings: LiveSettings,
        listening: socket.socket,
        run_server: RunServer,
        on_address: Callable[[str], None] = lambda _: None,
    ) -> None:
        name = f"{datetime.now():%Y%m%d-%H%M%S}"
        self.folder = make_folder(settings.output) / name
        self._settings, self._on_address = settings, on_address
        self.examination = LiveExamination(self.folder, settings.ai.protocol, settings.source, settings.doctor)
        self._clips = AlertClips(self.folder, self._clip_written)
        self._ring = FrameRing()
        self._plan = plan(settings.ai.protocol, name)
        self._kept: Any = None
        self._source_state, self._asked_to_end, self._last_jpeg = ("", ""), "", b""
        self._is_ai_ready, self._ai_heard_s, self._told, self._memory_s = False, 0.0, dict[str, Any](), 0.0
        self._sent_events, self.is_over = 0, False
        preload(run_ai.__module__, run_server.__module__)
        self.ai = Supervised(run_ai, lambda line: (self._ring.name, line, settings.ai))

        def task(line: Connection) -> tuple[Any, ...]:
            events, over = list(self.examination.events), self.is_over
            arguments = (self._ring.name, settings.source, settings.paced, settings.output, self.folder, listening)
            return ServerTask(*arguments, self._plan, events, self._kept, over), line

        self.server = Supervised(run_server, task)

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Until ``is_stopped``, or the limit: it then ends the examination, if it has not ended, and returns."""
        try:
            while not is_stopped():
                self._turn()
                limit_s = self._settings.limit_s
                if limit_s is not None and self._ring.newest and self._ring.now_s() >= limit_s:
                    break
            self._end("stopped")
        finally:
            for one in (self.ai, self.server):
                one.close()
            self._ring.close()

    def _turn(self) -> None:
        self.server.keep()
        if not self.is_over:
            lives = self.ai.lives
            self.ai.keep()
            if self.ai.lives != lives:
                self._is_ai_ready, self._ai_heard_s = False, time.monotonic()
        lines: dict[Any, Supervised] = {
            one.connection: one for one in (self.ai, self.server) if one.connection is not None
        }
        for line in cast(list[Connection], wait(list(lines), _TURN_S)):
            one = lines[line]
            try:
                while line.poll():
                    self._take(line.recv())
            except Exception:  # a process that was killed may leave half a message
                one.gone()
                if one is self.ai:
                    self.examination.absent(AI_OFF)
        if not self.is_over:
            self._watch_ai()
            if self._asked_to_end and self._end(self._asked_to_end):
                self._asked_to_end = ""
        self._tell()

    def _watch_ai(self) -> None:
        now_s = time.monotonic()
        silent_s = now_s - self._ai_heard_s
        fresh = self._ring.read(self._ring.newest) if silent_s > _HUNG_S and self._is_ai_ready else None
        hangs = fresh is not None and time.monotonic_ns() - fresh.ready_ns < 1e9  # pictures come, answers do not
        if now_s - self._memory_s > _MEMORY_EVERY_S and self.ai.pid:
            self._memory_s = now_s
            hangs |= self.ai.memory_mb > self._settings.memory_mb
        if hangs or (not self._is_ai_ready and silent_s > _START_S):
            self.ai.gone()
            self.examination.absent(AI_OFF)

    def _take(self, message: Any) -> None:
        if isinstance(message, SeenFrame):
            self._ai_heard_s = time.monotonic()
            if self.is_over:
                return

            def image() -> Any:
                frame = self._ring.read(message.number)
                return None if frame is None else frame.image

            self.server.send(self.examination.take(message.number, message.seen, image))
            self._send_events()
        elif isinstance(message, SeeingFacts):
            self._is_ai_ready, self._ai_heard_s, self.examination.facts = True, time.monotonic(), message
        else:
            self._of_server(*message)

    def _of_server(self, kind: str, *values: Any) -> None:
        if kind == "jpeg":
            self._last_jpeg = values[1]
            if not self.is_over:
                self._clips.add(*values)
        elif kind == SESSIONS:
            self._kept = values[0]
        elif kind == ADDRESS:
            self._on_address(values[0])
        elif kind == "source":
            self._source_state = (values[0], values[1])
            if values[0] == "lost":
                self.examination.absent(values[1])
            if values[0] == "end":
                self._asked_to_end = values[1] or "end"
        elif not self.is_over:
            self._key(kind)

    def _key(self, name: str) -> None:
        if name == "end":
            self._asked_to_end = self._asked_to_end or "stopped"
        elif name == "caecum":
            self.examination.mark_caecum()
            self._send_events()
        elif name == "therapy":
            self.examination.therapy = not self.examination.therapy
        elif name == "photo" and self._last_jpeg:
            kept = self.examination.photo(self._last_jpeg)
            self.server.send({"kind": "photo", "name": kept})

    def _end(self, ended: str) -> bool:
        if self.is_over:
            return True
        self._clips.finish()
        self.is_over = self.examination.finish(ended)
        self._send_events()
        if self.is_over:
            self.ai.close()
        return self.is_over

    def _send_events(self) -> None:
        fresh = self.examination.events[self._sent_events :]
        self._sent_events += len(fresh)
        for event in fresh:
            if event["event"] == EventKind.LESION:
                self._clips.alert(event["t"])
            self.server.send(event)

    def _clip_written(self, name: str) -> None:
        self.server.send({"kind": "clip", "name": name})

    def _tell(self) -> None:
        facts = {
            "kind": "facts",
            "ai": bool(self._is_ai_ready and self.ai.connection),
            "ai_lives": self.ai.lives,
            "server_lives": self.server.lives,
            "source": self._source_state,
            "not_written": self.examination.not_written,
            "therapy": self.examination.therapy,
            "ending": self._asked_to_end,
            "over": self.is_over,
            "seen": self.examination.seen_in_the_end,
        }
        if facts != self._told:
            self._told = facts
            self.server.send(facts)
