"""The process of the AI: takes the newest frame from the ring, says what it shows, and may die at any time."""

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from unmissed.datasets.video import Frame
from unmissed.datasets.video.live import SILENT_S
from unmissed.inference.endoscopy.live.ring import FrameRing
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.watching.seeing import Seeing, Seen

_LOOK_S = 0.004
_FACTS_S = 5.0


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """What a frame of the ring showed."""

    number: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class AiSettings:
    """How the AI runs.

    Attributes:
        protocol: of the examination.
        niceness: by how much it gives way.
        cores: on which it runs; none: all.
        make_seeing: makes what looks at the frames, found by its name in the new process.
    """

    protocol: Protocol
    niceness: int = 10
    cores: tuple[int, ...] = ()
    make_seeing: Callable[[Protocol], Seeing] = Seeing


def run_ai(ring_name: str, recorder: Connection, settings: AiSettings) -> None:
    """Look at frames until the recorder is gone; the first message is ``SeeingFacts``, when the models are ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(settings.niceness)
    if settings.cores:
        os.sched_setaffinity(0, settings.cores)
    with FrameRing(ring_name) as ring, settings.make_seeing(settings.protocol) as seeing, contextlib.suppress(OSError):
        frame = None
        while frame is None and not recorder.poll(_LOOK_S):  # the recorder sends nothing: then it is gone
            frame = ring.read(ring.newest)
        if frame is not None:
            height, width = frame.image.shape[:2]
            seeing.looks.keep_pace(ring.fps, width, height)
            recorder.send(seeing.facts())
            _look(ring, seeing, recorder)


def _look(ring: FrameRing, seeing: Seeing, recorder: Connection) -> None:
    facts_s, last_s, number = time.monotonic(), math.inf, 0
    while not recorder.poll():
        frame = ring.read(ring.newest) if ring.newest > number else None
        if frame is None:
            time.sleep(_LOOK_S)
            continue
        if frame.time_s - last_s > SILENT_S:
            seeing.forget()
        recorder.send(SeenFrame(frame.number, seeing.see(Frame(frame.number, frame.time_s, frame.image))))
        ring.beat()
        number, last_s = frame.number, frame.time_s
        if time.monotonic() - facts_s > _FACTS_S:
            facts_s = time.monotonic()
            recorder.send(seeing.facts())
