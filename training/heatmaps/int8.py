"""The int8 variant of a heat map, and the paired check that it has to pass."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.pictures.canvases import heat_map
from unmissed.models.cards import Quantisation
from unmissed.models.export import onnx_runner
from unmissed.models.quantise import quantise, speed_ratio
from unmissed.training.evaluation.finds import FieldFinds, recalls
from unmissed.training.evaluation.intervals import group_interval
from unmissed.training.exporting.files import first_accepted, judge_int8
from unmissed.training.heatmaps.data import LabelledField, Scale
from unmissed.training.heatmaps.finding import finds_of
from unmissed.training.recipes.heatmaps import HeatmapConfig

BATCH = 2  # canvases that run together
LARGEST_LOSS_POINTS = 1.0  # of recall at the operating point, that int8 may cost

InferBatch = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Compared:
    """On what and how two variants are compared: held-out fields, run by canvases as in use."""

    fields: list[LabelledField]
    config: HeatmapConfig
    scale: Scale
    halo_px: int
    bootstrap: int

    def finds(self, run: InferBatch) -> list[FieldFinds]:
        """What a variant finds."""
        settings = {"size_px": self.config.canvas_px, "stride_px": self.scale.stride_px, "halo_px": self.halo_px}
        return [
            finds_of(field, heat_map(field.image, run, **settings, at_once=BATCH), self.config, self.scale)
            for field in self.fields
        ]


def try_int8(fp32: Path, target: Path, canvases: np.ndarray, compared: Compared) -> Quantisation:
    """Write the int8 variant with as few float convolutions as the check allows, and judge it.

    Args:
        fp32, target: ONNX files.
        canvases: uint8 (N, S, S, 3) of training fields, for the ranges.
    """
    before = compared.finds(onnx_runner(fp32))

    def attempt(first_float: int) -> Quantisation:
        quantise(fp32, target, canvases, batch=BATCH, first_float=first_float, last_float=1)
        ratio = speed_ratio(fp32, target, canvases, rounds=7, batch_size=1)
        return _judge(before, compared.finds(onnx_runner(target)), compared, ratio, len(canvases))

    return first_accepted(attempt)


def _judge(
    before: list[FieldFinds], after: list[FieldFinds], compared: Compared, ratio: float, calibration: int
) -> Quantisation:
    # The mean over all rates: at a single one a few false finds, and so a handful of fields, decide.
    def recall(finds: list[FieldFinds], weights: np.ndarray | None = None) -> np.ndarray:
        return recalls(finds, compared.config.false_finds, weights=weights).mean(axis=1)

    def loss(weights: np.ndarray | None) -> np.ndarray:
        return recall(before, weights) - recall(after, weights)

    groups = np.array([field.group for field in before], dtype=np.str_)
    lost = group_interval(loss, groups, compared.bootstrap)
    fp32, int8 = float(recall(before)[0]), float(recall(after)[0])
    return judge_int8(ratio, lost, LARGEST_LOSS_POINTS, "mean_recall", fp32, int8, (len(before), calibration))
