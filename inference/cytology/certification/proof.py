"""The highest threshold that the data prove: fixed-sequence testing of thresholds from the safe end."""

from dataclasses import dataclass
from math import floor

import numpy as np

from unmissed.inference.cytology.policy.bounds import most_missed, positives_needed, sensitivity_lower_bound

STEPS = 1_000_000
"""The thresholds are 0, 1 / STEPS, 2 / STEPS ... 1, whatever the data: fixed before any score is seen."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the trials prove.

    Attributes:
        positives: trials: patients who should be found.
        missed: how many of them are missed at the threshold.
        threshold: the highest that is proved; 0 when none is, and then nothing may be excluded.
        sensitivity, confidence: the claim.
    """

    positives: int
    missed: int
    threshold: float
    sensitivity: float
    confidence: float

    @property
    def refusal(self) -> str:
        """Why no threshold is proved, and what would be needed; empty when one is."""
        if self.threshold > 0:
            return ""
        if not self.positives:
            return "no positive patient has a slide with a score that could be excluded, so nothing is proved"
        allowed = most_missed(self.positives, self.sensitivity, self.confidence)
        patients = f"{self.positives:,} positive patient{'s' * (self.positives > 1)}"
        if allowed >= 0:
            return (
                f"{allowed + 1:,} of {patients} have a slide of score 0, and {percent(self.sensitivity)} allows "
                f"{allowed:,} to be missed: no threshold above 0 is proved"
            )
        best = sensitivity_lower_bound(self.positives, 0, self.confidence)
        needed = positives_needed(0, self.sensitivity, self.confidence)
        return (
            f"{patients}, none missed, prove {percent(best)} at a confidence of {percent(self.confidence)}; "
            f"{percent(self.sensitivity)} needs {needed:,} without a miss, {needed - self.positives:,} more"
        )


def prove(scores: np.ndarray, sensitivity: float, confidence: float) -> Proof:
    """Find the highest threshold of the fixed grid at which the sensitivity is proved.

    Learn-then-Test (Angelopoulos, Bates, Candes, Jordan and Lei, Ann. Appl. Stat. 19:1641, 2025; arXiv 2110.01052) with
    fixed-sequence testing: beginning at threshold 0, where nothing is missed, each is tested by the exact binomial
    p-value P(Binomial(n, 1 - sensitivity) <= misses) against 1 - confidence, and the first that fails ends the walk.
    With probability ``confidence`` the true sensitivity at the threshold found is at least ``sensitivity``, whatever
    the distribution of the scores, if the trials are independent and drawn as those to come. The misses only grow
    along the walk, so that it ends where they exceed the most that may be missed: at an order statistic.

    Args:
        scores: of each positive patient, 0..1; a patient is missed where hers is below the threshold.
        sensitivity, confidence: the claim.
    """
    n = len(scores)
    allowed = most_missed(n, sensitivity, confidence) if n else -1
    if allowed < 0:
        return Proof(n, 0, 0.0, sensitivity, confidence)
    first_too_many = float(np.partition(scores, allowed)[allowed])
    threshold = _on_grid(first_too_many)
    return Proof(n, int(np.count_nonzero(scores < threshold)), threshold, sensitivity, confidence)


def scores_of_patients(patients: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The score by which each patient is found or missed: that of her lowest positive slide.

    So she counts as missed as soon as *one* of her positive slides would be excluded, although another may still be
    reviewed: the stricter of the two readings, and the one that also holds where a slide is all that there is.

    Args:
        patients, scores: of positive slides that could be excluded, one entry a slide.
    """
    order = np.lexsort((scores, patients))
    _, first = np.unique(patients[order], return_index=True)
    return scores[order][first]


def percent(share: float) -> str:
    """A share in percent, cut and never rounded up: 99.275 % is not 99.28 %."""
    return f"{floor(share * 1e5 + 1e-6) / 1e3:.10g} %"


def _on_grid(score: float) -> float:
    """The highest threshold at or below a score."""
    step = min(STEPS, floor(score * STEPS) + 1)  # the product may have been rounded down
    while step / STEPS > score:
        step -= 1
    return step / STEPS
