"""What a picture may be: one class, or any of several where a dataset's label does not say which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmissed.datasets.records import ClassInfo, Record


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
