"""Screeners for tests; a module of its own, because worker processes have to import it by name."""

import os
import signal
import threading
import time
from multiprocessing import Pipe
from pathlib import Path

from unmissed.datasets.basis.errors import ModelError, OutputError
from unmissed.inference.cytology.run.worker_handle import Worker
from unmissed.inference.cytology.run.worker_process import serve
from unmissed.testing.quick_screener import QuickScreener


class Troubled(QuickScreener):
    """Does to a slide what its name asks for; ``once`` in the name makes the second try go well."""

    def screen(self, slide, name, path):
        if "once" not in name or self._is_first(path):
            if "crash" in name:
                os.kill(os.getpid(), signal.SIGSEGV)
            if "killed" in name:
                os.kill(os.getpid(), signal.SIGKILL)
            if "hang" in name:
                time.sleep(600)
            if "slow" in name:
                time.sleep(2)
            if "defect" in name:
                raise ZeroDivisionError("a defect")
            if "full" in name:
                raise OutputError("cannot write: the disk is full", fix="free some space")
            if "memory" in name:
                raise MemoryError
        return super().screen(slide, name, path)

    @staticmethod
    def _is_first(path):
        seen = Path(path).with_suffix(".seen")
        first = not seen.exists()
        seen.touch()
        return first


class Dying(QuickScreener):
    """Dies while it is loaded."""

    def __init__(self):
        os.kill(os.getpid(), signal.SIGKILL)


def without_models():
    raise ModelError("no model 'nucleus-finder'", fix="install it")


class Local(Worker):
    """A worker that is a thread of this process: the same conduct without the second that a process takes to start."""

    def __init__(self, make_screener, settings, *, hashed):
        self._connection, theirs = Pipe()
        self._process = _Thread(theirs, make_screener, settings, hashed)
        self._started = 0.0
        self.job = None
        self.is_ready = False


class _Thread:
    exitcode = 0

    def __init__(self, *words):
        self.sentinel, self._silent = Pipe()
        self._thread = threading.Thread(target=serve, args=words, daemon=True)
        self._thread.start()
        self.is_alive, self.join = self._thread.is_alive, self._thread.join

    def kill(self):
        """A thread cannot be killed; the tests that need it use processes."""
