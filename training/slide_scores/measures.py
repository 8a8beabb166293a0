"""How well a score tells abnormal slides from normal ones."""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.metrics import roc_auc_score

from unmissed.training.evaluation.intervals import Estimate, percentile_interval


def exclusion(labels: np.ndarray, scores: np.ndarray, sensitivity: float) -> float:
    """Share of the normal slides below the highest threshold that keeps the sensitivity.

    Parameters
    ----------
    labels : bool (N,), abnormal.
    scores : (N,); a slide is kept when its score is at least the threshold.
    """
    positives = np.sort(scores[labels])
    missed = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    return float((scores[~labels] < positives[missed]).mean())


def measure(
    labels: np.ndarray, scores: np.ndarray, sensitivity: float, *, draws: int, seed: int
) -> Mapping[str, Estimate]:
    """AUC and exclusion with percentile intervals over resampled slides.

    Slides of a simulated cohort share fields, so the intervals are too narrow for what another laboratory would see.
    """
    statistics: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "auc": lambda y, s: float(roc_auc_score(y, s)),
        f"exclusion_at_{sensitivity:.0%}".replace("%", "_sensitivity"): lambda y, s: exclusion(y, s, sensitivity),
        "exclusion_at_full_sensitivity": lambda y, s: exclusion(y, s, 1.0),
    }
    rng = np.random.default_rng(seed)
    rows = [rng.integers(len(labels), size=len(labels)) for _ in range(draws)]
    rows = [drawn for drawn in rows if labels[drawn].any() and not labels[drawn].all()]
    return {
        name: percentile_interval(
            function(labels, scores), np.array([function(labels[r], scores[r]) for r in rows]), len(labels)
        )
        for name, function in statistics.items()
    }
