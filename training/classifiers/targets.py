"""What a picture may be: one class, or any of several where a dataset's label does not say which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp

from unmissed.datasets.records import ClassInfo, Record
from unmissed.training.evaluation.calibration import TEMPERATURE_BOUNDS, likeliest_temperature

_LEAST_GAIN = 1e-9  # of a temperature, in nats; less is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Targets of pictures.

    Attributes:
        codes: int64 (N,), rows of ``allowed``; a class's own number where nothing else may be right.
        allowed: bool (C, K), C >= K: the classes that are right; the first K rows are the classes alone.
    """

    codes: np.ndarray
    allowed: np.ndarray

    @property
    def is_exact(self) -> np.ndarray:
        """Bool (N,), whether one class alone is right."""
        exact: np.ndarray = self.codes < self.allowed.shape[1]
        return exact

    @property
    def log_allowed(self) -> np.ndarray:
        """0 where a class is right, and a number that leaves nothing of it where not: (N, K)."""
        allowed: np.ndarray = np.where(self.allowed[self.codes], 0.0, -1e9)
        return allowed


def targets_of(records: Sequence[Record], classes: Sequence[ClassInfo]) -> Targets:
    """Targets of labelled records; of the further labels only classes count."""
    order = {item.id: index for index, item in enumerate(classes)}
    rows: dict[tuple[int, ...], int] = {(index,): index for index in range(len(classes))}
    codes = [
        rows.setdefault(
            tuple(sorted({order[name] for name in (record.label, *record.or_labels) if name in order})), len(rows)
        )
        for record in records
    ]
    allowed = np.zeros((len(rows), len(classes)), bool)
    for members, row in rows.items():
        allowed[row, list(members)] = True
    return Targets(np.array(codes, dtype=np.int64), allowed)


def any_of_losses(logits: np.ndarray, targets: Targets) -> np.ndarray:
    """-log of the probability of all that is right together, in nats, (N,); logits (N, K)."""
    losses: np.ndarray = -logsumexp(log_softmax(logits, axis=1) + targets.log_allowed, axis=1)
    return losses


def temperature_of(logits: np.ndarray, targets: Targets) -> float:
    """Temperature that makes the pictures most likely (Guo et al. 2017), also where a label means several classes.

    Where every picture is right, it stays at 1 or above, for reasons that ``fit_temperature`` gives.
    """
    low, high = TEMPERATURE_BOUNDS
    if targets.allowed[targets.codes, logits.argmax(axis=1)].all():
        low = 1.0
    return likeliest_temperature(
        lambda temperature: float(any_of_losses(logits / temperature, targets).mean()), (low, high), _LEAST_GAIN
    )
