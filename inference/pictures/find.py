"""Pictures in, finds out: a heat-map model over pictures of any size."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ConfigError, ImageError, ModelError
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.pictures.boxes import find_boxes
from unmissed.datasets.pictures.canvases import heat_map
from unmissed.datasets.pictures.images import read_image, scale_image
from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.inference.pictures.fitting import LARGEST_SCALE
from unmissed.inference.pictures.ordered import chunks, in_order
from unmissed.inference.pictures.rows import Find, FindRow
from unmissed.inference.runtimes.registry import select
from unmissed.models.zoo import ModelFile

log = logging.getLogger(__name__)

LARGEST_PX = 100_000_000  # of a picture brought to the model's scale, as of one that is read


class FindPipeline(Closing):
    """A loaded heat-map model that finds places in pictures.

    Parameters
    ----------
    model : model file, as ``unmissed.models.zoo.resolve`` returns it.
    runtime : name of the runtime.
    batch_size : canvases per batch; None takes one on a CPU, whose caches a canvas fills, and eight elsewhere.
    workers : pictures that are worked on side by side; None takes the physical cores.
    threads : CPU threads inside one batch; None takes 1 where the workers run side by side, else all cores.
    device : number or name of the accelerator.
    um_per_px : size of a pixel in the pictures; None means the model's.
    threshold : least score of a find; None takes the card's.
    max_per_image : keep the best finds of a picture; None keeps all.
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
        threshold: float | None = None,
        max_per_image: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        spec = model.card.heatmap
        if spec is None:
            raise ModelError(f"{model.card.name} is a {model.card.task} model", expected="a heat-map model")
        engine = select(runtime)
        cores = physical_cores()
        self.model = model
        self.threads = threads or (1 if engine.concurrent else cores)
        self.workers = workers or (max(1, cores // self.threads) if engine.concurrent else cores)
        self._spec, self._input = spec, model.card.picture_input
        self._threshold = spec.threshold if threshold is None else threshold
        self._max = max_per_image
        self._factor, assumed = _factor(self._input.um_per_px, um_per_px)
        self.notes = (*notes, *assumed)
        self.session = engine.load(
            model, device=device, batch_size=batch_size or (1 if engine.concurrent else 8), threads=self.threads
        )
        self._target = [model.card.class_ids.index(name) for name in spec.target]
        cv2.setNumThreads(1)  # the workers are the parallelism

    def find(self, paths: Iterable[Path]) -> Iterator[FindRow]:
        """Search pictures; one row each, in order.

        A picture that cannot be read becomes a row with its error and never stops the rest. Closing the iterator (or
        Ctrl-C) stops the workers.

        Raises
        ------
        RuntimeUnavailableError
            When the engine itself fails.
        """
        for note in self.notes:
            log.warning("%s", note)
        stop = threading.Event()

        def work(chunk: Sequence[Path]) -> list[FindRow]:
            return [] if stop.is_set() else [self._search(path) for path in chunk]

        for rows in in_order(work, chunks(paths, 1), self.workers, stop):
            yield from rows

    def find_in(self, image: np.ndarray) -> tuple[Find, ...]:
        """Search one picture, uint8 (height, width, 3) RGB; the highest score first."""
        height, width = image.shape[:2]
        fitted = scale_image(image, self._scale_of(height, width))
        maps = heat_map(
            fitted,
            self.session.run,
            size_px=self._input.size_px,
            stride_px=self._spec.stride_px,
            halo_px=self._spec.halo_px,
            at_once=self.session.batch_size,
        )
        chosen = maps[self._target]
        boxes, scores, cells = self._boxes(chosen.sum(axis=0))
        boxes, scores, cells = boxes[: self._max], scores[: self._max], cells[: self._max]
        best = chosen[:, cells[:, 0], cells[:, 1]].argmax(axis=0)
        # Sides are rounded when a picture is resized, so each axis has its own scale back.
        back = np.tile([width / fitted.shape[1], height / fitted.shape[0]], 2)
        boxes = np.clip(boxes * back, 0, np.tile([width, height], 2))
        return tuple(
            Find(left, top, right - left, bottom - top, self._spec.target[index], float(score))
            for (left, top, right, bottom), score, index in zip(boxes.tolist(), scores, best, strict=True)
        )

    def _boxes(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4) in pixels at the model's scale, their scores, and the cells (N, 2) of their peaks."""
        spec = self._spec
        if spec.box_px is None:
            return find_boxes(score, spec.stride_px, spec.radius_px, self._threshold)
        rows, columns, scores = find_peaks(score, spec.radius_px / spec.stride_px, self._threshold)
        centres = (np.stack([columns, rows], axis=1) + 0.5) * spec.stride_px
        boxes = np.concatenate([centres - spec.box_px / 2, centres + spec.box_px / 2], axis=1)
        limits = np.array(score.shape) - 1
        cells = np.clip(np.rint(np.stack([rows, columns], axis=1)), 0, limits).astype(int)
        return boxes, scores, cells

    def close(self) -> None:
        """Free the engine."""
        self.session.close()

    def _search(self, path: Path) -> FindRow:
        try:
            return FindRow(path, self.find_in(read_image(path)))
        except ImageError as error:
            return FindRow(path, (), str(error))
        except MemoryError:
            return FindRow(path, (), f"{path} needs more memory than is available; use fewer workers")

    def _scale_of(self, height: int, width: int) -> float:
        factor = self._factor if self._spec.picture_px is None else self._spec.picture_px / max(height, width)
        if height * width * factor**2 > LARGEST_PX:
            raise ImageError(
                f"a picture of {width} x {height} px is too large at the model's scale, {factor:.3g} times its own",
                expected=f"at most {LARGEST_PX:,} px",
                fix="check --um-per-px, open whole slides with `unmissed triage`, or cut the picture",
            )
        return factor


def _factor(model_um: float | None, um_per_px: float | None) -> tuple[float, tuple[str, ...]]:
    """By how much pictures are resized for the model, and what was assumed or ignored."""
    if model_um is None:
        ignored = um_per_px is not None
        return 1.0, ("um_per_px was ignored: the model's card gives no pixel size",) if ignored else ()
    if um_per_px is None:
        return 1.0, (f"assumed {model_um:g} um/px, the model's pixel size; set --um-per-px if it differs",)
    factor = um_per_px / model_um if um_per_px > 0 else 0.0
    if not 1 / LARGEST_SCALE <= factor <= LARGEST_SCALE:
        raise ConfigError(
            f"the pictures have {um_per_px} um/px, the model was trained at {model_um} um/px",
            expected=f"at most a factor of {LARGEST_SCALE:g} between them",
            fix="check the unit (0.25 um/px is a 40x objective) or take a model for this magnification",
        )
    return factor, ()
