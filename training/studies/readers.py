"""The mean score of several readers on the same cases, with readers and cases counted as random."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

_NOISE = 1e-12  # of the sum of squares: below it a spread is one of rounding


@dataclass(frozen=True, slots=True)
class ReaderMean:
    """A mean over readers and cases.

    Attributes:
        value: the mean.
        variance: of it, over other readers and other cases; 0 where nothing differs; then the interval says nothing.
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
    Soc. Am. A 24:B70 (2007), in the mean squares to which its four moments come together where every reader reads every
    case: (readers + cases - rest) / number of scores. Estimated without bias the part of the cases can be negative;
    then it counts as 0, as S. L. Hillis, Stat. Med. 26:596 (2007) has it, whose degrees of freedom Student's interval
    takes.

    Args:
        scores: float (readers, cases): 1 where a reader is right and 0 where not; or the difference from what a fixed
            machine scores on the case. At least two of both.
    """
    readers, cases = scores.shape
    by_reader, by_case, mean = scores.mean(1, keepdims=True), scores.mean(0, keepdims=True), float(scores.mean())
    between_readers = cases * ((by_reader - mean) ** 2).sum() / (readers - 1)
    between_cases = readers * ((by_case - mean) ** 2).sum() / (cases - 1)
    rest = ((scores - by_reader - by_case + mean) ** 2).sum() / ((readers - 1) * (cases - 1))
    spread = between_readers + max(between_cases - rest, 0.0)
    freedom = float(cases - 1)
    if between_readers > _NOISE * (scores**2).sum():
        freedom = float((readers - 1) * (spread / between_readers) ** 2)
    variance = float(spread / scores.size)
    room = float(t.ppf(0.975, freedom) * np.sqrt(variance))
    return ReaderMean(mean, variance, freedom, mean - room, mean + room)
