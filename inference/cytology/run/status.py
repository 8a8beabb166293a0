"""How far a run is, from its folder alone: no connection to whoever works in it, and no clock but theirs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.clock import clock
from unmissed.datasets.basis.errors import OutputError
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.state import SlideState


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a run; what a killed run left as "running" is waiting.

    Attributes:
        owner: the process that works in the folder; empty when none does, as far as its lock shows.
        done: slides with a result.
        waiting: slides of the newest session that are not done yet.
        running: slide -> machine and begin of the attempt.
        failed: slide -> why.
        retried: slides that needed more than one attempt.
        slides_per_h, left_s: of the newest session; None before its first slide, or when it has ended.
    """

    owner: str
    done: int
    waiting: int
    running: Mapping[str, str]
    failed: Mapping[str, str]
    retried: int
    slides_per_h: float | None
    left_s: float | None

    def lines(self) -> list[str]:
        """For people."""
        total = self.done + len(self.failed) + len(self.running) + self.waiting
        words = [
            f"{self.done} of {total} slides done, {len(self.failed)} failed, {len(self.running)} running, "
            f"{self.waiting} waiting; {self.retried} needed more than one attempt",
            f"a run is working here: {self.owner}" if self.owner else "no run is working here",
        ]
        if self.slides_per_h is not None and self.left_s is not None:
            words.append(f"{self.slides_per_h:.0f} slides/h, {clock(self.left_s)} left")
        words += [f"running: {slide} {where}" for slide, where in self.running.items()]
        return words + [f"failed: {slide}: {why}" for slide, why in self.failed.items()]


def status_of(output: Path) -> RunStatus:
    """Read the states and the record of a run; nothing is written, and a run that works there is not disturbed.

    Raises:
        OutputError: When the folder holds no run, or a state is damaged.
    """
    if not (output / "run.json").is_file():
        raise OutputError(
            f"{output} holds no triage run", expected="the OUT of `unmissed triage`", fix="name that folder"
        )
    folder = RunFolder(output)
    states, sitting = folder.load_states(), _newest(folder.read_record())
    owner = folder.owner()
    kinds = Counter(state.status for state in states.values())
    running = {name: _where(state) for name, state in states.items() if state.status == "running" and owner}
    listed, ended = int(sitting.get("slides") or 0), int(sitting.get("screened") or 0)
    waiting = max(0, listed - ended - len(running))
    load_s = sitting.get("load_s")
    passed = float(sitting.get("seconds") or 0.0) - float(load_s or 0.0)
    speed = 3600 * ended / passed if owner and ended and load_s is not None and passed > 0 else None
    return RunStatus(
        owner=owner,
        done=kinds["done"],
        waiting=waiting,
        running=running,
        failed={name: state.error for name, state in states.items() if state.status == "failed"},
        retried=sum(len(state.attempts) > 1 for state in states.values()),
        slides_per_h=speed,
        left_s=None if speed is None else 3600 * (listed - ended) / speed,
    )


def _newest(record: Mapping[str, Any]) -> Mapping[str, Any]:
    sittings = record.get("sittings")
    newest = sittings[-1] if isinstance(sittings, list) and sittings else {}
    return newest if isinstance(newest, Mapping) else {}


def _where(state: SlideState) -> str:
    attempt = state.attempts[-1]
    return f"on {attempt.node or 'this machine'} since {attempt.started}, attempt {len(state.attempts)}"
