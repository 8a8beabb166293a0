"""The history of a run: one row per epoch, kept as history.csv."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from unmissed.datasets.basis.files import write_whole


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch.

    Losses are mean cross-entropies; that of the validation pictures is taken at its best temperature, so that it judges
    the ranking of the classes and not a confidence that calibration mends anyway. Classifiers have a macro-F1, heat
    maps a recall. The rate is that of the last step.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_macro_f1: float | None
    val_recall: float | None
    lr: float
    seconds: float


def write_history(rows: Sequence[Epoch], path: Path) -> None:
    """Write all rows, whole or not at all; a figure that this kind of model does not have gets no column."""
    columns = [item.name for item in fields(Epoch) if any(getattr(row, item.name) is not None for row in rows)]
    with write_whole(path) as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
