"""Pictures in, probabilities out: decoding and inference overlap, results come in input order."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from unmissed.datasets.basis.errors import ModelError, UnmissedError
from unmissed.datasets.pictures.appearance import appearance
from unmissed.datasets.pictures.notes import NoteCount, PictureNote
from unmissed.datasets.records import Record
from unmissed.inference.pictures.fitting import RecordReader, path_reader
from unmissed.inference.pictures.ordered import chunks, in_order
from unmissed.inference.pictures.pipeline import Pipeline, PipelineOptions
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.models.zoo import ModelFile

log = logging.getLogger(__name__)


class Predictor(Pipeline[PredictionRow]):
    """A loaded model that classifies pictures.

    Each worker thread decodes a whole batch and runs it, so that no picture is handed from thread to thread; decoding
    and inference overlap because the workers are at different points. On a CPU every worker runs the model on one
    thread; accelerators take the workers' batches in turn.

    Args:
        model: model file, as ``unmissed.models.zoo.resolve`` returns it.
        um_per_px: size of a pixel in the user's pictures; only models with a card's ``um_per_px`` and fit "crop" use
            it.
        options: see ``Pipeline``.

    Raises:
        RuntimeUnavailableError, ModelError, ConfigError: When the runtime cannot run here, or the model or
            ``um_per_px`` does not fit.
    """

    def __init__(self, model: ModelFile, *, um_per_px: float | None = None, **options: Unpack[PipelineOptions]) -> None:
        if model.card.task != "classification":
            raise ModelError(
                f"{model.card.name} is a {model.card.task} model", expected="a classification model", fix="see its card"
            )
        self._prepare, assumed = path_reader(model.card.picture_input, um_per_px)
        known = model.card.familiarity
        self._familiarity = known if known and known.is_known else None
        super().__init__(model, assumed, **options)

    def failure(self, path: Path, error: str) -> PredictionRow:
        """The row of a picture without a result."""
        return PredictionRow(path, None, error)

    def classify_records(self, records: Sequence[Record]) -> np.ndarray:
        """Classify labelled records; what is to be said of their pictures goes to the log, a line for each kind.

        A record with a centre is cut around it at native scale; the others are fitted as in ``predict``.

        Returns:
            float32 (N, K), in the order of ``records``.

        Raises:
            ImageError: For the first picture that cannot be read: a measurement must not leave out pictures silently.
        """
        result = np.empty((len(records), len(self.model.card.classes)), np.float32)
        # Places of one picture side by side, so that it is decoded once.
        order = sorted(range(len(records)), key=lambda index: str(records[index].path))
        stop = threading.Event()
        local = threading.local()
        count = NoteCount()

        def work(chunk: Sequence[int]) -> Sequence[int]:
            if not hasattr(local, "buffer"):
                local.buffer, local.read = self._new_buffer(), RecordReader(self.model.card.picture_input)
            for position, index in enumerate(chunk):
                if stop.is_set():
                    return ()
                picture, notes = local.read(records[index])
                local.buffer[position] = picture
                count.add(records[index].path.name, self._unusual((*notes, *self._unlike(picture))))
            result[list(chunk)] = self.session.run(local.buffer[: len(chunk)])
            return chunk

        for _ in in_order(work, chunks(order, self.session.batch_size), self.workers, stop):
            pass
        for line in count.lines():
            log.warning("%s", line)
        return result

    def _unlike(self, picture: np.ndarray) -> tuple[PictureNote, ...]:
        """The note on a picture, as the model takes it, that does not look like those that it learned from."""
        return self._familiarity.of(appearance(picture), 1).notes() if self._familiarity else ()

    def _new_buffer(self) -> np.ndarray:
        side = self.session.input_size
        return np.empty((self.session.batch_size, side, side, 3), np.uint8)

    def _work(self, chunk: Sequence[Path], stop: threading.Event, local: threading.local) -> list[PredictionRow]:
        if not hasattr(local, "buffer"):
            local.buffer = self._new_buffer()
        errors: dict[int, str] = {}
        notes: dict[int, tuple[PictureNote, ...]] = {}
        used = 0
        for index, path in enumerate(chunk):
            if stop.is_set():
                return []
            try:
                local.buffer[used], found = self._prepare(path)
                notes[index] = self._unusual((*found, *self._unlike(local.buffer[used])))
            except UnmissedError as error:
                errors[index] = str(error)
            except MemoryError:
                errors[index] = f"{path} needs more memory than is available; use fewer workers"
            else:
                used += 1
        answers = iter(self.session.run(local.buffer[:used]))
        return [
            self.failure(path, errors[index])
            if index in errors
            else PredictionRow(path, next(answers), notes=notes[index])
            for index, path in enumerate(chunk)
        ]
