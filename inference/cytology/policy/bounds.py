"""Exact binomial statistics of a sensitivity: what counts prove, what they allow, and how many more are needed."""

import math

_BISECTIONS = 100  # halves the interval to below the resolution of a float


def sensitivity_lower_bound(positives: int, missed: int, confidence: float) -> float:
    """Exact one-sided lower bound of a sensitivity (Clopper and Pearson, Biometrika 26:404, 1934).

    Args:
        positives: patients or slides that should have been found, at least 1.
        missed: how many were not, 0..positives.
        confidence: 0..1, such as 0.95.

    Returns:
        The sensitivity at which so few misses, or fewer, would be seen with probability 1 - ``confidence`` only.
    """
    if missed >= positives:
        return 0.0
    if missed == 0:
        return math.exp(math.log1p(-confidence) / positives)
    # The tail falls as the miss rate grows. It is above the wanted value at the observed rate for any confidence > 0.5.
    low, high = missed / positives, 1.0
    wanted = math.log1p(-confidence)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _log_tail(positives, missed, middle) > wanted:
            low = middle
        else:
            high = middle
    return 1.0 - high


def most_missed(positives: int, sensitivity: float, confidence: float) -> int:
    """The most misses among so many positives that still prove a sensitivity; -1 when not even none proves it."""
    rate, wanted = 1.0 - sensitivity, math.log1p(-confidence)
    low, high = -1, math.floor(positives * rate) + 1  # of low it is certain; high is too many, whatever the counts
    while high - low > 1:
        middle = (low + high) // 2
        if _log_tail(positives, middle, rate) <= wanted:
            low = middle
        else:
            high = middle
    return low


def positives_needed(missed: int, sensitivity: float, confidence: float) -> int:
    """The fewest positives with which so many misses prove a sensitivity."""
    low, high = missed, missed + 1
    while most_missed(high, sensitivity, confidence) < missed:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if most_missed(middle, sensitivity, confidence) < missed:
            low = middle
        else:
            high = middle
    return high


def _log_tail(n: int, most: int, rate: float) -> float:
    """Logarithm of the binomial probability of at most ``most`` events among ``n``."""
    if rate >= 1.0:
        return -math.inf
    # Terms fall from i = most downwards, because the rate is never below most / n.
    first = _log_term(n, most, rate)
    total = 1.0
    for i in range(most - 1, -1, -1):
        part = math.exp(_log_term(n, i, rate) - first)
        total += part
        if part < 1e-18 * total:
            break
    return first + math.log(total)


def _log_term(n: int, i: int, rate: float) -> float:
    choices = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return choices + (i * math.log(rate) if i else 0.0) + (n - i) * math.log1p(-rate)
