"""The mean score of several readers on the same cases, with readers and cases counted as random."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True, slots=True)
class ReaderMean:
    """A mean over readers and cases.

    Attributes:
        value: the mean.
        variance: of it, over other readers and other cases; 0 where the estimate is negative.
        freedom: degrees of freedom of the interval.
        low, high: 95 % interval.
    """

    value: float
    variance: float
    freedom: float
    low: float
    high: float


def reader_mean(scores: np.ndarray) -> ReaderMean:
    """Mean of a fully crossed study, with the U-statistic variance of a binary multi-reader multi-case study.

    One-shot estimate of B. D. Gallas, Acad. Radiol. 13:353 (2006), for binary data Gallas, Pennello and Myers, J. Opt.
    Soc. Am. A 24:B70 (2007): four moments, of pairs of scores that share reader and case, reader, case, or
    neither, each estimated without bias. The interval is Student's, with the degrees of freedom of S. L. Hillis,
    Stat. Med. 26:596 (2007).

    Args:
        scores: float (readers, cases): 1 where a reader is right and 0 where not; or the difference from what a fixed
            machine scores on the case. At least two of both.
    """
    readers, cases = scores.shape
    variance = _variance(scores)
    value = float(scores.mean())
    between_readers, between_cases, rest = _mean_squares(scores)
    numerator = between_readers + max(between_cases - rest, 0.0)
    freedom = (readers - 1) * (numerator / between_readers) ** 2 if between_readers > 0 else float(cases - 1)
    room = float(t.ppf(0.975, freedom)) * np.sqrt(variance)
    return ReaderMean(value, variance, freedom, value - room, value + room)


def _variance(scores: np.ndarray) -> float:
    """Of the mean: its square less the mean product of scores that share neither reader nor case.

    The square of the mean is the sum of all four moments with their coefficients, and that product is the fourth.
    """
    readers, cases = scores.shape
    total = scores.sum()
    sharing = (scores.sum(1) ** 2).sum() + (scores.sum(0) ** 2).sum() - (scores**2).sum()
    apart = (total**2 - sharing) / (readers * (readers - 1) * cases * (cases - 1))
    return max(0.0, float((total / scores.size) ** 2 - apart))


def _mean_squares(scores: np.ndarray) -> tuple[float, float, float]:
    """Between readers, between cases, and what is left."""
    readers, cases = scores.shape
    by_reader, by_case, mean = scores.mean(1, keepdims=True), scores.mean(0, keepdims=True), scores.mean()
    rest = ((scores - by_reader - by_case + mean) ** 2).sum() / ((readers - 1) * (cases - 1))
    return (
        float(cases * ((by_reader - mean) ** 2).sum() / (readers - 1)),
        float(readers * ((by_case - mean) ** 2).sum() / (cases - 1)),
        float(rest),
    )
