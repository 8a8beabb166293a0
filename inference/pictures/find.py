"""Pictures in, finds out: a heat-map model over pictures of any size."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from unmissed.datasets.basis.errors import ImageError, ModelError
from unmissed.datasets.pictures.boxes import find_boxes
from unmissed.datasets.pictures.canvases import heat_map
from unmissed.datasets.pictures.endoscope_area import endoscope_box
from unmissed.datasets.pictures.images import read_picture, scale_image
from unmissed.datasets.pictures.notes import PictureNote, check_side, notes_on_content, notes_on_size
from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.inference.pictures.fitting import check_scale
from unmissed.inference.pictures.pipeline import Pipeline, PipelineOptions
from unmissed.inference.pictures.rows import Find, FindRow
from unmissed.inference.runtimes.base import Runtime
from unmissed.models.zoo import ModelFile

LARGEST_PX = 100_000_000  # of a picture brought to the model's scale, as of one that is read


class FindPipeline(Pipeline[FindRow]):
    """A loaded heat-map model that finds places in pictures, the highest score first.

    A batch is one canvas on a CPU, whose caches a canvas fills, and eight elsewhere.

    Args:
        model: model file, as ``unmissed.models.zoo.resolve`` returns it.
        um_per_px: size of a pixel in the pictures; None means the model's.
        threshold: least score of a find; None takes the card's.
        max_per_image: keep the best finds of a picture; None keeps all.
        options: see ``Pipeline``.

    Raises:
        RuntimeUnavailableError, ModelError, ConfigError: When the runtime cannot run here, or the model or
            ``um_per_px`` does not fit.
    """

    _chunk = 1

    def __init__(
        self,
        model: ModelFile,
        *,
        um_per_px: float | None = None,
        threshold: float | None = None,
        max_per_image: int | None = None,
        **options: Unpack[PipelineOptions],
    ) -> None:
        spec = model.card.heatmap
        if spec is None:
            raise ModelError(f"{model.card.name} is a {model.card.task} model", expected="a heat-map model")
        self._spec, self._input = spec, model.card.picture_input
        self._threshold = spec.threshold if threshold is None else threshold
        self._max = max_per_image
        self._factor, assumed = _factor(self._input.um_per_px, um_per_px)
        self._target = [model.card.class_ids.index(name) for name in spec.target]
        super().__init__(model, assumed, **options)

    def failure(self, path: Path, error: str) -> FindRow:
        """The row of a picture that was not searched."""
        return FindRow(path, (), error)

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
        peaks = chosen[:, cells[:, 0], cells[:, 1]]
        best, shares = peaks.argmax(axis=0), peaks.max(axis=0) / peaks.sum(axis=0)
        # Sides are rounded when a picture is resized, so each axis has its own scale back.
        back = np.tile([width / fitted.shape[1], height / fitted.shape[0]], 2)
        boxes = np.clip(boxes * back, 0, np.tile([width, height], 2))
        return tuple(
            Find(left, top, right - left, bottom - top, self._spec.target[index], float(score), float(share))
            for (left, top, right, bottom), score, index, share in zip(
                boxes.tolist(), scores, best, shares, strict=True
            )
        )

    def find_in_still(self, image: np.ndarray) -> tuple[Find, ...]:
        """As ``find_in``, after the cut to what the endoscope shows where the card asks for it; places are those of
        the whole picture."""
        if self._input.area is None:
            return self.find_in(image)
        left, top, right, bottom = endoscope_box(image)
        finds = self.find_in(image[top:bottom, left:right])
        return tuple(replace(find, x_px=find.x_px + left, y_px=find.y_px + top) for find in finds)

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

    def _batch_size(self, engine: Runtime) -> int:
        return 1 if engine.concurrent else 8

    def _work(self, chunk: Sequence[Path], stop: threading.Event, local: threading.local) -> list[FindRow]:
        return [] if stop.is_set() else [self._search(path) for path in chunk]

    def _search(self, path: Path) -> FindRow:
        try:
            picture = read_picture(path)
            check_side(str(path), picture.width_px, picture.height_px)
            notes = (*picture.notes, *self._notes(picture.pixels), *notes_on_content(picture.pixels))
            return FindRow(path, self.find_in_still(picture.pixels), notes=self._unusual(notes))
        except ImageError as error:
            return self.failure(path, str(error))
        except MemoryError:
            return self.failure(path, f"{path} needs more memory than is available; use fewer workers")

    def _notes(self, image: np.ndarray) -> tuple[PictureNote, ...]:
        """Notes on a picture that is too small for finds: enlarged too much, or narrower than what a find needs."""
        height, width = image.shape[:2]
        if self._spec.picture_px is not None:
            return notes_on_size(width, height, self._spec.picture_px, "pad")
        around_px = (self._spec.box_px or self._spec.radius_px) * 2 / self._scale_of(height, width)
        return notes_on_size(width, height, round(around_px), "crop")

    def _scale_of(self, height: int, width: int) -> float:
        factor = self._factor if self._spec.picture_px is None else self._spec.picture_px / max(height, width)
        if height * width * factor**2 > LARGEST_PX:
            raise ImageError(
                f"a picture of {width} x {height} px is too large at the model's scale, {factor:.3g} times its own",
                expected=f"at most {LARGEST_PX:,} px",
                fix="check --um-per-px, or cut out the part that is meant; whole slides are for `unmissed triage`",
            )
        return factor


def _factor(model_um: float | None, um_per_px: float | None) -> tuple[float, tuple[str, ...]]:
    """By how much pictures are resized for the model, and what was assumed or ignored."""
    if model_um is None:
        ignored = um_per_px is not None
        return 1.0, ("um_per_px was ignored: the model's card gives no pixel size",) if ignored else ()
    if um_per_px is None:
        return 1.0, (f"assumed {model_um:g} um/px, the model's pixel size; set --um-per-px if it differs",)
    check_scale(model_um, um_per_px)
    return um_per_px / model_um, ()
