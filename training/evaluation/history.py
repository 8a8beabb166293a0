"""The training history: read history.csv, draw it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.evaluation.plot_style import COLOURS, INK, style
from unmissed.training.evaluation.predictions import FloatArray


def read_history(path: Path) -> dict[str, FloatArray]:
    """Columns of a history.csv as arrays (epochs,); an empty cell is NaN.

    Raises:
        DatasetError: When the file cannot be read, has no epochs or holds something that is no number.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}", expected="a table of numbers, one row for each epoch"
        ) from error
    if "epoch" not in columns:
        raise DatasetError(f"{path} has no epochs", expected="a column `epoch` and one row or more")
    return columns


def history_figure(history: dict[str, FloatArray]) -> Figure:
    """Losses, the validation score (its best epoch marked) and learning rate over the epochs."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    loss, score, rate = figure.subplots(1, 3, width_ratios=(1.25, 1.25, 0.8))
    epoch = history["epoch"]
    mark = {"marker": "o", "markersize": 3.5} if epoch.size <= 40 else {}
    for name, label, colour in (("train_loss", "training", COLOURS[6]), ("val_loss", "validation", COLOURS[0])):
        if name in history:
            loss.plot(epoch, history[name], color=colour, label=label, linewidth=1.8, **mark)
    style(loss, "Loss")
    loss.legend(frameon=False, fontsize=9, labelcolor=INK)
    column, title = ("val_recall", "mean recall") if "val_recall" in history else ("val_macro_f1", "macro F1")
    f1 = history.get(column, np.full(epoch.shape, np.nan))
    score.plot(epoch, f1, color=COLOURS[0], linewidth=1.8, **mark)
    if not np.isnan(f1).all():
        best = int(np.nanargmax(f1))
        score.axvline(epoch[best], color=COLOURS[1], linewidth=1, linestyle=(0, (4, 3)))
        score.plot(epoch[best], f1[best], "o", color=COLOURS[1], markersize=7)
        note = f"best {f1[best]:.3f}\nin epoch {epoch[best]:.0f}"
        place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": score.transAxes}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 3}
        score.text(0.97, 0.06, note, color=COLOURS[1], fontsize=9.5, bbox=box, **place)
    style(score, f"Validation {title}")
    lr = history.get("lr", np.full(epoch.shape, np.nan))
    power = int(np.floor(np.log10(np.nanmax(lr)))) if (lr > 0).any() else 0
    rate.plot(epoch, lr / 10.0**power, color=COLOURS[2], linewidth=1.8)
    style(rate, rf"Learning rate  ($\times10^{{{power}}}$)")
    rate.set_ylim(bottom=0)
    for axes in (loss, score, rate):
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("Epoch", color=INK)
    return figure
