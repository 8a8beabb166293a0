"""From predictions to every number of the report, each with its interval."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation import metrics
from unmissed.training.evaluation.intervals import LEVEL, Estimate, clopper_pearson, group_bootstrap
from unmissed.training.evaluation.predictions import FloatArray, IntArray, Predictions

NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class against the rest.

    Attributes:
        support: pictures of this class.
        predicted: pictures that the model calls this class.
        metrics: sensitivity, specificity, ppv, npv (exact intervals), f1 and auc (group bootstrap).
    """

    info: ClassInfo
    support: int
    predicted: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, eq=False)
class GroupResult:
    """The coarse question: is it ``positive`` (abnormal) or ``reference`` (normal)?

    Attributes:
        metrics: auc, accuracy, sensitivity, specificity, ppv and npv by group bootstrap; all but auc also
            ``..._exact``.
        confusion: (2, 2) counts, reference before positive, truth along the rows.
    """

    reference: str
    positive: str
    metrics: Mapping[str, Estimate]
    confusion: IntArray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that was measured on one test set.

    Attributes:
        n_images, n_groups: what it rests on.
        temperature: of the calibration; None where it differs between the pooled folds.
        overall: accuracy, accuracy_exact, balanced_accuracy, macro_f1, mcc and macro_auc.
        calibration: ece and nll, each ``_before`` and ``_after`` the temperature.
        per_class: in the order of the classes.
        groups: None unless the classes form exactly two groups.
        confusion: (K, K) counts, truth along the rows.
    """

    n_images: int
    n_groups: int
    temperature: float | None
    overall: Mapping[str, Estimate]
    calibration: Mapping[str, Estimate]
    per_class: tuple[ClassResult, ...]
    groups: GroupResult | None
    confusion: IntArray
    n_bootstrap: int
    seed: int

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes, in the order of the model's outputs."""
        return tuple(result.info for result in self.per_class)

    def to_json(self) -> dict[str, Any]:
        """Plain values for metrics.json: every metric as value, low, high, method, n; null where not defined."""
        groups = self.groups and {
            "reference": self.groups.reference,
            "positive": self.groups.positive,
            "metrics": _plain(self.groups.metrics),
            "confusion_matrix": self.groups.confusion.tolist(),
        }
        return {
            "images": self.n_images,
            "groups": self.n_groups,
            "temperature": self.temperature,
            "level": LEVEL,
            "bootstrap": {"samples": self.n_bootstrap, "seed": self.seed},
            "overall": _plain(self.overall),
            "calibration": _plain(self.calibration),
            "per_class": [
                {
                    **asdict(result.info),
                    "support": result.support,
                    "predicted": result.predicted,
                    "metrics": _plain(result.metrics),
                }
                for result in self.per_class
            ],
            "group_question": groups,
            "confusion_matrix": self.confusion.tolist(),
        }


def evaluate(
    predictions: Predictions,
    *,
    temperature: float | FloatArray = 1.0,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Measure predictions; every probability is taken at ``temperature``, except where "before" is in the name.

    Args:
        predictions: of a test set that neither training nor the choice of the temperature has seen.
        temperature: from ``calibration.fit_temperature`` on the validation set; (N,) when folds with their own
            temperatures are pooled.
        n_bootstrap: samples for the intervals of the aggregate metrics.
        seed: of those samples; the same seed gives the same intervals.
    """
    k = len(predictions.classes)
    probabilities = predictions.probabilities(temperature)
    confusion = metrics.confusion_matrices(predictions.labels, probabilities.argmax(axis=1), k)
    counts = confusion[0].astype(np.int64)
    split = two_groups(predictions.classes)

    def everything(labels: IntArray, probs: FloatArray, weights: FloatArray | None) -> dict[str, FloatArray]:
        matrices = metrics.confusion_matrices(labels, probs.argmax(axis=1), k, weights)
        areas, f1 = metrics.class_areas(labels, probs, weights), metrics.shares(matrices)["f1"]
        found = metrics.averages(matrices) | {"macro_auc": metrics.mean_where_defined(areas)}
        found |= {f"f1:{i}": f1[:, i] for i in range(k)} | {f"auc:{i}": areas[:, i] for i in range(k)}
        if split is not None:
            coarse = _group_statistics(labels, probs, weights, split[2])
            found |= {f"group:{name}": values for name, values in coarse.items()}
        return found | _calibration(labels, probs, weights)

    found = group_bootstrap(predictions, everything, temperature=temperature, n=n_bootstrap, seed=seed)
    before = group_bootstrap(predictions, _calibration, n=n_bootstrap, seed=seed)
    right, n = int(np.trace(counts)), len(predictions)
    temperatures = np.unique(np.asarray(temperature, dtype=np.float64))
    overall = {"accuracy": found["accuracy"], "accuracy_exact": clopper_pearson(right, n)}
    return Evaluation(
        n_images=n,
        n_groups=predictions.n_groups,
        temperature=float(temperatures[0]) if temperatures.size == 1 else None,
        overall=overall | {name: found[name] for name in ("balanced_accuracy", "macro_f1", "mcc", "macro_auc")},
        calibration={
            f"{name}_{when}": source[name]
            for name in ("ece", "nll")
            for when, source in (("before", before), ("after", found))
        },
        per_class=tuple(
            ClassResult(
                info=info,
                support=int(counts[i].sum()),
                predicted=int(counts[:, i].sum()),
                metrics=_exact_shares(counts, i) | {"f1": found[f"f1:{i}"], "auc": found[f"auc:{i}"]},
            )
            for i, info in enumerate(predictions.classes)
        ),
        groups=None if split is None else _group_result(predictions.labels, probabilities, split, found),
        confusion=counts,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )


def two_groups(classes: tuple[ClassInfo, ...]) -> tuple[str, str, IntArray] | None:
    """Reference group, positive group and (K,) 1 where a class is positive; None unless there are exactly two groups.

    The reference is the group "normal", and without one the group of the first class.
    """
    names = list(dict.fromkeys(c.group for c in classes))
    if len(names) != 2 or "" in names:
        return None
    reference = next((name for name in names if name.lower() == NORMAL), names[0])
    positive = next(name for name in names if name != reference)
    return reference, positive, np.array([int(c.group == positive) for c in classes], dtype=np.int64)


def _coarse(labels: IntArray, probabilities: FloatArray, positive: IntArray) -> tuple[IntArray, FloatArray, IntArray]:
    """Labels, score and answer of the group question; an exact tie counts as positive, to be on the safe side."""
    score = probabilities @ positive.astype(np.float64)
    return positive[labels], score, (score >= 0.5).astype(np.int64)


def _group_statistics(
    labels: IntArray, probabilities: FloatArray, weights: FloatArray | None, positive: IntArray
) -> dict[str, FloatArray]:
    truth, score, predicted = _coarse(labels, probabilities, positive)
    matrices = metrics.confusion_matrices(truth, predicted, 2, weights)
    by_class = metrics.shares(matrices)
    return {
        "auc": metrics.areas_under_roc(truth == 1, score, weights),
        "accuracy": metrics.averages(matrices)["accuracy"],
        **{name: by_class[name][:, 1] for name in ("sensitivity", "specificity", "ppv", "npv")},
    }


def _group_result(
    labels: IntArray, probabilities: FloatArray, split: tuple[str, str, IntArray], found: Mapping[str, Estimate]
) -> GroupResult:
    reference, positive, is_positive = split
    truth, _, predicted = _coarse(labels, probabilities, is_positive)
    counts = metrics.confusion_matrices(truth, predicted, 2)[0].astype(np.int64)
    exact = {"accuracy": clopper_pearson(int(np.trace(counts)), int(counts.sum()))} | _exact_shares(counts, 1)
    values = {name.removeprefix("group:"): value for name, value in found.items() if name.startswith("group:")}
    return GroupResult(reference, positive, values | {f"{name}_exact": value for name, value in exact.items()}, counts)


def _exact_shares(counts: IntArray, i: int) -> dict[str, Estimate]:
    right, truth, predicted, total = counts[i, i], counts[i].sum(), counts[:, i].sum(), counts.sum()
    right_no = total - truth - predicted + right
    pairs = {
        "sensitivity": (right, truth),
        "specificity": (right_no, total - truth),
        "ppv": (right, predicted),
        "npv": (right_no, total - predicted),
    }
    return {name: clopper_pearson(int(part), int(whole)) for name, (part, whole) in pairs.items()}


def _calibration(labels: IntArray, probabilities: FloatArray, weights: FloatArray | None) -> dict[str, FloatArray]:
    return {
        "ece": metrics.calibration_errors(labels, probabilities, weights),
        "nll": metrics.log_losses(labels, probabilities, weights),
    }


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}
