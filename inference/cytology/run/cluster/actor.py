"""The code that runs on a node: it checks that the node is fit, loads the models, and screens slides."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.basis.versions import package_versions
from unmissed.datasets.storage.private import private_folder, working_folder
from unmissed.datasets.storage.remote import StoreError
from unmissed.inference.cytology.run import messages
from unmissed.inference.cytology.run.messages import DeliveryProtocol, MakeScreener, Message, ScreenerProtocol, SlideJob
from unmissed.inference.cytology.run.worker_process import screen_into_folder
from unmissed.inference.cytology.screening.known_slide import code_of_screening

# What decodes, scales and computes: with another version a slide could get another score.
_PACKAGES = (
    *("unmissed", "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "torch", "pillow"),
    *("tifffile", "imagecodecs", "simplejpeg", "openslide-python", "openslide-bin"),
)


def software() -> dict[str, str]:
    """Versions of everything that shapes a score, and the hash of our code."""
    return {**package_versions(_PACKAGES), "code of unmissed": code_of_screening()[:12]}


@dataclass(frozen=True)
class Task:
    """What a node needs to know of a run.

    Attributes:
        make_screener: loads the models.
        settings: what shapes a result; goes into its provenance.
        hashed: put the SHA-256 of the whole file into the result.
        software: of the machine that started the run.
        place: where results go; a node that does not reach it is not fit.
        threads: that a slide gets.
    """

    make_screener: MakeScreener
    settings: Mapping[str, Any]
    hashed: bool
    software: Mapping[str, str]
    place: "DeliveryProtocol | SharedFolder"
    threads: int


@dataclass(frozen=True)
class SharedFolder:
    """The folder of a run, under the same path on all machines.

    Attributes:
        lock, owner: a file in it, and what that holds: a node that reads something else has another folder.
    """

    lock: Path
    owner: str

    def check(self) -> None:
        """Whether it is the folder of the run here, and can be written; OutputError when not."""
        try:
            shared = self.lock.read_text("utf-8") == self.owner
        except OSError:
            shared = False
        if not shared:
            raise OutputError(
                f"{self.lock.parents[1]} is not the folder of the run here",
                expected="the folder under the same path on all machines",
                fix="mount the share under the same path, then run the same command again; or let OUT be in a store",
            )
        probe = self.lock.with_name(f".{os.urandom(8).hex()}.partial")
        write_text(probe, "")
        probe.unlink()


class SlideWorker:
    """Screens slides on a node; each call returns a message."""

    _screener: ScreenerProtocol | None = None

    def load(self, task: Task) -> Message:
        """Check this node and load the models."""
        self._task = task
        try:
            self._check(task)
            self._screener = _with_threads(task)()
        except UnmissedError as error:
            return messages.Failed.from_error(error)
        except OSError as error:
            return messages.Failed(
                f"the models cannot be loaded: {error}", fix="install the same models on all machines"
            )
        return messages.Ready()

    def screen(self, job: SlideJob, folder: Path, send: Callable[[Path], None] | None) -> Message:
        """Screen a slide into a folder, or into one of this machine from which it is sent."""
        if self._screener is None:
            raise UnmissedError("no models are loaded")
        settings, hashed = dict(self._task.settings), self._task.hashed
        if send is None:
            return screen_into_folder(self._screener, job, folder, settings, hashed)
        try:
            with working_folder(private_folder("results", folder.parent.as_posix())) as here:
                message = screen_into_folder(self._screener, job, here, settings, hashed)
                if isinstance(message, messages.Done):
                    send(here)
                return message
        except UnmissedError as error:
            return messages.Failed.from_error(error, stops_run=isinstance(error, OutputError | StoreError))

    @staticmethod
    def _check(task: Task) -> None:
        here = software()
        other = [
            f"{name} is {here.get(name, 'missing')}, not {task.software.get(name, 'missing')}"
            for name in sorted(here.keys() | task.software.keys())
            if here.get(name) != task.software.get(name)
        ]
        if other:
            raise UnmissedError("; ".join(other), fix="install the same version of Unmissed on all machines")
        task.place.check()


def _with_threads(task: Task) -> MakeScreener:
    """The loader with the threads of this node, which may be fewer than those of the machine that made it."""
    make = task.make_screener
    if not isinstance(make, partial) or not make.args:
        return make
    threads = min(task.threads, physical_cores())
    return partial(make.func, replace(make.args[0], threads=threads))
