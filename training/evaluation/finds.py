"""How many objects are found at how many false finds: free-response operating characteristic, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json, write_json
from unmissed.training.evaluation.intervals import LEVEL, Estimate, group_weights, percentile_interval
from unmissed.training.evaluation.predictions import FloatArray

ALL = ""  # in place of a label: all of them together


@dataclass(frozen=True, slots=True)
class FieldFinds:
    """What was found in one field.

    Attributes:
        name, group: of the field.
        size: what its false finds are counted by (mm2, or 1 picture); 0 where a find cannot be called false.
        false_scores: of the finds that are false.
        labels, scores: of each object that is to be found: its label, and the best score of a find that hits it, 0
            without one.
    """

    name: str
    group: str
    size: float
    false_scores: tuple[float, ...]
    labels: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FindsEvaluation:
    """Everything that was measured on the finds of one test part.

    Attributes:
        unit: what false finds are counted by, "mm2" or "picture".
        n_fields, n_groups, n_objects: what it rests on.
        size, n_false_fields: area or pictures in which false finds are counted, and the number of these fields.
        rates: false finds per unit.
        thresholds: for each rate, the least score at which there are no more; None where nothing was counted.
        recall: label ("" for all) -> one estimate for each rate.
        mean_recall: mean over the rates, for all labels.
        counts: label -> number of objects.
    """

    unit: str
    n_fields: int
    n_groups: int
    n_objects: int
    size: float
    n_false_fields: int
    rates: tuple[float, ...]
    thresholds: tuple[float | None, ...]
    recall: Mapping[str, tuple[Estimate, ...]]
    mean_recall: Estimate
    counts: Mapping[str, int]
    n_bootstrap: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for metrics.json: every figure as value, low, high, method, n; null where not defined."""

        def at_rates(estimates: Sequence[Estimate]) -> dict[str, Any]:
            return {f"{rate:g}": one.to_json() for rate, one in zip(self.rates, estimates, strict=True)}

        return {
            "task": "heatmap",
            "fields": self.n_fields,
            "groups": self.n_groups,
            "objects": self.n_objects,
            "level": LEVEL,
            "bootstrap": {"samples": self.n_bootstrap, "seed": self.seed},
            "false_finds": {"per": self.unit, "size": self.size, "fields": self.n_false_fields},
            "thresholds": {f"{rate:g}": t for rate, t in zip(self.rates, self.thresholds, strict=True)},
            "mean_recall": self.mean_recall.to_json(),
            "recall": at_rates(self.recall[ALL]),
            "per_label": {
                label: {"objects": self.counts[label], "recall": at_rates(estimates)}
                for label, estimates in self.recall.items()
                if label != ALL
            },
        }


def evaluate_finds(
    finds: Sequence[FieldFinds], rates: Sequence[float], unit: str, *, n_bootstrap: int = 1000, seed: int = 0
) -> FindsEvaluation:
    """Measure recall at numbers of false finds; intervals from samples of whole groups, the threshold chosen each time.

    Args:
        rates: false finds per unit of ``FieldFinds.size``.
        unit: "mm2" or "picture".

    Raises:
        DatasetError: When there is no field.
    """
    if not finds:
        raise DatasetError("there are no fields to evaluate", expected="one field or more")
    labels = [ALL, *dict.fromkeys(label for field in finds for label in field.labels)]
    groups = np.array([field.group for field in finds], dtype=np.str_)
    n_groups = int(np.unique(groups).size)
    weights = list(group_weights(groups, n_bootstrap, seed))
    recall = {}
    mean = Estimate(float("nan"), float("nan"), float("nan"), "", 0)
    for label in labels:
        value = recalls(finds, rates, label)[0]
        samples = np.concatenate([recalls(finds, rates, label, part) for part in weights])
        recall[label] = tuple(percentile_interval(float(value[i]), samples[:, i], n_groups) for i in range(len(rates)))
        if label == ALL:
            mean = percentile_interval(float(value.mean()), samples.mean(axis=1), n_groups)
    every = [label for field in finds for label in field.labels]
    return FindsEvaluation(
        unit=unit,
        n_fields=len(finds),
        n_groups=n_groups,
        n_objects=len(every),
        size=float(sum(field.size for field in finds)),
        n_false_fields=sum(field.size > 0 for field in finds),
        rates=tuple(rates),
        thresholds=tuple(threshold_at(finds, rate) for rate in rates),
        recall=recall,
        mean_recall=mean,
        counts={label: every.count(label) for label in labels[1:]},
        n_bootstrap=n_bootstrap,
        seed=seed,
    )


def recalls(
    finds: Sequence[FieldFinds], rates: Sequence[float], label: str = ALL, weights: FloatArray | None = None
) -> FloatArray:
    """Share of the objects that are found at each rate of false finds, (B, R); NaN where nothing can be counted.

    Args:
        label: of the objects; "" for all.
        weights: (B, F), how often each field counts in each of B samples; None: once, B = 1.
    """
    weights = np.ones((1, len(finds))) if weights is None else weights
    false, false_field = _flat([field.false_scores for field in finds])
    order = np.argsort(-false, kind="stable")
    false, false_field = false[order], false_field[order]
    used = np.cumsum(weights[:, false_field], axis=1)
    size = weights @ np.array([field.size for field in finds])
    chosen = [
        [s for s, name in zip(field.scores, field.labels, strict=True) if label in (ALL, name)] for field in finds
    ]
    score, score_field = _flat(chosen)
    of_object = weights[:, score_field]
    mass = of_object.sum(axis=1)
    line = np.append(false, 0.0)  # behind the last false find everything that was found counts
    found = np.full((len(weights), len(rates)), np.nan)
    usable = (size > 0) & (mass > 0)
    for column, rate in enumerate(rates):
        passed = np.count_nonzero(used <= rate * size[:, None] + 1e-9, axis=1)
        above = score[None] > line[passed][:, None]
        found[usable, column] = (above * of_object).sum(axis=1)[usable] / mass[usable]
    return found


def mean_recall(finds: Sequence[FieldFinds], rates: Sequence[float]) -> float:
    """Mean of the recalls at the rates; NaN where there are no objects or no place for false finds."""
    return float(recalls(finds, rates).mean())


def threshold_at(finds: Sequence[FieldFinds], rate: float) -> float | None:
    """Least score with no more than ``rate`` false finds per unit; None where nothing can be counted."""
    size = sum(field.size for field in finds)
    if not size:
        return None
    false = np.sort(np.array([score for field in finds for score in field.false_scores], np.float32))[::-1]
    allowed = int(rate * size + 1e-9)
    return float(np.nextafter(false[allowed], np.float32(2))) if allowed < len(false) else 0.0


def save_finds(finds: Sequence[FieldFinds], unit: str, rates: Sequence[float], path: Path) -> None:
    """Write finds as JSON, so that anyone can recompute the figures."""
    write_json(path, {"unit": unit, "rates": list(rates), "fields": [asdict(field) for field in finds]})


def load_finds(path: Path) -> tuple[list[FieldFinds], str, list[float]]:
    """Finds, unit and rates that ``save_finds`` wrote.

    Raises:
        DatasetError: When the file is missing or damaged.
    """
    try:
        saved = read_json(path)
        finds = [
            FieldFinds(
                name=str(entry["name"]),
                group=str(entry["group"]),
                size=float(entry["size"]),
                false_scores=tuple(map(float, entry["false_scores"])),
                labels=tuple(map(str, entry["labels"])),
                scores=tuple(map(float, entry["scores"])),
            )
            for entry in saved["fields"]
        ]
        return finds, str(saved["unit"]), [float(rate) for rate in saved["rates"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}", expected="the finds of a finished run") from error


def _flat(parts: Sequence[Sequence[float]]) -> tuple[FloatArray, np.ndarray]:
    """All numbers in one array, and the index of the part that each comes from."""
    flat = np.array([value for part in parts for value in part], dtype=np.float64)
    return flat, np.repeat(np.arange(len(parts)), [len(part) for part in parts])
