"""Classification metrics over many re-weighted samples at once, so that a bootstrap of thousands takes seconds.

Every statistic takes ``labels`` (N,), ``probabilities`` (N, K) and ``weights`` (B, N), the number of times each picture
counts in each of B samples (None: once, B = 1), and returns B values.

The rule for classes without pictures: a macro average runs over the classes that are present in the truth of the
sample, and a share without a denominator is NaN ("not defined"), never 0. A class that is present but never predicted
has F1 = 0.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array

from unmissed.training.evaluation.calibration import BINS, bin_index
from unmissed.training.evaluation.predictions import FloatArray, IntArray

Statistic: TypeAlias = Callable[[IntArray, FloatArray, FloatArray | None], FloatArray]
Statistics: TypeAlias = Callable[[IntArray, FloatArray, FloatArray | None], Mapping[str, FloatArray]]


def confusion_matrices(
    labels: IntArray, predicted: IntArray, n_classes: int, weights: FloatArray | None = None
) -> FloatArray:
    """Confusion matrices (B, K, K): truth along the rows, prediction along the columns."""
    n = len(labels)
    weights = _or_ones(weights, n)
    cells = csr_array((np.ones(n), (labels * n_classes + predicted, np.arange(n))), shape=(n_classes**2, n))
    return np.asarray((cells @ weights.T).T).reshape(-1, n_classes, n_classes)


def shares(matrices: FloatArray) -> dict[str, FloatArray]:
    """Per class, from confusion matrices (B, K, K): arrays (B, K) of sensitivity, specificity, ppv, npv and f1."""
    right = np.diagonal(matrices, axis1=1, axis2=2)
    truth, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    total = matrices.sum(axis=(1, 2))[:, None]
    right_no = total - truth - predicted + right
    return {
        "sensitivity": _ratio(right, truth),
        "specificity": _ratio(right_no, total - truth),
        "ppv": _ratio(right, predicted),
        "npv": _ratio(right_no, total - predicted),
        "f1": np.where(truth > 0, _ratio(2 * right, truth + predicted), np.nan),
    }


def averages(matrices: FloatArray) -> dict[str, FloatArray]:
    """Overall numbers, shape (B,): accuracy, balanced_accuracy, macro_f1 and mcc.

    Source of the multi-class Matthews correlation: Gorodkin, Comput. Biol. Chem. 28 (2004) 367; it is 0 where the
    truth or the prediction has a single class.
    """
    by_class = shares(matrices)
    truth, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    total, right = matrices.sum(axis=(1, 2)), np.trace(matrices, axis1=1, axis2=2)
    covariance = right * total - np.sum(truth * predicted, axis=1)
    spread = (total**2 - np.sum(truth**2, axis=1)) * (total**2 - np.sum(predicted**2, axis=1))
    return {
        "accuracy": _ratio(right, total),
        "balanced_accuracy": mean_where_defined(by_class["sensitivity"]),
        "macro_f1": mean_where_defined(by_class["f1"]),
        "mcc": np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0),
    }


def areas_under_roc(positive: FloatArray, scores: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Area under the ROC curve of one score, shape (B,): the chance that a positive outranks a negative, ties half.

    Args:
        positive: (N,) true where the picture is positive.
        scores: (N,), higher means more positive.
        weights: (B, N) or None.

    Note:
        A weighted Mann-Whitney statistic (Hanley and McNeil, Radiology 143 (1982) 29): the negatives are sorted once,
        and a running sum of their weights gives the number of negatives below each positive.
    """
    weights = _or_ones(weights, len(scores))
    is_positive = np.asarray(positive, dtype=np.bool_)
    no = np.flatnonzero(~is_positive)
    no = no[np.argsort(scores[no], kind="stable")]
    low = np.searchsorted(scores[no], scores[is_positive], side="left")
    high = np.searchsorted(scores[no], scores[is_positive], side="right")
    below = np.zeros((len(weights), no.size + 1))
    np.cumsum(weights[:, no], axis=1, out=below[:, 1:])
    yes_weights = weights[:, is_positive]
    won = np.sum(yes_weights * (below[:, low] + below[:, high]), axis=1) / 2
    return _ratio(won, yes_weights.sum(axis=1) * below[:, -1])


def class_areas(labels: IntArray, probabilities: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """One-versus-rest areas under the ROC curve, shape (B, K); NaN where a class has no positive or no negative."""
    columns = [areas_under_roc(labels == k, probabilities[:, k], weights) for k in range(probabilities.shape[1])]
    return np.stack(columns, axis=1)


def calibration_errors(labels: IntArray, probabilities: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean distance between confidence and accuracy over bins of the top probability, by pictures, shape (B,).

    Source: Guo et al., ICML 2017, equation 3 (equal width, 15 bins).
    """
    weights = _or_ones(weights, len(labels))
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    where = bin_index(top)
    gaps = csr_array((right - top, (where, np.arange(len(labels)))), shape=(BINS, len(labels)))
    return _ratio(np.abs(gaps @ weights.T).sum(axis=0), weights.sum(axis=1))


def log_losses(labels: IntArray, probabilities: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean of -log p(truth) in nats, p not below 1e-12, shape (B,)."""
    weights = _or_ones(weights, len(labels))
    loss = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12))
    return _ratio(weights @ loss, weights.sum(axis=1))


def macro_f1(labels: IntArray, probabilities: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean F1 over the classes that are present, shape (B,)."""
    matrices = confusion_matrices(labels, probabilities.argmax(axis=1), probabilities.shape[1], weights)
    return averages(matrices)["macro_f1"]


def mean_where_defined(values: FloatArray) -> FloatArray:
    """Mean over the last axis, (B, K) to (B,), leaving NaN out; NaN where nothing is defined."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _or_ones(weights: FloatArray | None, n: int) -> FloatArray:
    return np.ones((1, n)) if weights is None else np.asarray(weights, dtype=np.float64)


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
