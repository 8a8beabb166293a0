"""What is kept of a live examination: every row is written, or waits in memory until the disk takes it again."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import write_bytes
from unmissed.datasets.basis.versions import package_versions
from unmissed.datasets.video import Gap
from unmissed.datasets.video.live import SILENT_S
from unmissed.inference.endoscopy.live.state import event_state, frame_state
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ExamResult, Scene
from unmissed.inference.endoscopy.watching.exam_folder import ExamFolder
from unmissed.inference.endoscopy.watching.following import Following
from unmissed.inference.endoscopy.watching.seeing import SeeingFacts, Seen

PHOTOS = "photos"
DOCTOR = "doctor"
"""Who examines, in the provenance of the results."""
_MOST_WAITING = 100_000  # an hour of rows
_CHECKPOINT_S = 10.0
AI_OFF, AI_STARTED = "the AI was off", "the AI was not ready yet"
_NOBODY = SeeingFacts({}, (), {})


class LiveExamination:
    """Follows and writes an examination; lives in the process of the recorder.

    Args:
        output: its folder.
        protocol: what it should contain.
        source: for the report.
        doctor: who examines; "" where nobody was named.

    Attributes:
        not_written: why rows are not on the disk at the moment; "" while they are.
        events: what the pages are told, from the first on.
        result: at the end.
    """

    def __init__(self, output: Path, protocol: Protocol, source: str, doctor: str = "") -> None:
        self.output, self._protocol, self._doctor = output, protocol, doctor
        self._following = Following(protocol, source)
        self._folder = ExamFolder(output, protocol, clocks=self._following.clocks, checkpoint_s=float("inf"))
        self._waiting: deque[Callable[[], None]] = deque(maxlen=_MOST_WAITING)
        self._kept_s, self._last_s = monotonic(), 0.0
        self._first_number = self._analysed = self._last_number = 0
        self.not_written, self.events, self.therapy = "", list[dict[str, Any]](), False
        self.facts, self._absence = _NOBODY, AI_STARTED
        self.result: ExamResult | None = None

    @property
    def seen_in_the_end(self) -> list[str] | None:
        """Sites as the report has them; None before the end, or where they are not assessed."""
        if self.result is None or self.result.coverage.score is None:
            return None
        return [site.code for site in self.result.coverage.sites if site.seen]

    def absent(self, reason: str) -> None:
        """Why frames are missing before the next one."""
        self._absence = reason

    def take(self, number: int, seen: Seen, image: Callable[[], np.ndarray | None]) -> dict[str, Any]:
        """Take what a frame showed; returns what the pages are told of it."""
        if self.therapy:
            sight = replace(seen.signals.sight, scene=Scene.INSTRUMENT)
            seen = replace(seen, signals=replace(seen.signals, sight=sight))
        signals = seen.signals
        if signals.time_s - self._last_s > SILENT_S or (self._analysed and self._absence):
            self._following.gap(Gap(self._last_s, signals.time_s, self._absence or "no picture arrived"))
        self._absence, self._last_s = "", signals.time_s
        self._first_number = self._first_number or number
        self._last_number, self._analysed = number, self._analysed + 1

        def picture() -> np.ndarray | None:
            whole = image()
            return None if whole is None else seen.cut(whole)

        self._following.take(seen, picture)
        self._waiting.append(lambda: self._folder.add(signals))
        self._flush()
        return frame_state(number, signals, seen.size_px, self._following.clocks(), self._following.seen_sites())

    def mark_caecum(self) -> None:
        """The user says that the caecum is reached."""
        self._following.mark_caecum(self._last_s)
        self._flush()

    def photo(self, data: bytes) -> str:
        """Keep a picture that the user took; returns its name, or "" when it could not be written."""
        name = f"{PHOTOS}/{self._last_s:08.2f}.jpg"
        try:
            write_bytes(self.output / name, data)
        except OutputError as error:
            self.not_written = str(error)
            return ""
        return name

    def finish(self, ended: str) -> bool:
        """Write the report; False while the disk does not take it, then it can be tried again."""
        if self.result is None:
            dropped = max(0, self._last_number - self._first_number + 1 - self._analysed) if self._analysed else 0
            result = self._following.finish(self.facts, ended, dropped)
            packages = ("unmissed", "numpy", "opencv-python-headless", "av", "onnxruntime")
            provenance = {"stream": {"live": True}, "versions": package_versions(packages)}
            provenance |= {"machine": hardware.describe(), **({DOCTOR: self._doctor} if self._doctor else {})}
            self.result = replace(result, provenance={**result.provenance, **provenance})
        self._flush()
        if self.not_written:
            return False
        try:
            self._folder.finish(self.result)
        except OutputError as error:
            self.not_written = str(error)
            return False
        return True

    def _flush(self) -> None:
        for event in self._following.new_events():
            self.events.append(event_state(len(self.events), event))
            self._waiting.append(lambda event=event: self._folder.add_event(event))  # type: ignore[misc]
        try:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()
            if monotonic() - self._kept_s > _CHECKPOINT_S and self.result is None:
                self._kept_s = monotonic()
                self._folder.checkpoint()
            self.not_written = ""
        except OutputError as error:
            self.not_written = str(error)
