"""Everything that an evaluation of finds leaves in a folder: metrics.json, plots, report.html."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unmissed.datasets.basis.files import write_json
from unmissed.training.evaluation.finds import ALL, FieldFinds, FindsEvaluation, evaluate_finds, load_finds, recalls
from unmissed.training.evaluation.history import history_figure, read_history
from unmissed.training.evaluation.plot_style import COLOURS, INK, drawing, lettering_of, save_figure, stroke, style
from unmissed.training.evaluation.report import render

FINDS = "test_finds.json"  # in the folder of a run


def write_finds_evaluation(
    folder: Path,
    finds: Sequence[FieldFinds],
    unit: str,
    rates: Sequence[float],
    *,
    title: str,
    n_bootstrap: int = 1000,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    history_csv: Path | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> FindsEvaluation:
    """Evaluate finds and write metrics.json, plots/ and report.html into ``folder``.

    Args:
        finds: of a test part that training has not seen.
        unit, rates, n_bootstrap, seed: see ``evaluate_finds``.
        title, config, history_csv, notes, facts: see ``report.render``.
    """
    evaluation = evaluate_finds(finds, rates, unit, n_bootstrap=n_bootstrap, seed=seed)
    write_json(folder / "metrics.json", evaluation.to_json())
    lettering, plots = lettering_of(list(evaluation.recall)), {}
    with drawing(lettering):
        if evaluation.size:
            names = dict(zip(evaluation.recall, lettering.names, strict=True))
            plots["froc"] = save_figure(froc_figure(finds, evaluation, names), folder / "plots" / "froc.png")
        if history_csv is not None and history_csv.exists():
            figure = history_figure(read_history(history_csv))
            plots["history"] = save_figure(figure, folder / "plots" / "history.png")
    render(
        folder,
        "finds.html",
        evaluation,
        title=title,
        config=config or {},
        history_csv=history_csv,
        plots=plots,
        notes=[*notes, *filter(None, [lettering.note])],
        facts=facts,
        all_labels=ALL,
    )
    return evaluation


def evaluate_finds_run(folder: Path, output: Path, *, n_bootstrap: int = 1000, seed: int = 0) -> FindsEvaluation:
    """Measure a finished heat-map run again from the finds it left, and write the results into ``output``.

    Raises:
        DatasetError: When a file is missing or damaged.
    """
    finds, unit, rates = load_finds(folder / FINDS)
    return write_finds_evaluation(
        output,
        finds,
        unit,
        rates,
        title=folder.resolve().name,
        n_bootstrap=n_bootstrap,
        seed=seed,
        history_csv=folder / "history.csv",
    )


def froc_figure(finds: Sequence[FieldFinds], evaluation: FindsEvaluation, names: Mapping[str, str]) -> Figure:
    """Recall over false finds per unit, for all objects (with the intervals at the rates) and for each label.

    Args:
        names: label -> its name as it is drawn.
    """
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    rates = np.geomspace(evaluation.rates[0] / 2, evaluation.rates[-1] * 2, 80)
    for k, label in enumerate(evaluation.recall):
        line = stroke(k) if label != ALL else {"color": INK, "linewidth": 2.4}
        name = f"{names[label]} ({evaluation.counts[label]})" if label != ALL else f"all ({evaluation.n_objects})"
        axes.plot(rates, recalls(finds, rates.tolist(), label)[0], label=name, **line)
    for rate, estimate in zip(evaluation.rates, evaluation.recall[ALL], strict=True):
        axes.plot([rate, rate], [estimate.low, estimate.high], color=COLOURS[6], linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(evaluation.rates, [f"{rate:g}" for rate in evaluation.rates])
    axes.minorticks_off()
    axes.set_ylim(0, 1.02)
    where = "mm² of normal fields" if evaluation.unit == "mm2" else "picture"
    axes.set_xlabel(f"False finds per {where}", color=INK)
    axes.set_ylabel("Share of the objects that are found", color=INK)
    style(axes)
    figure.legend(frameon=False, fontsize=9, labelcolor=INK, loc="outside right upper")
    return figure
