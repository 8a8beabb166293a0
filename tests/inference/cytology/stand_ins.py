"""Screeners for tests; a module of its own, because worker processes have to import it by name."""

import os
import signal
import time
from pathlib import Path

from unmissed.benchmarks.quick_screener import QuickScreener
from unmissed.datasets.errors import ModelError


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
            if "defect" in name:
                raise ZeroDivisionError("a defect")
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
