"""The pictures of a report as PNG: confusion, reliability, ROC, precision-recall, training history."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from unmissed.training.evaluation.calibration import reliability_bins
from unmissed.training.evaluation.evaluate import Evaluation
from unmissed.training.evaluation.history import history_figure, read_history
from unmissed.training.evaluation.metrics import calibration_errors
from unmissed.training.evaluation.plot_style import (
    COLOURS,
    FAINT,
    GREY,
    INK,
    LATIN,
    Lettering,
    drawing,
    lettering_of,
    save_figure,
    stroke,
    style,
    wrapped,
)
from unmissed.training.evaluation.predictions import FloatArray, IntArray, Predictions


def write_plots(
    folder: Path,
    predictions: Predictions,
    evaluation: Evaluation,
    *,
    temperature: float | FloatArray = 1.0,
    history_csv: Path | None = None,
    lettering: Lettering | None = None,
) -> dict[str, Path]:
    """Draw every plot into ``folder``; returns name -> PNG file, names confusion, reliability, roc, precision_recall,
    history.

    Args:
        temperature: of the calibration, one number or one per picture.
        history_csv: columns epoch, train_loss, val_loss, val_macro_f1, lr, seconds; None or a missing file draws no
            history.
        lettering: how the names of the classes are drawn; None chooses.

    Raises:
        DatasetError: When the history cannot be read.
        OutputError: When a file cannot be written.
    """
    lettering = lettering or lettering_of([c.name for c in predictions.classes])
    names = lettering.names
    before, after = predictions.probabilities(), predictions.probabilities(temperature)
    with drawing(lettering):
        figures = {
            "confusion": confusion_figure(evaluation.confusion, names),
            "reliability": reliability_figure(predictions.labels, before, after),
            "roc": roc_figure(predictions.labels, after, names),
            "precision_recall": precision_recall_figure(predictions.labels, after, names),
        }
        if history_csv is not None and history_csv.exists():
            figures["history"] = history_figure(read_history(history_csv))
        return {name: save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()}


def confusion_figure(counts: IntArray, names: Sequence[str]) -> Figure:
    """Confusion matrix (K, K): counts, and below them the share of the row, which also gives the shade."""
    k = len(names)
    side = 1.9 + min(1.0, max(0.40, 4.9 / k)) * k
    figure = Figure(figsize=(side + 1.5, side), layout="constrained")
    axes = figure.subplots()
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.05)
    size = 11 if k <= 8 else 9.5 if k <= 12 else 8
    for row, column in zip(*np.nonzero(counts), strict=True):
        value = share[row, column]
        percent = f"{100 * value:.0f}%" if value >= 0.01 else "<1%"
        where: dict[str, Any] = {"xy": (column, row), "textcoords": "offset points", "ha": "center", "in_layout": False}
        where["color"] = "white" if value > 0.66 else INK
        weight = "bold" if row == column else "normal"
        number = f"{counts[row, column]}"
        axes.annotate(number, xytext=(0, 0.5), va="bottom", family=LATIN, fontsize=size, weight=weight, **where)
        axes.annotate(percent, xytext=(0, -1.5), va="top", fontsize=size * 0.8, **where)
    label = 10 if k <= 12 else 9
    wrap = 22 if k <= 12 else 30
    rows = [f"{wrapped(name, wrap)}  ({total})" for name, total in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(k), rows, fontsize=label)
    slanted: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if k > 3 else {}
    axes.set_xticks(range(k), [wrapped(name, wrap) for name in names], fontsize=label, **slanted)
    axes.set_xlabel("Predicted", fontsize=11, color=INK)
    axes.set_ylabel("Truth  (pictures)", fontsize=11, color=INK)
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=FAINT, linewidth=0.8)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.spines[:].set_visible(False)
    return figure


def reliability_figure(labels: IntArray, before: FloatArray, after: FloatArray) -> Figure:
    """Accuracy against confidence, before and after the temperature, over a histogram of the confidence."""
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, height_ratios=(3.4, 1))
    for column, (title, probabilities, colour) in enumerate(
        (("As trained", before, COLOURS[1]), ("With temperature", after, COLOURS[0]))
    ):
        bins = reliability_bins(labels, probabilities)
        full = bins.count > 0
        error = calibration_errors(labels, probabilities)[0]
        top, bottom = panels[0, column], panels[1, column]
        width = bins.high - bins.low
        top.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="perfect", zorder=1)
        top.bar(
            bins.low, np.nan_to_num(bins.accuracy), width, align="edge", color=colour, alpha=0.25, edgecolor="white"
        )
        sizes = 22 + 160 * np.sqrt(bins.count[full] / bins.count.sum())
        top.scatter(
            bins.confidence[full],
            bins.accuracy[full],
            s=sizes,
            color=colour,
            edgecolor="white",
            zorder=3,
            clip_on=False,
        )
        style(top, f"{title}: calibration error {100 * error:.1f}%")
        top.set(xlim=(0, 1), ylim=(0, 1.03))
        top.yaxis.set_major_formatter(PercentFormatter(1))
        bottom.bar(bins.low, bins.count, width, align="edge", color=colour, edgecolor="white")
        style(bottom)
        bottom.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        bottom.xaxis.set_major_formatter(PercentFormatter(1))
        bottom.set_xlabel("Confidence (top probability)", color=INK)
    panels[0, 0].set_ylabel("Correct answers in the bin", color=INK)
    panels[1, 0].set_ylabel("Pictures", color=INK)
    return figure


def roc_figure(labels: IntArray, probabilities: FloatArray, names: Sequence[str]) -> Figure:
    """ROC curve of each class against the rest, with the upper left corner enlarged."""
    figure, axes = _curve_axes(names, "1 - specificity", "Sensitivity")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    curves = {}
    for k, name in enumerate(names):
        truth = labels == k
        if truth.any() and not truth.all():
            x, y, _ = roc_curve(truth, probabilities[:, k])
            curves[k] = x, y
            axes.plot(x, y, label=f"{wrapped(name, 34)}  {np.trapezoid(y, x):.3f}", **stroke(k))
    _enlarge_corner(axes, curves)
    _legend(axes, names, "Class  (area under the curve)")
    return figure


def precision_recall_figure(labels: IntArray, probabilities: FloatArray, names: Sequence[str]) -> Figure:
    """Precision against recall of each class; the number is the average precision."""
    figure, axes = _curve_axes(names, "Sensitivity (recall)", "Positive predictive value (precision)")
    for k, name in enumerate(names):
        truth = labels == k
        if not truth.any():
            continue
        precision, recall, _ = precision_recall_curve(truth, probabilities[:, k])
        area = average_precision_score(truth, probabilities[:, k])
        axes.plot(recall, precision, label=f"{wrapped(name, 34)}  {area:.3f}", drawstyle="steps-post", **stroke(k))
    _legend(axes, names, "Class  (average precision)")
    return figure


def _curve_axes(names: Sequence[str], x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.6, 6.0 if len(names) <= 16 else 6.6), layout="constrained")
    axes = figure.subplots()
    style(axes)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.01), aspect="equal", anchor="W")
    axes.set_xlabel(x, fontsize=11, color=INK)
    axes.set_ylabel(y, fontsize=11, color=INK)
    return figure, axes


def _enlarge_corner(axes: Axes, curves: dict[int, tuple[FloatArray, FloatArray]]) -> None:
    """Enlarge the upper left corner as far as half of the curves pass through it; none do: no enlargement."""
    for limit in (0.02, 0.05, 0.1, 0.2):
        if curves and np.median([np.interp(limit, x, y) for x, y in curves.values()]) >= 1 - 0.6 * limit:
            break
    else:
        return
    corner = axes.inset_axes(
        (0.46, 0.08, 0.51, 0.51), xlim=(-0.02 * limit, limit), ylim=(1 - limit, 1 + 0.02 * limit), zorder=5
    )
    for k, (x, y) in curves.items():
        corner.plot(x, y, **stroke(k))
    corner.set_title("upper left corner, enlarged", fontsize=9, color=INK, pad=7, backgroundcolor="white")
    corner.set_xticks((0, limit / 2, limit), ("0", f"{limit / 2:g}", f"{limit:g}"))
    corner.set_yticks((1 - limit, 1 - limit / 2, 1), (f"{1 - limit:g}", f"{1 - limit / 2:g}", "1"))
    corner.tick_params(labelsize=8, colors=INK, length=2)
    corner.grid(color=FAINT, linewidth=0.6)
    corner.spines[:].set_color(GREY)


def _legend(axes: Axes, names: Sequence[str], title: str) -> None:
    if not axes.get_legend_handles_labels()[1]:
        return
    size = 9.5 if len(names) <= 12 else 8
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        fontsize=size,
        title=title,
        handlelength=2.8,
        labelcolor=INK,
    )
    legend.get_title().set(family=LATIN, fontsize=size, color=INK, weight="bold")
    legend.set_alignment("left")
