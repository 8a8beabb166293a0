"""How far two readers agree beyond chance."""

import numpy as np


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
