"""Run a command in a process of its own, and note its time, its CPU and the memory of all its processes."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, thread_time

import psutil

from unmissed.datasets.basis.errors import UnmissedError

_LOOK_S = 0.1
_FAMILY_S = 1.0  # to find descendants all processes of the machine are looked at: a millisecond or more
_LAST_WORDS = 2000


class ChildError(UnmissedError):
    """A command that is measured has failed."""


@dataclass(frozen=True, slots=True)
class MemorySample:
    """What a command used at a moment.

    Attributes:
        time_s: since its start.
        memory_bytes: resident memory of it and its descendants, private and shared pages alike.
    """

    time_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ChildRun:
    """How a command ended.

    Attributes:
        seconds: wall time from before its start until it was gone.
        cpu_s: user and system time of it and its descendants.
        peak_bytes: largest resident memory of all its processes together; descendants count from their second second
            on.
        watch_s: CPU time that watching it took in this process.
        stdout: what it printed.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int
    watch_s: float
    stdout: str


def run_child(
    arguments: Sequence[str],
    *,
    look_s: float = _LOOK_S,
    on_sample: Callable[[MemorySample], None] | None = None,
    timeout_s: float | None = None,
) -> ChildRun:
    """Run ``python -m`` with these arguments and wait for its end; see ``run_command``.

    Args:
        arguments: module and words, as ("unmissed.cli.app", "triage", ...).
        look_s, on_sample, timeout_s: as in ``run_command``.
    """
    command = [sys.executable, "-m", *arguments]
    return run_command(command, look_s=look_s, on_sample=on_sample, timeout_s=timeout_s)


def run_command(
    command: Sequence[str],
    *,
    look_s: float = _LOOK_S,
    on_sample: Callable[[MemorySample], None] | None = None,
    timeout_s: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> ChildRun:
    """Run a command and wait for its end.

    Args:
        command: program and words; no shell reads them.
        look_s: how often memory is looked at.
        on_sample: called with what was seen.
        timeout_s: the command is killed when it takes longer.
        environment: variables of the command; None hands on this process's.

    Raises:
        ChildError: When the command fails, with its last words.
    """
    started, cpu = perf_counter(), _children_s()
    process = subprocess.Popen(  # noqa: S603 - no shell, and a program of ours or of an environment that we made
        list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    watch = _Watch(process.pid, started, look_s, on_sample)
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except BaseException as error:
        _kill(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise ChildError(f"the command took longer than {timeout_s:g} s: {' '.join(command)}") from error
        raise
    finally:
        watch.stop()
    seconds = perf_counter() - started
    if process.returncode:
        raise ChildError(
            f"the command failed with exit code {process.returncode}: {' '.join(command)}\n{stderr[-_LAST_WORDS:]}",
            fix="run it by itself to see all it says",
        )
    return ChildRun(seconds, _children_s() - cpu, watch.peak_bytes, watch.cpu_s, stdout)


class _Watch:
    """Looks at a process and its descendants from a thread of its own."""

    def __init__(
        self, pid: int, started: float, look_s: float, on_sample: Callable[[MemorySample], None] | None
    ) -> None:
        self.peak_bytes, self.cpu_s = 0, 0.0
        self._pid, self._started, self._look_s, self._on_sample = pid, started, look_s, on_sample
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            first = psutil.Process(self._pid)
        except psutil.Error:  # gone already
            return
        family, found = [first], perf_counter()
        while not self._done.wait(self._look_s):
            if perf_counter() - found >= _FAMILY_S:
                family, found = _family(first), perf_counter()
            total = _memory_bytes(family)
            if total:
                self.peak_bytes = max(self.peak_bytes, total)
                if self._on_sample is not None:
                    self._on_sample(MemorySample(perf_counter() - self._started, total))
            self.cpu_s = thread_time()


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a process with its descendants: one that lives on holds the pipes open, and reading them would not end."""
    try:
        family = _family(psutil.Process(process.pid))
    except psutil.Error:  # gone already
        family = []
    for member in family:
        try:
            member.kill()
        except psutil.Error:
            continue
    process.communicate()


def _family(first: psutil.Process) -> list[psutil.Process]:
    """A process with its descendants."""
    try:
        return [first, *first.children(recursive=True)]
    except psutil.Error:  # gone
        return []


def _memory_bytes(family: Sequence[psutil.Process]) -> int:
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total


def _children_s() -> float:
    """CPU time of all children that have ended and were waited for."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)
