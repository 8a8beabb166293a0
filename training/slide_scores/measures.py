"""How well a score separates abnormal slides from normal ones."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from unmissed.training.evaluation.intervals import Estimate, percentile_interval

Statistic = Callable[[np.ndarray, np.ndarray], float]
Scored = tuple[np.ndarray, np.ndarray]


def exclusion(labels: np.ndarray, scores: np.ndarray, sensitivity: float) -> float:
    """Share of the normal slides below the highest threshold that keeps the sensitivity.

    Args:
        labels: bool (N,), abnormal.
        scores: (N,); a slide is kept when its score is at least the threshold.
    """
    positives = np.sort(scores[labels])
    missed = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    return float((scores[~labels] < positives[missed]).mean())


def statistics_at(sensitivity: float) -> dict[str, Statistic]:
    """The statistics of a cohort by name: AUC, and exclusion at a sensitivity and at full sensitivity."""
    return {
        "auc": lambda y, s: float(roc_auc_score(y, s)),
        f"exclusion_at_{sensitivity:.0%}".replace("%", "_sensitivity"): lambda y, s: exclusion(y, s, sensitivity),
        "exclusion_at_full_sensitivity": lambda y, s: exclusion(y, s, 1.0),
    }


def measure(parts: Sequence[Scored], sensitivity: float, *, draws: int, seed: int) -> dict[str, Estimate]:
    """Each statistic, averaged over cohorts, with its percentile interval over resampled slides.

    The scores of two cohorts come from two models, so they are never ranked together. Slides of a simulated cohort
    share fields: the intervals are too narrow for what another laboratory would see.

    Args:
        parts: labels bool (N,) and scores (N,) of each cohort.
        sensitivity: 0..1, for the share of excluded slides.
        draws, seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for name, statistic in statistics_at(sensitivity).items():
        value = float(np.mean([statistic(labels, scores) for labels, scores in parts]))
        samples = [np.mean([_drawn(statistic, *part, rng) for part in parts]) for _ in range(draws)]
        found[name] = percentile_interval(value, np.array(samples), sum(len(labels) for labels, _ in parts))
    return found


def _drawn(statistic: Statistic, labels: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> float:
    """The statistic of slides drawn with replacement, as many of each class as there are."""
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(labels == kind), (labels == kind).sum()) for kind in (True, False)]
    )
    return statistic(labels[rows], scores[rows])
