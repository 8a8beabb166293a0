"""What the slides of a simulated study show: AUC, exclusion, misses; with intervals over fields, not over slides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from unmissed.benchmarks.studies.simulation.slides import ScoredSlide
from unmissed.inference.cytology.certification.proof import prove
from unmissed.inference.cytology.policy.policy import GradeRule

_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Sample:
    """Slides of one or several folds as arrays, one entry a slide.

    Attributes:
        fold: its text.
        scores: NaN for a slide that is never excluded whatever its score.
        positive, check: truth and role.
        never: whether the grade found keeps the slide from being excluded.
        blocks: the source blocks that it shows, each as (fold, kind, block).
    """

    fold: np.ndarray
    scores: np.ndarray
    positive: np.ndarray
    check: np.ndarray
    never: np.ndarray
    blocks: list[frozenset[tuple[str, str, str]]]

    @classmethod
    def of(cls, slides: Sequence[ScoredSlide], rule: GradeRule) -> "Sample":
        """From the tables of the study."""
        severe = rule.severity[rule.severity.index(rule.never_exclude_from) :]
        return cls(
            fold=np.array([slide.site for slide in slides]),
            scores=np.array([float(slide.score) if slide.score else np.nan for slide in slides]),
            positive=np.array([slide.truth == 1 for slide in slides], bool),
            check=np.array([slide.role == "check" for slide in slides], bool),
            never=np.array([slide.found in severe for slide in slides], bool),
            blocks=[
                frozenset(
                    (slide.site, kind, block)
                    for kind, shown in (("normal", slide.normal), ("abnormal", slide.abnormal))
                    for block in shown.split()
                )
                for slide in slides
            ],
        )

    def excluded(self, threshold: float) -> np.ndarray:
        """Which slides a threshold excludes, before some of them are drawn for quality review."""
        return (self.scores < threshold) & ~self.never

    @property
    def trials(self) -> np.ndarray:
        """The positive slides whose score decides."""
        return self.positive & ~np.isnan(self.scores)


def auc(sample: Sample, chosen: np.ndarray) -> float:
    """Mean over the folds: the scores of two folds come from two judges and are not ranked together."""
    found = []
    for fold in np.unique(sample.fold):
        own = chosen & (sample.fold == fold) & ~np.isnan(sample.scores)
        if len(np.unique(sample.positive[own])) < 2:
            return float("nan")
        found.append(roc_auc_score(sample.positive[own], sample.scores[own]))
    return float(np.mean(found))


def share_excluded(sample: Sample, chosen: np.ndarray, threshold: float) -> float:
    """Share of the negative slides of the check part that a threshold excludes; slides that it never may count too."""
    own = chosen & ~sample.positive & sample.check
    return float(sample.excluded(threshold)[own].mean()) if own.any() else float("nan")


def with_interval(sample: Sample, statistic: Callable[[np.ndarray], float]) -> tuple[float, float, float]:
    """A statistic with its 95 % interval over source blocks, which thousands of slides do not widen.

    Each block is left out in turn: the slides that do not show it are drawn as if it had not been there. The variance
    is that of the jackknife in strata (Jones, Appl. Stat. 23:346, 1974), the strata being the normal and the abnormal
    blocks of each fold. NaN where a stratum has a single block.

    Args:
        statistic: of a mask of slides.
    """
    value = statistic(np.ones(len(sample.scores), bool))
    strata: dict[tuple[str, str], list[float]] = {}
    for block in sorted(frozenset().union(*sample.blocks)):
        left = np.array([block not in shown for shown in sample.blocks], bool)
        strata.setdefault(block[:2], []).append(statistic(left))
    if any(len(values) < 2 for values in strata.values()):
        return value, float("nan"), float("nan")
    variance = sum((len(v) - 1) / len(v) * np.sum((np.array(v) - np.mean(v)) ** 2) for v in strata.values())
    room = _NORMAL_95 * float(np.sqrt(variance))
    return value, max(0.0, value - room), min(1.0, value + room)


def missed_blocks(sample: Sample, chosen: np.ndarray, threshold: float) -> tuple[int, int]:
    """Abnormal blocks that some trials show, and those of them with a slide below a threshold."""
    shown, missed = set(), set()
    for index in np.flatnonzero(chosen & sample.trials):
        abnormal = {block for block in sample.blocks[index] if block[1] == "abnormal"}
        shown |= abnormal
        if sample.scores[index] < threshold:
            missed |= abnormal
    return len(shown), len(missed)


def carried(
    sample: Sample, sensitivity: float, confidence: float, tries: int = 200, seed: int = 0
) -> tuple[float, float]:
    """How a threshold does on abnormal fields that had no part in proving it.

    The abnormal blocks of each fold are halved at random; slides of one half prove the threshold, slides of the other
    try it; those that show blocks of both are left out.

    Returns:
        The mean share missed, and in how many of the tries it is above the claim; NaN where no try proves it.
    """
    rng = np.random.default_rng(seed)
    trials = np.flatnonzero(sample.trials)
    abnormal = [{block for block in sample.blocks[index] if block[1] == "abnormal"} for index in trials]
    by_fold: dict[str, list[tuple[str, str, str]]] = {}
    for block in sorted(set().union(*abnormal)):
        by_fold.setdefault(block[0], []).append(block)
    rates = []
    for _ in range(tries):
        half = {v[i] for v in by_fold.values() for i in rng.permutation(len(v))[: len(v) // 2]}
        inside = np.array([blocks <= half for blocks in abnormal], bool)
        outside = np.array([not blocks & half for blocks in abnormal], bool)
        proof = prove(sample.scores[trials[inside]], sensitivity, confidence)
        if proof.threshold and outside.any():
            rates.append(float(np.mean(sample.scores[trials[outside]] < proof.threshold)))
    if not rates:
        return float("nan"), float("nan")
    return float(np.mean(rates)), float(np.mean(np.array(rates) > 1 - sensitivity))
