"""Does the adapted model do better than its parent on pictures of the laboratory that it was not fitted on?"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.cards import Metric
from unmissed.training.adapting.laboratory import NORMAL, Cells
from unmissed.training.evaluation import metrics
from unmissed.training.evaluation.intervals import Estimate, group_interval, paired_difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of the parent, of the adapted model, and the difference, each with its interval by group."""

    before: Estimate
    after: Estimate
    gain: Estimate

    def __str__(self) -> str:
        return (
            f"{self.before.value:.3f} before, {self.after.value:.3f} after, gain {self.gain.value:+.3f} "
            f"({self.gain.low:+.3f} to {self.gain.high:+.3f})"
        )


def compare(cells: Cells, before: np.ndarray, after: np.ndarray, groups_of_classes: list[str]) -> dict[str, Comparison]:
    """Figures on held-out pictures: ``abnormal_auc``, and ``macro_f1`` where every label names one class.

    Args:
        cells: held out.
        before, after: probabilities (N, K) of the parent and of the adapted model.
        groups_of_classes: the group of each class.
    """
    abnormal = np.array([float(name.lower() != NORMAL) for name in groups_of_classes])

    def area(sides: np.ndarray, found: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        return metrics.areas_under_roc(sides == 1, found @ abnormal, weights)

    told = cells.sides >= 0
    result = {"abnormal_auc": _compare(cells.sides[told], before[told], after[told], cells.groups[told], area)}
    if cells.targets.is_exact.all():
        result["macro_f1"] = _compare(cells.labels, before, after, cells.groups, metrics.macro_f1)
    return result


def _compare(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, groups: np.ndarray, statistic: metrics.Statistic
) -> Comparison:
    return Comparison(
        group_interval(partial(statistic, labels, before), groups),
        group_interval(partial(statistic, labels, after), groups),
        paired_difference(labels, before, after, groups, statistic),
    )


def check_that_it_helps(found: dict[str, Comparison], name: str, laboratory: str, cells: Cells) -> None:
    """Refuse a model that is not better.

    Raises:
        ModelError: Unless the gain of the abnormal AUC is above 0, and its interval does not reach below.
    """
    one = found["abnormal_auc"]
    if one.gain.value > 0 and one.gain.low >= 0:
        return
    counts = f"{len(cells)} held-out pictures in {len(set(cells.groups.tolist()))} groups"
    raise ModelError(
        f"adapting {name} to {laboratory} does not help for certain: abnormal AUC {one}, on {counts}",
        expected="a gain above 0 whose 95 % interval does not reach below 0",
        fix="use the model as it is, or label more pictures of more patients; nothing was written",
    )


def metrics_of_card(found: dict[str, Comparison], laboratory: str, cells: Cells) -> dict[str, Metric]:
    """The figures for a card: of the adapted model, of its parent (``parent_``), and the gain (``gain_``)."""
    on = f"{laboratory}, held out: {len(cells)} pictures in {len(set(cells.groups.tolist()))} groups"
    result = {}
    for name, one in found.items():
        for key, value in ((name, one.after), (f"parent_{name}", one.before), (f"gain_{name}", one.gain)):
            ends = [end if np.isfinite(end) else None for end in (value.low, value.high)]
            result[key] = Metric(value=value.value, low=ends[0], high=ends[1], method=value.method, on=on)
    return result
