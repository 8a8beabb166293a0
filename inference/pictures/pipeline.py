"""What the pipelines of classes and of finds share: an engine, threads, and rows in the order of the pictures."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

import cv2

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.pictures.notes import PictureNote
from unmissed.inference.pictures.ordered import chunks, in_order
from unmissed.inference.runtimes.base import Runtime
from unmissed.inference.runtimes.registry import select
from unmissed.models.zoo import ModelFile

log = logging.getLogger(__name__)

Row = TypeVar("Row")


class PipelineOptions(TypedDict, total=False):
    """The options that every pipeline takes; see ``Pipeline``."""

    runtime: str
    batch_size: int | None
    workers: int | None
    threads: int | None
    device: str | None
    notes: tuple[str, ...]


class Pipeline(Closing, ABC, Generic[Row]):
    """A loaded model that turns pictures into rows.

    Args:
        model: model file, as ``unmissed.models.zoo.resolve`` returns it.
        assumed: what was assumed or ignored, for the user.
        runtime: name of the runtime.
        batch_size: pictures (of a heat map: canvases) per batch; None takes what suits the runtime.
        workers: threads that decode (and, on a CPU, infer); None takes the physical cores.
        threads: CPU threads inside one batch; None takes 1 where the workers run side by side, else all cores.
        device: number or name of the accelerator.
        notes: what the choice of the model's file has to say (``Choice.notes``).

    Attributes:
        session: the runtime's session (``provider``, ``batch_size``).
        notes: what the user has to know.

    Raises:
        RuntimeUnavailableError, ModelError: When the runtime cannot run here, or the model does not fit its card.
    """

    _chunk = 0  # pictures that a worker takes at once; 0: a batch

    def __init__(
        self,
        model: ModelFile,
        assumed: tuple[str, ...],
        *,
        runtime: str = "onnx-cpu",
        batch_size: int | None = None,
        workers: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        engine = select(runtime)
        cores = physical_cores()
        self.model, self.notes = model, (*notes, *assumed)
        self._usual = frozenset(map(str, model.card.training.get("usual_notes") or ()))
        self.threads = threads or (1 if engine.concurrent else cores)
        self.workers = workers or (max(1, cores // self.threads) if engine.concurrent else cores)
        batch_size = batch_size or self._batch_size(engine)
        self.session = engine.load(model, device=device, batch_size=batch_size, threads=self.threads)
        cv2.setNumThreads(1)  # the workers are the parallelism

    def predict(self, paths: Iterable[Path]) -> Iterator[Row]:
        """Run pictures through the model; one row each, in order.

        A picture that cannot be read becomes a row with its error and never stops the rest. Only a few batches are in
        memory at a time. Closing the iterator (or Ctrl-C) stops the workers.

        Raises:
            RuntimeUnavailableError: When the engine itself fails.
        """
        for note in self.notes:
            log.warning("%s", note)
        stop = threading.Event()
        work = partial(self._work, stop=stop, local=threading.local())
        for rows in in_order(work, chunks(paths, self._chunk or self.session.batch_size), self.workers, stop):
            yield from rows

    @abstractmethod
    def failure(self, path: Path, error: str) -> Row:
        """The row of a picture without a result."""

    def close(self) -> None:
        """Free the engine."""
        self.session.close()

    def _unusual(self, notes: Iterable[PictureNote]) -> tuple[PictureNote, ...]:
        """Notes without those that hold for most pictures that the model has learned from."""
        return tuple(note for note in notes if note.kind not in self._usual)

    def _batch_size(self, engine: Runtime) -> int | None:
        """What suits this kind of model; None takes what suits the runtime."""
        return None

    @abstractmethod
    def _work(self, chunk: Sequence[Path], stop: threading.Event, local: threading.local) -> Sequence[Row]:
        """The rows of some pictures; none once ``stop`` is set. ``local`` keeps what a thread uses again."""
