"""Does a probability of 90 % come true nine times in ten: temperature scaling and calibration error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.evaluation.predictions import FloatArray, IntArray

TEMPERATURE_BOUNDS = (0.05, 20.0)
BINS = 15
_EDGES = np.linspace(0.0, 1.0, BINS + 1)


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """Pictures binned by their top probability, all arrays of shape (bins,); empty bins hold NaN.

    Attributes:
        low, high: edges of the bins, probability.
        confidence: mean top probability in the bin.
        accuracy: share of right answers in the bin.
        count: number of pictures in the bin.
    """

    low: FloatArray
    high: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    count: FloatArray


def negative_log_likelihood(labels: IntArray, logits: FloatArray, temperature: float | FloatArray = 1.0) -> float:
    """Mean of -log p(truth) in nats; labels (N,), logits (N, K), one temperature or one per picture."""
    scaled = logits / np.reshape(np.asarray(temperature, dtype=np.float64), (-1, 1))
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float(np.mean(log_sum - scaled[np.arange(len(labels)), labels]))


def fit_temperature(labels: IntArray, logits: FloatArray) -> float:
    """Temperature that makes the validation set most likely (Guo et al., ICML 2017, section 4.2).

    Found by a bounded search over log T within 0.05 to 20. Where every picture is classified right, any T below one
    looks better the smaller it is, however few pictures there are; such a set says nothing about how often the model
    errs, so T stays 1.

    Args:
        labels: (N,) index of the true class.
        logits: (N, K).

    Raises:
        DatasetError: When there are no pictures or a logit is not finite.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if len(labels) == 0 or not np.isfinite(logits).all():
        raise DatasetError("no usable validation logits", expected="finite logits of one picture or more")
    if (logits.argmax(axis=1) == labels).all():
        return 1.0
    return likeliest_temperature(lambda temperature: negative_log_likelihood(labels, logits, temperature))


def likeliest_temperature(
    loss: Callable[[float], float], bounds: tuple[float, float] = TEMPERATURE_BOUNDS, least_gain: float = 0.0
) -> float:
    """Temperature with the least loss, by a bounded search over its logarithm; 1 where it gains no more than
    ``least_gain`` over that."""
    low, high = np.log(bounds)
    found = minimize_scalar(
        lambda log_t: loss(float(np.exp(log_t))), bounds=(low, high), method="bounded", options={"xatol": 1e-5}
    )
    temperature = float(np.exp(found.x))
    return temperature if loss(1.0) - loss(temperature) > least_gain else 1.0


def reliability_bins(labels: IntArray, probabilities: FloatArray) -> ReliabilityBins:
    """Sort pictures into ``BINS`` of equal width by their top probability; labels (N,), probabilities (N, K)."""
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    where = bin_index(top)
    count = np.bincount(where, minlength=BINS).astype(np.float64)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(where, weights=top, minlength=BINS) / count
        accuracy = np.bincount(where, weights=right, minlength=BINS) / count
    return ReliabilityBins(_EDGES[:-1], _EDGES[1:], confidence, accuracy, count)


def bin_index(top: FloatArray) -> IntArray:
    """Index of the bin (low, high] that holds each top probability."""
    return np.clip(np.searchsorted(_EDGES, top, side="left") - 1, 0, BINS - 1)
