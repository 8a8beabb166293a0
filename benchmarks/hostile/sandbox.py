"""A command in a process tree of its own: without a network, its memory and time watched, its files looked at."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from unmissed.benchmarks.hostile.values import MAX_BYTES

PORT = 18423
"""Of the server that nothing may call; it exists only inside the jail of a command."""

_LOOK_S = 0.25  # listing all processes costs; what one process took at most, the system counts
# What libraries leave in the temporary folder of every program that loads them: ONNX Runtime and torch.
_OF_LIBRARIES = (".ses", "torchinductor_")
_JAIL = Path(__file__).with_name("jail.py")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended.

    Attributes:
        code: exit code; 128 + the signal when one ended it.
        output: stdout and stderr.
        seconds, peak_bytes: wall time; memory of all its processes together.
        stopped: "time" or "memory" when the sandbox ended it, else "".
        calls: connections to the server that nothing may call.
        strays: files that it made, changed or left outside its output folder.
    """

    code: int
    output: str
    seconds: float
    peak_bytes: int
    stopped: str
    calls: int
    strays: tuple[str, ...]


@cache
def can_close_network() -> bool:
    """Whether a command can be given a network of its own, without a way out."""
    words = [*_unshare(), "true"]
    return bool(words[:-1]) and subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603


def run(words: Sequence[str], scratch: Path, watched: Sequence[Path], limit_s: float) -> Finished:
    """Run a command and watch it.

    Args:
        words: of the command.
        scratch: empty folder; home, working folder and temporary folder are made in it.
        watched: folders in which nothing may change.
        limit_s: wall time after which all its processes are killed.
    """
    home, here, temporary = (scratch / name for name in ("home", "cwd", "tmp"))
    for folder in (home, here, temporary):
        folder.mkdir(parents=True)
    report = scratch / "report"
    closed = can_close_network()
    jail = [*(_unshare() if closed else ()), sys.executable, "-I", "-S", str(_JAIL), str(PORT * closed), str(report)]
    before = {folder: contents(folder) for folder in watched}
    environment = {
        **os.environ,
        **{"HOME": str(home), "TMPDIR": str(temporary), "UNMISSED_CACHE": str(_cache_folder()), "COLUMNS": "500"},
        **{"XDG_CACHE_HOME": str(home), "MPLCONFIGDIR": str(home), "NO_COLOR": "1"},
    }
    with (scratch / "output").open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own words
            [*jail, *words],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid, started + limit_s)
        code = process.wait()
        seconds = time.monotonic() - started
        watch.end()
    calls, most_kib = map(int, report.read_text().split()) if report.is_file() else (0, 0)
    strays = [
        f"left {name}"
        for place in (here, temporary)
        for name in contents(place)
        if not name.removeprefix(f"{temporary}/").startswith(_OF_LIBRARIES)
    ]
    strays += [f"changed {name}" for folder, old in before.items() for name in _changed(folder, old)]
    return Finished(
        code=code if code >= 0 else 128 - code,
        output=(scratch / "output").read_text("utf-8", "replace"),
        seconds=seconds,
        peak_bytes=max(watch.peak_bytes, most_kib * 1024),
        stopped=watch.stopped,
        calls=calls,
        strays=tuple(strays),
    )


class _Watch(threading.Thread):
    """Adds up the memory of a tree of processes; kills it when it takes too much, or too long."""

    def __init__(self, pid: int, until: float) -> None:
        super().__init__(daemon=True)
        self._pid, self._until, self._ended = pid, until, threading.Event()
        self.peak_bytes, self.stopped = 0, ""
        self.start()

    def run(self) -> None:
        root = psutil.Process(self._pid)
        while not self._ended.wait(_LOOK_S):
            total = 0
            try:
                for process in (root, *root.children(recursive=True)):
                    total += process.memory_full_info().pss  # pages that processes share are there once
            except psutil.Error:
                continue
            self.peak_bytes = max(self.peak_bytes, total)
            if total > 2 * MAX_BYTES or time.monotonic() > self._until:
                self.stopped = "memory" if total > 2 * MAX_BYTES else "time"
                os.killpg(self._pid, signal.SIGKILL)
                return

    def end(self) -> None:
        self._ended.set()
        self.join()


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything below a folder, with size and time of change; links are not followed."""
    found = {}
    for current, folders, names in os.walk(folder):
        for name in (*folders, *names):
            about = os.lstat(os.path.join(current, name))  # noqa: PTH118 - names may be bytes that are no UTF-8
            found[os.path.join(current, name)] = (about.st_size, about.st_mtime_ns)  # noqa: PTH118
    return found


def _changed(folder: Path, before: Mapping[str, tuple[int, int]]) -> list[str]:
    now = contents(folder)
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


@cache
def _cache_folder() -> Path:
    """Verdicts on the models are remembered over the campaign, and not in the user's cache."""
    return Path(tempfile.mkdtemp(prefix="unmissed-hostile-cache-"))


def forget_cache() -> None:
    """Remove what the commands remembered."""
    shutil.rmtree(_cache_folder(), ignore_errors=True)
    _cache_folder.cache_clear()


@cache
def _unshare() -> tuple[str, ...]:
    program = shutil.which("unshare")
    if program is None:
        return ()
    return (program, "-n") if os.geteuid() == 0 else (program, "-rn")
