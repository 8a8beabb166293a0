"""Whether slides open, asked in a process of its own: a file that crashes its reader must not stop the service."""

from multiprocessing.connection import wait
from pathlib import Path
from typing import NoReturn

from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.inference.cytology.run.messages import Failed, SlideJob
from unmissed.inference.cytology.run.worker_handle import Worker

_MOST_S = 120.0  # a reader that takes longer to open a slide hangs
_OPENS = "it opens"


class _OpensOnly:
    """A screener that screens nothing: what its worker says of a slide that opens is ``_OPENS``."""

    def screen(self, slide: Slide, name: str, path: str) -> NoReturn:
        raise SlideError(_OPENS)

    def close(self) -> None:
        """Nothing to free."""


class Opener:
    """Opens one slide at a time, beside what else goes on."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    @property
    def is_free(self) -> bool:
        """Whether it can be asked; it starts when it is looked at for the first time."""
        self._worker = self._worker or Worker(_OpensOnly, {}, hashed=False)
        return self._worker.is_ready and self._worker.job is None

    def ask(self, path: Path) -> None:
        """Begin to open a slide."""
        if self._worker:
            self._worker.assign(SlideJob(path), path)

    def answer(self, most_s: float) -> tuple[Path, str] | None:
        """The slide that was asked for, and why it cannot be opened: empty when it can; None when that takes longer."""
        worker = self._worker
        if worker is None:
            return None
        wait(worker.waits_for, most_s)
        message, job = worker.receive(), worker.job
        if job and worker.seconds > _MOST_S:
            message = Failed(f"opening {job.path} took longer than {_MOST_S:g} s", worker_died=True)
        if not isinstance(message, Failed):
            return None
        worker.job = None
        if message.worker_died:
            self.close()
        return (job.path, "" if message.found == _OPENS else str(message)) if job else None

    def close(self) -> None:
        """End the process; the next question starts another."""
        if self._worker:
            self._worker.kill()
        self._worker = None
