"""Pictures in, probabilities out: decoding and inference overlap, results come in input order."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ModelError, UnmissedError
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.records import Record
from unmissed.inference.pictures.fitting import Prepare, RecordReader, path_reader
from unmissed.inference.pictures.ordered import chunks, in_order
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.runtimes.registry import select
from unmissed.models.zoo import ModelFile

log = logging.getLogger(__name__)


class Predictor(Closing):
    """A loaded model that classifies pictures.

    Each worker thread decodes a whole batch and runs it, so that no picture is handed from thread to thread; decoding
    and inference overlap because the workers are at different points. On a CPU every worker runs the model on one
    thread; accelerators take the workers' batches in turn.

    Parameters
    ----------
    model : model file, as ``unmissed.models.zoo.resolve`` returns it.
    runtime : name of the runtime.
    batch_size : pictures per batch; None takes what suits the runtime.
    workers : threads that decode (and, on a CPU, infer); None takes the physical cores.
    threads : CPU threads inside one batch; None takes 1 where the workers run side by side, else all cores.
    device : number or name of the accelerator.
    um_per_px : size of a pixel in the pictures; only models with a card's ``um_per_px`` and fit "crop" use it.
    notes : what the choice of the model's file has to say (``Choice.notes``).

    Attributes
    ----------
    session : the runtime's session (``provider``, ``batch_size``).
    notes : what was assumed or ignored, for the user.

    Raises
    ------
    RuntimeUnavailableError, ModelError, ConfigError
        When the runtime cannot run here, or the model or ``um_per_px`` does not fit.
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        runtime: str = "onnx-cpu",
        batch_size: int | None = None,
        workers: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        um_per_px: float | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        if model.card.task != "classification":
            raise ModelError(
                f"{model.card.name} is a {model.card.task} model", expected="a classification model", fix="see its card"
            )
        engine = select(runtime)
        cores = physical_cores()
        self.model = model
        self.threads = threads or (1 if engine.concurrent else cores)
        self.workers = workers or (max(1, cores // self.threads) if engine.concurrent else cores)
        self._prepare, assumed = path_reader(model.card.picture_input, um_per_px)
        self.notes = (*notes, *assumed)
        self.session = engine.load(model, device=device, batch_size=batch_size, threads=self.threads)
        cv2.setNumThreads(1)  # the workers are the parallelism

    def predict(self, paths: Iterable[Path]) -> Iterator[PredictionRow]:
        """Classify pictures; one row each, in order.

        A picture that cannot be read becomes a row with its error and never stops the rest. Only a few batches are in
        memory at a time. Closing the iterator (or Ctrl-C) stops the workers.

        Raises
        ------
        RuntimeUnavailableError
            When the engine itself fails.
        """
        for note in self.notes:
            log.warning("%s", note)
        stop = threading.Event()
        local = threading.local()

        def work(chunk: Sequence[Path]) -> list[PredictionRow]:
            if not hasattr(local, "buffer"):
                local.buffer = self._new_buffer()
            return _classify(chunk, self._prepare, self.session.run, local.buffer, stop)

        for rows in in_order(work, chunks(paths, self.session.batch_size), self.workers, stop):
            yield from rows

    def classify_records(self, records: Sequence[Record]) -> np.ndarray:
        """Classify labelled records.

        A record with a centre is cut around it at native scale; the others are fitted as in ``predict``.

        Returns
        -------
        float32 (N, K), in the order of ``records``.

        Raises
        ------
        ImageError
            For the first picture that cannot be read: a measurement must not leave out pictures silently.
        """
        result = np.empty((len(records), len(self.model.card.classes)), np.float32)
        # Places of one picture side by side, so that it is decoded once.
        order = sorted(range(len(records)), key=lambda index: str(records[index].path))
        stop = threading.Event()
        local = threading.local()

        def work(chunk: Sequence[int]) -> Sequence[int]:
            if not hasattr(local, "buffer"):
                local.buffer, local.read = self._new_buffer(), RecordReader(self.model.card.picture_input)
            for position, index in enumerate(chunk):
                if stop.is_set():
                    return ()
                local.buffer[position] = local.read(records[index])
            result[list(chunk)] = self.session.run(local.buffer[: len(chunk)])
            return chunk

        for _ in in_order(work, chunks(order, self.session.batch_size), self.workers, stop):
            pass
        return result

    def close(self) -> None:
        """Free the engine."""
        self.session.close()

    def _new_buffer(self) -> np.ndarray:
        side = self.session.input_size
        return np.empty((self.session.batch_size, side, side, 3), np.uint8)


def predict_paths(
    model: ModelFile,
    paths: Iterable[Path],
    *,
    runtime: str = "onnx-cpu",
    batch_size: int | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    um_per_px: float | None = None,
) -> Iterator[PredictionRow]:
    """Load a model, classify pictures and free the model; see ``Predictor``."""
    with Predictor(
        model,
        runtime=runtime,
        batch_size=batch_size,
        workers=workers,
        threads=threads,
        device=device,
        um_per_px=um_per_px,
    ) as predictor:
        yield from predictor.predict(paths)


def classify_records(
    model: ModelFile,
    records: Sequence[Record],
    *,
    runtime: str = "onnx-cpu",
    batch_size: int | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str | None = None,
) -> np.ndarray:
    """Load a model, classify labelled records, float32 (N, K), and free the model; see ``Predictor``."""
    with Predictor(
        model, runtime=runtime, batch_size=batch_size, workers=workers, threads=threads, device=device
    ) as predictor:
        return predictor.classify_records(records)


def _classify(
    paths: Sequence[Path],
    prepare: Prepare,
    run: Callable[[np.ndarray], np.ndarray],
    buffer: np.ndarray,
    stop: threading.Event,
) -> list[PredictionRow]:
    errors: dict[int, str] = {}
    used = 0
    for index, path in enumerate(paths):
        if stop.is_set():
            return []
        try:
            buffer[used] = prepare(path)
        except UnmissedError as error:
            errors[index] = str(error)
        except MemoryError:
            errors[index] = f"{path} needs more memory than is available; use fewer workers"
        else:
            used += 1
    found = iter(run(buffer[:used]))
    return [
        PredictionRow(path, None, errors[index]) if index in errors else PredictionRow(path, next(found))
        for index, path in enumerate(paths)
    ]
