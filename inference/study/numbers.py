"""The statistics of a study: exact and resampled intervals, ranking, agreement, calibration, net benefit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound

LEVEL = 0.95  # of every interval, two-sided
SAMPLES = 1000  # of every bootstrap
_CHUNK_BYTES = 8 * 2**20  # of weights at once: within a processor's cache


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
    # Where all samples agree, as at an area of 1, none shows how uncertain the value is.
    if count < 2 or not len(found) or np.ptp(found) == 0:
        return Estimate(value, None, None, count, method="bootstrap")
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value), count, method="bootstrap")


def share(hits: np.ndarray, groups: np.ndarray) -> Estimate:
    """Share of slides: exact where each is a patient of its own, else by resampling patients.

    A share of 0 or 1 that rests on patients has no ``k``: slides are not to be read as so many of ``n`` patients.
    """
    found = ratio(hits, np.ones(len(hits)), groups)
    k, n = int(hits.sum()), len(hits)
    return exact(k, n) if found.n == n else replace(found, k=k if found.method == "bootstrap" else None)


def ratio(tops: np.ndarray, bottoms: np.ndarray, groups: np.ndarray, *, is_share: bool = True) -> Estimate:
    """A sum over another, by resampling patients; not defined where the second is 0.

    No sample shows how uncertain a share of 0 or 1 is: then the patients are the trials of an exact interval.

    Args:
        tops, bottoms, groups: of each slide or examination, (N,).
        is_share: whether no top is above its bottom.
    """
    _, where = np.unique(groups, return_inverse=True)
    top, bottom = np.bincount(where, tops), np.bincount(where, bottoms)
    whose = np.flatnonzero(bottom)  # patients who count

    def of(weights: np.ndarray) -> np.ndarray:
        below = weights @ bottom[whose]
        return np.divide(weights @ top[whose], below, out=np.full(len(below), np.nan), where=below > 0)

    found = resampled(of, whose)
    if is_share and found.value in (0.0, 1.0):
        end = exact(found.n if found.value else 0, found.n)
        return replace(found, low=end.low, high=end.high, method="exact")
    return found


def area(positive: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> Estimate:
    """Area under the ROC curve, ties half (Hanley and McNeil, Radiology 143:29, 1982), by resampling patients.

    Args:
        positive, scores, groups: of each slide, (N,).
    """
    yes = np.flatnonzero(positive)
    no = np.flatnonzero(~positive)
    no = no[np.argsort(scores[no], kind="stable")]
    low, high = (np.searchsorted(scores[no], scores[yes], side=side) for side in ("left", "right"))

    def of(weights: np.ndarray) -> np.ndarray:
        below = np.zeros((len(weights), len(no) + 1))
        np.cumsum(weights[:, no], axis=1, out=below[:, 1:])
        mine = weights[:, yes]
        won, pairs = (mine * (below[:, low] + below[:, high])).sum(1) / 2, mine.sum(1) * below[:, -1]
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    return resampled(of, groups) if len(scores) else Estimate(None, None, None, 0, method="bootstrap")


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
