"""How sure are we: exact intervals for shares, and a bootstrap that keeps dependent pictures together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.evaluation.metrics import Statistic, Statistics
from unmissed.training.evaluation.predictions import FloatArray, IntArray, Predictions

LEVEL = 0.95  # of every interval
EXACT = "Clopper-Pearson"
BOOTSTRAP = "group bootstrap"
_CHUNK = 200  # samples at once: 200 x 10,000 weights are 16 MB


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: the number itself; NaN where it is not defined.
        low, high: ends of the interval.
        method: how the interval was found.
        n: what it rests on: trials for an exact interval, groups for a bootstrap.
    """

    value: float
    low: float
    high: float
    method: str
    n: int

    def to_json(self) -> dict[str, float | str | int | None]:
        """Plain values for a JSON file; None where a number is not defined."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        plain = {name: float(number) if np.isfinite(number) else None for name, number in numbers.items()}
        return {**plain, "method": self.method, "n": self.n}


def clopper_pearson(k: int, n: int) -> Estimate:
    """Exact two-sided 95 % interval of a share k / n; with n = 0 nothing is known (value NaN, interval 0 to 1).

    It holds for independent trials: cells of one slide are not, and then the truth is wider.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404, by quantiles of the beta distribution.

    Raises:
        ConfigError: When k is not within 0 to n.
    """
    if not 0 <= k <= n:
        raise ConfigError(f"{k} of {n}", expected="a count between 0 and the number of trials")
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0, EXACT, 0)
    tail = (1 - LEVEL) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))
    return Estimate(k / n, low, high, EXACT, n)


def group_weights(groups: NDArray[np.str_], n: int, seed: int) -> Iterator[FloatArray]:
    """Draw groups with replacement, ``n`` times; yields weights (chunk, N): how often each picture counts."""
    names, where = np.unique(groups, return_inverse=True)
    size, rng = names.size, np.random.default_rng(seed)
    for start in range(0, n, _CHUNK):
        rows = min(_CHUNK, n - start)
        drawn = rng.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
        counts = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
        yield counts[:, where].astype(np.float64)


def group_bootstrap(
    predictions: Predictions,
    statistics: Statistics,
    *,
    temperature: float | FloatArray = 1.0,
    n: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Percentile interval of each statistic from ``n`` samples of whole groups.

    Pictures of one slide or video resemble each other, so groups are drawn, not pictures (cluster bootstrap: Field and
    Welsh, J. R. Stat. Soc. B 69 (2007) 369). The interval is widened where needed to hold the value itself. It cannot
    show how uncertain a perfect score is (every sample is perfect too): the exact interval beside it can. A single
    group says nothing about other groups: its interval is NaN.

    Args:
        predictions: what the model said.
        statistics: function of labels, probabilities and weights (B, N) that returns named arrays (B,); see
            ``metrics``.
        temperature: one number, or one per picture.
        n, seed: samples, and the seed that they are drawn with.
    """
    labels, probabilities = predictions.labels, predictions.probabilities(temperature)
    values = statistics(labels, probabilities, None)
    samples = [statistics(labels, probabilities, weights) for weights in group_weights(predictions.groups, n, seed)]
    size = predictions.n_groups
    return {
        name: percentile_interval(float(value[0]), np.concatenate([sample[name] for sample in samples]), size)
        for name, value in values.items()
    }


def group_interval(
    statistic: Callable[[FloatArray | None], FloatArray], groups: NDArray[np.str_], n: int = 1000
) -> Estimate:
    """A statistic with its percentile interval from ``n`` samples of whole groups; see ``group_bootstrap``.

    Args:
        statistic: function of weights (B, N), or of None for the value itself, that returns (B,).
        groups: (N,) strings.
    """
    samples = np.concatenate([statistic(weights) for weights in group_weights(groups, n, 0)])
    return percentile_interval(float(statistic(None)[0]), samples, int(np.unique(groups).size))


def paired_difference(
    labels: IntArray,
    probabilities_a: FloatArray,
    probabilities_b: FloatArray,
    groups: NDArray[np.str_],
    statistic: Statistic,
) -> Estimate:
    """Difference b - a of a statistic between two models on the same pictures, from 1000 samples of whole groups.

    Both models see the same sample each time, so what is hard for both cancels out. The export judges int8 (a) against
    fp32 (b) with it: the value decides, the interval is beside it in the card.

    Args:
        labels: (N,) index of the true class.
        probabilities_a, probabilities_b: (N, K) of the two models.
        groups: (N,) strings.
        statistic: function of labels, probabilities and weights (B, N) that returns (B,), such as ``metrics.macro_f1``.
    """

    def difference(weights: FloatArray | None) -> FloatArray:
        return statistic(labels, probabilities_b, weights) - statistic(labels, probabilities_a, weights)

    return group_interval(difference, groups)


def percentile_interval(value: float, samples: FloatArray, n_groups: int) -> Estimate:
    """A value with the percentile interval of its bootstrap samples (B,), widened where needed to hold the value."""
    samples = samples[~np.isnan(samples)]
    if np.isnan(value) or samples.size == 0 or n_groups < 2:
        return Estimate(value, float("nan"), float("nan"), BOOTSTRAP, n_groups)
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value), BOOTSTRAP, n_groups)
