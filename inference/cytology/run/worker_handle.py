"""Starts and controls worker processes from the run's side: a crash, hang or kill affects only the worker's slide."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import Any

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.cytology.run.messages import Failed, MakeScreener, Message, SlideJob, WorkerProtocol
from unmissed.inference.cytology.run.worker_process import worker_main

WORKER_BYTES = 2 * 2**30  # twice what a slide of 80,000 px takes
_GRACE_S = 5.0  # for a worker that was asked to end


class Worker:
    """A process that loads the models once and then screens one slide after the other.

    Attributes:
        job: the slide it works on; None when it loads or waits.
        is_ready: the models are loaded.
        node: always this machine.
        waits_for: what to wait for until ``receive`` has something to say.
    """

    node = ""

    def __init__(self, make_screener: MakeScreener, settings: dict[str, Any], *, hashed: bool) -> None:
        # "spawn" starts clean on every system; a fork would copy the threads' locks in whatever state they are.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        # Daemons end with this process even where it forgets them.
        self._process = context.Process(target=worker_main, args=(theirs,), name="unmissed-triage", daemon=True)
        self._process.start()
        theirs.close()
        # Not as an argument of the process: its start would wait forever for one that dies before it reads so much.
        try:
            self._connection.send((make_screener, settings, hashed))
        except OSError:
            pass  # ``receive`` says how it died
        except BaseException:  # what cannot be pickled, or Ctrl-C
            self.kill()
            raise
        self._started = 0.0
        self.job: SlideJob | None = None
        self.is_ready = False

    @property
    def waits_for(self) -> tuple[Any, Any]:
        """Objects for ``multiprocessing.connection.wait``."""
        return self._connection, self._process.sentinel

    @property
    def seconds(self) -> float:
        """Wall time since the slide was given."""
        return monotonic() - self._started

    def assign(self, job: SlideJob, folder: Path) -> None:
        """Hand a slide to a worker that is ready, and the folder of its result; one that has just died says so in
        ``receive``.
        """
        self.job, self._started = job, monotonic()
        with suppress(OSError):
            self._connection.send((job, folder))

    def receive(self) -> Message | None:
        """What the worker has to say; None when nothing.

        A dead process yields ``Failed`` with the cause of its death.
        """
        was_alive = self._process.is_alive()  # asked first: what it said before its end is still in the pipe
        try:
            if self._connection.poll():
                message: Message = self._connection.recv()
                self.is_ready = True
                return message
        except (EOFError, OSError):
            was_alive = False  # its end of the pipe is closed
        if was_alive:
            return None
        self._process.join(_GRACE_S)
        return Failed(
            f"the worker died ({_cause(self._process.exitcode)}) while "
            + (f"reading {self.job.path}" if self.job else "loading the models"),
            fix="if memory was short, use fewer --workers; if the file is damaged, export it again",
            seconds=self.seconds if self.job else 0.0,
            worker_died=True,
        )

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._connection.close()
        self._process.join(_GRACE_S)

    def stop(self) -> None:
        """Let an idle worker free its models and end."""
        with suppress(OSError):  # it may be dead already
            self._connection.send(None)
        self._process.join(_GRACE_S)
        self.kill()


class LocalCrew:
    """Worker processes of this machine.

    Args:
        make_screener: loads the models in a worker.
        settings: what shapes a result; goes into its provenance.
        most: processes.
        hashed: put the SHA-256 of the whole file into the result.
    """

    most_deaths = 2  # a worker may die once for other reasons; twice on the same slide is attributed to the slide
    most_failures = 1  # here it would fail again

    def __init__(self, make_screener: MakeScreener, settings: Mapping[str, Any], most: int, *, hashed: bool) -> None:
        self._make = partial(Worker, make_screener, dict(settings), hashed=hashed)
        self.most = most

    def start(self, workers: Sequence[WorkerProtocol], wanted: int) -> list[WorkerProtocol]:
        """As many processes as have something to do; see ``CrewProtocol``."""
        return [self._make() for _ in range(min(self.most, wanted) - len(workers))]

    def wait(self, workers: Sequence[WorkerProtocol], timeout_s: float) -> bool:
        """Wait for a message or a death."""
        return bool(wait([item for worker in workers for item in worker.waits_for], timeout=timeout_s))  # type: ignore[attr-defined]

    def refuse(self, message: Failed, node: str, deaths: int) -> None:
        """What one process cannot load the others cannot load; a death may be a chance, once."""
        if not message.worker_died:
            raise UnmissedError(message.found, expected=message.expected, fix=message.fix)
        if deaths >= self.most_deaths:
            raise UnmissedError(
                message.found,
                fix="see its message above, or run `unmissed doctor`; if memory is short, use fewer --workers",
            )

    def close(self) -> None:
        """Nothing is left once the processes have ended."""


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
