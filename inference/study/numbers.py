"""The statistics of a study: exact and resampled intervals, ranking, agreement, calibration, net benefit. NumPy alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound

LEVEL = 0.95  # of every interval, two-sided
SAMPLES = 1000  # of every bootstrap
_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: None where it is not defined.
        low, high: ends of the interval; None where it is not defined.
        n: trials, or patients of a bootstrap.
        k: how many of the trials; None for what is no share.
        method: "exact" (Clopper-Pearson), "bootstrap" of whole patients, or "bounds".
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    k: int | None = None
    method: str = "exact"


@lru_cache(maxsize=4096)
def exact(k: int, n: int, level: float = LEVEL) -> Estimate:
    """Exact two-sided interval of k / n (Clopper and Pearson, Biometrika 26:404, 1934); 0 to 1 where n is 0."""
    if n == 0:
        return Estimate(None, 0.0, 1.0, 0, 0)
    one_sided = (1 + level) / 2
    return Estimate(
        k / n, sensitivity_lower_bound(n, n - k, one_sided), 1 - sensitivity_lower_bound(n, k, one_sided), n, k
    )


def resampled(
    statistic: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, samples: int = SAMPLES, seed: int = 0
) -> Estimate:
    """Percentile interval of a statistic over samples of whole patients (cluster bootstrap, Field and Welsh 2007).

    Args:
        statistic: weights (B, N), how often each slide counts -> (B,); NaN where it is not defined.
        groups: number of the patient of each slide, (N,).
        samples, seed: of the bootstrap.
    """
    count = len(np.unique(groups))
    value = float(statistic(np.ones((1, len(groups))))[0]) if len(groups) else np.nan
    if np.isnan(value):
        return Estimate(None, None, None, count, method="bootstrap")
    found = np.concatenate([statistic(weights) for weights in _weights(groups, samples, seed)])
    found = found[~np.isnan(found)]
    if count < 2 or not len(found):
        return Estimate(value, None, None, count, method="bootstrap")
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value), count, method="bootstrap")


def share(hits: np.ndarray, groups: np.ndarray) -> Estimate:
    """Share of slides: exact where each is a patient of its own, else by resampling patients."""
    if len(np.unique(groups)) == len(groups):
        return exact(int(hits.sum()), len(hits))
    values = hits.astype(float)
    found = resampled(lambda weights: weights @ values / weights.sum(1), groups)
    return Estimate(found.value, found.low, found.high, found.n, int(hits.sum()), found.method)


def area(positive: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> Estimate:
    """Area under the ROC curve, ties half (Hanley and McNeil, Radiology 143:29, 1982), by resampling patients.

    Args:
        positive, scores, groups: of each slide, (N,).
    """
    order = np.argsort(scores, kind="stable")
    yes, ranked = positive[order].astype(float), scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # last slide of each run of equal scores

    def of(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, order]
        above = np.cumsum(weights * yes, axis=1)[:, ends]
        below = np.cumsum(weights, axis=1)[:, ends] - above
        steps, before = np.diff(above, axis=1, prepend=0), np.diff(below, axis=1, prepend=0)
        pairs = above[:, -1] * below[:, -1]
        won = (steps * (below - before / 2)).sum(1)
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    return resampled(of, groups) if len(scores) else Estimate(None, None, None, 0, method="bootstrap")


def kappa(
    first: np.ndarray, second: np.ndarray, classes: int, weighted: bool = False, counts: np.ndarray | None = None
) -> float:
    """Agreement beyond chance (Cohen, Educ. Psychol. Meas. 20:37, 1960); NaN where both always say the same one.

    Args:
        first, second: what each says of every case, 0..classes - 1.
        weighted: disagreement counts by the square of its distance (Cohen, Psychol. Bull. 70:213, 1968).
        counts: how often each case counts; None: once.
    """
    table = np.bincount(first * classes + second, counts, minlength=classes**2).reshape(classes, classes)
    table = table / max(table.sum(), 1)
    apart = np.arange(classes)[:, None] - np.arange(classes)
    cost = apart.astype(float) ** 2 if weighted else (apart != 0).astype(float)
    expected = float((np.outer(table.sum(1), table.sum(0)) * cost).sum())
    return 1 - float((table * cost).sum()) / expected if expected > 0 else float("nan")


def net_benefit(positive: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Net benefit of reviewing what scores at or above each threshold, and of reviewing all (Vickers and Elkin 2006).

    Med. Decis. Making 26:565. A threshold t says that (1 - t) / t needless reviews are worth one found patient.

    Args:
        positive, scores: of each slide, (N,); thresholds: within 0 to 1, without 1.

    Returns:
        Two arrays as long as ``thresholds``, per slide; reviewing none has 0.
    """
    n, odds = len(scores), thresholds / (1 - thresholds)

    def at_or_above(some: np.ndarray) -> np.ndarray:
        return len(some) - np.searchsorted(np.sort(some), thresholds, side="left")

    rate = positive.mean()
    return (
        at_or_above(scores[positive]) / n - at_or_above(scores[~positive]) / n * odds,
        rate - (1 - rate) * odds,
    )


def recalibration(positive: np.ndarray, scores: np.ndarray) -> tuple[float, float] | None:
    """Intercept and slope of the truth over the score's logit (Cox, Biometrika 45:562, 1958): 0 and 1 are perfect.

    None where one of the two truths is missing, or a score separates them, so that there is no likeliest line.
    """
    if not len(scores) or positive.all() or not positive.any():
        return None
    if scores[positive].min() >= scores[~positive].max() or scores[positive].max() <= scores[~positive].min():
        return None
    logit = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / (1 - np.clip(scores, 1e-6, 1 - 1e-6)))
    middle, scale = logit.mean(), logit.std() or 1.0
    design = np.stack([np.ones(len(logit)), (logit - middle) / scale], axis=1)
    line = np.zeros(2)
    for _ in range(100):  # Newton's method; the likelihood is concave
        fitted = 1 / (1 + np.exp(-design @ line))
        curvature = (design * (fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.lstsq(curvature, design.T @ (positive - fitted), rcond=None)[0]
        line += step
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0] - line[1] * middle / scale), float(line[1] / scale)


def _weights(groups: np.ndarray, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each slide counts, (chunk, N), when patients are drawn with replacement."""
    _, where = np.unique(groups, return_inverse=True)
    size, rng = int(where.max()) + 1, np.random.default_rng(seed)
    chunk = max(1, min(samples, _CHUNK_BYTES // (8 * len(groups))))
    for start in range(0, samples, chunk):
        rows = min(chunk, samples - start)
        drawn = rng.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
        yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)[:, where].astype(float)
