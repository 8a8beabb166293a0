"""What a live examination is, and what its server needs to take over."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.live.state import Told

ADDRESS, SESSIONS = "address", "sessions"


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """A live examination.

    Attributes:
        source: as ``open_video`` takes it.
        output: the folder of the examinations; this one gets a folder of its own in it.
        ai: how the AI runs.
        paced: a file is played at its own times.
        memory_mb: the AI is started again when it holds more.
        limit_s: it ends by itself after so much of the stream.
        doctor: who examines; "" where nobody was named.
    """

    source: str
    output: Path
    ai: AiSettings
    paced: bool = True
    memory_mb: int = 2000
    limit_s: float | None = None
    doctor: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ServerTask:
    """What a server needs to take over.

    Attributes:
        ring: name of the ring.
        source, paced: of the capture.
        output, folder: of all examinations, and of this one.
        listening: bound socket; it stays open while a server is replaced.
        plan, events: what pages are told first.
        kept: sessions of the server before; None for the first.
        over: the examination has ended.
    """

    ring: str
    source: str
    paced: bool
    output: Path
    folder: Path
    listening: socket.socket
    plan: Told
    events: list[Told] = field(default_factory=list)
    kept: Any = None
    over: bool = False
