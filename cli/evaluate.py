"""`unmissed evaluate`: measure a finished run again, or a model on a dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmissed.datasets.basis.errors import ConfigError

if TYPE_CHECKING:
    from unmissed.datasets.records import Record
    from unmissed.training.evaluation.evaluate import Evaluation
    from unmissed.training.evaluation.finds import FindsEvaluation
    from unmissed.training.evaluation.intervals import Estimate


def evaluate(
    target: Annotated[str, typer.Argument(help="Run folder; or a shipped model or .onnx file, with --data.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Default: `evaluation` in the run folder, or runs/<model>-on-<data>."),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="Dataset to evaluate the model on.")] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the dataset; default $UNMISSED_DATA/<dataset>.")
    ] = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=1, help="Bootstrap samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of those samples.")] = 0,
    runtime: Annotated[str, typer.Option("--runtime", help="Runtime for a model; see `unmissed doctor`.")] = "onnx-cpu",
) -> None:
    """Evaluate a finished run again, or a model on a dataset, with 95 % intervals, plots and a report.

    A run folder holds test_predictions.csv and calibration.json, or one folder per fold with both; that of a heat-map
    model holds test_finds.json instead.
    """
    settings: dict[str, Any] = {"n_bootstrap": bootstrap, "seed": seed}
    where = output or Path(target) / "evaluation"
    if data is not None:
        _measure(target, data, root, output, runtime, **settings)
    elif (Path(target) / "test_finds.json").is_file():
        from unmissed.training.evaluation.finds_outputs import evaluate_finds_run

        _show_finds(evaluate_finds_run(Path(target), where, **settings), where)
    elif Path(target).is_dir():
        from unmissed.training.evaluation.runs import evaluate_run

        _show(evaluate_run(Path(target), where, root=root, **settings), where)
    else:
        raise ConfigError(
            f"{target} is not a run folder",
            expected="a folder that `unmissed train` wrote, or a model together with --data",
            fix=f"for a model: unmissed evaluate {target} --data DATASET --root FOLDER",
        )


def _measure(target: str, data: str, root: Path | None, output: Path | None, runtime: str, **settings: Any) -> None:
    from unmissed.datasets.registry import get
    from unmissed.inference.pictures.predict import Predictor
    from unmissed.inference.runtimes.variants import choose
    from unmissed.training.evaluation.measure import measure_model

    get(data)  # a wrong name is reported before a model is loaded
    choice = choose(target, runtime)

    def classify(records: "Sequence[Record]") -> Any:
        with Predictor(choice.file, runtime=runtime) as predictor:
            return predictor.classify_records(records)

    found = measure_model(
        choice.file, classify, data, root=root, output=output, runtime=runtime, notes=choice.notes, **settings
    )
    for note in found.notes:
        typer.secho(f"note: {note}", err=True, fg="yellow")
    _show(found.evaluation, found.folder)


def _show(evaluation: "Evaluation", folder: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def cell(estimate: "Estimate") -> str:
        numbers = (estimate.value, estimate.low, estimate.high)
        value, low, high = ("-" if number != number else f"{number:.3f}" for number in numbers)
        return f"{value} [dim]({low} to {high})[/dim]"

    console = Console()
    console.print(f"{evaluation.n_images:,} pictures, {evaluation.n_groups:,} groups, 95 % intervals")
    overall = Table("metric", "value (interval)", "method")
    rows = {**evaluation.overall, **evaluation.calibration}
    if evaluation.groups is not None:
        rows |= {f"{evaluation.groups.positive}: {name}": value for name, value in evaluation.groups.metrics.items()}
    for name, estimate in rows.items():
        overall.add_row(escape(name.replace("_", " ")), cell(estimate), estimate.method)
    each = Table("class", "pictures", "sensitivity", "specificity", "F1", "AUC")
    for result in evaluation.per_class:
        values = [cell(result.metrics[name]) for name in ("sensitivity", "specificity", "f1", "auc")]
        each.add_row(escape(result.info.name), str(result.support), *values)
    console.print(overall, each)
    console.print(f"Results: {escape(str(folder / 'report.html'))}", highlight=False, soft_wrap=True)


def _show_finds(evaluation: "FindsEvaluation", folder: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.print(f"{evaluation.n_objects:,} objects, {evaluation.n_fields:,} fields, {evaluation.n_groups:,} groups")
    table = Table(f"found at false finds per {evaluation.unit}", *(f"{rate:g}" for rate in evaluation.rates))
    for label, row in evaluation.recall.items():
        cells = [f"{one.value:.3f} [dim]({one.low:.3f} to {one.high:.3f})[/dim]" for one in row]
        table.add_row(escape(f"{label} ({evaluation.counts[label]})" if label else "all"), *cells)
    console.print(table)
    console.print(f"Results: {escape(str(folder / 'report.html'))}", highlight=False, soft_wrap=True)
