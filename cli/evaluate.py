"""`unmissed evaluate`: measure a finished run again, or a model on a dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmissed.datasets.basis.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from unmissed.datasets.records import ClassInfo, Record
    from unmissed.models.zoo import ModelFile
    from unmissed.training.evaluation.evaluate import Evaluation
    from unmissed.training.evaluation.finds import FindsEvaluation
    from unmissed.training.evaluation.intervals import Estimate
    from unmissed.training.evaluation.predictions import Predictions


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
    from unmissed.training.evaluation.runs import evaluate_run

    settings: dict[str, Any] = {"n_bootstrap": bootstrap, "seed": seed}
    if data is not None:
        evaluation, where = _evaluate_model(target, data, root, output, runtime, settings)
    elif (Path(target) / "test_finds.json").is_file():
        from unmissed.training.evaluation.finds_outputs import evaluate_finds_run

        where = output or Path(target) / "evaluation"
        _show_finds(evaluate_finds_run(Path(target), where, **settings), where)
        return
    elif Path(target).is_dir():
        where = output or Path(target) / "evaluation"
        evaluation = evaluate_run(Path(target), where, root=root, **settings)
    else:
        raise ConfigError(
            f"{target} is not a run folder",
            expected="a folder that `unmissed train` wrote, or a model together with --data",
            fix=f"for a model: unmissed evaluate {target} --data DATASET --root FOLDER",
        )
    _show(evaluation, where)


def predictions_of_model(
    model: "ModelFile",
    records: "Sequence[Record]",
    classes: "Sequence[ClassInfo]",
    root: Path,
    runtime: str = "onnx-cpu",
) -> "Predictions":
    """Run a model over labelled records; its probabilities are calibrated, so their logarithms serve as logits.

    Raises
    ------
    ConfigError
        When the records have classes that the model does not know.
    ImageError
        For the first picture that cannot be read.
    """
    import numpy as np

    from unmissed.inference.pictures.predict import classify_records
    from unmissed.training.evaluation.predictions import Predictions

    index = {item.id: number for number, item in enumerate(classes)}
    strange = sorted({record.label for record in records} - set(index))
    if strange:
        raise ConfigError(
            f"{model.card.name} does not know the classes {', '.join(strange)}",
            expected=f"pictures of {', '.join(index)}",
            fix="choose the dataset that the model was made for; see `unmissed models info`",
        )
    probabilities = classify_records(model, records, runtime=runtime)
    return Predictions(
        classes=tuple(classes),
        labels=np.array([index[record.label] for record in records], dtype=np.int64),
        logits=np.log(np.maximum(probabilities.astype(np.float64), 1e-12)),
        groups=np.array([record.group for record in records], dtype=np.str_),
        paths=tuple(record.name(root) for record in records),
    )


def _evaluate_model(
    target: str, data: str, root: Path | None, output: Path | None, runtime: str, settings: dict[str, Any]
) -> "tuple[Evaluation, Path]":
    from unmissed.datasets.locate import dataset_root
    from unmissed.datasets.pictures.images import crop_around, read_image
    from unmissed.datasets.records import ClassInfo
    from unmissed.datasets.registry import get
    from unmissed.inference.runtimes.variants import choose
    from unmissed.training.evaluation.outputs import write_evaluation

    dataset, choice = get(data), choose(target, runtime)
    model = choice.file
    place = dataset_root(data, root)
    everything = dataset.read(place)
    records = [record for record in everything if record.label]
    if not records:
        raise DatasetError(f"{data} has no labelled pictures", expected="a classification dataset")
    notes = list(choice.notes)
    if len(everything) > len(records):
        notes.append(f"{len(everything) - len(records)} pictures without a label were left out.")
    if any(record.split == "test" for record in records):
        records = [record for record in records if record.split == "test"]
        notes.append("Only the official test part was measured.")
    elif any(spec.name == data for spec in model.card.data):
        notes.append(f"{model.card.name} was trained on {data}: on pictures it has seen, the figures are optimistic.")
    classes = [ClassInfo(c.id, c.name, c.name_zh, c.group) for c in model.card.classes]
    predictions = predictions_of_model(model, records, classes, place, runtime)
    side_px = model.card.picture_input.size_px

    def picture(index: int) -> Any:
        record = records[index]
        image = read_image(record.path)
        return image if record.centre_px is None else crop_around(image, record.centre_px, side_px)

    where = output or Path("runs") / f"{model.card.name}-on-{data}"
    predictions.save(where / "test_predictions.csv")
    evaluation = write_evaluation(
        where,
        predictions,
        title=f"{model.card.title}: {dataset.info.title}",
        config={"model": model.card.name, "version": model.card.version, "variant": model.variant, "runtime": runtime},
        picture=picture,
        notes=[*notes, "The temperature is inside the model: before and after calibration are the same here."],
        facts={"Model": f"{model.card.name} {model.card.version}", "Data set": dataset.info.title},
        **settings,
    )
    for note in notes:
        typer.secho(f"note: {note}", err=True, fg="yellow")
    return evaluation, where


def _show(evaluation: "Evaluation", folder: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def cell(estimate: "Estimate") -> str:
        plain = {key: "-" if value != value else f"{value:.3f}" for key, value in _numbers(estimate).items()}
        return f"{plain['value']} [dim]({plain['low']} to {plain['high']})[/dim]"

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


def _numbers(estimate: "Estimate") -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
