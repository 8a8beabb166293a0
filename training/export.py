"""From a run folder to a model that ships: ONNX files, parity and int8 checks, and the card that records them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.records import Record
from unmissed.models.architectures import Scaled, build, input_scaling
from unmissed.models.cards import Card, CardClass, DataSpec, InputSpec, Metric, Quantisation, save_card
from unmissed.models.export import OUTPUT, torch_probabilities
from unmissed.models.pretrained import read_weights
from unmissed.training.classifiers.classifier import architecture_of
from unmissed.training.classifiers.int8 import quantise_classifier
from unmissed.training.data import read_data
from unmissed.training.evaluation.outputs import read_temperature
from unmissed.training.evaluation.predictions import load_predictions
from unmissed.training.exporting.familiarity import familiarity_of
from unmissed.training.exporting.files import (
    FinishedRun,
    Proof,
    check_finished,
    check_there,
    file_spec,
    metrics_of,
    read_run_file,
    write_float_files,
)
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.heatmaps.exporting import read_heatmap
from unmissed.training.loading import load_for
from unmissed.training.recipes.config import InputConfig, TrainConfig
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.task import shown

CALIBRATION_PICTURES = 256


def export_run(
    run: Path,
    output: Path | None = None,
    *,
    name: str | None = None,
    version: str = "1",
    fixed_batch: int | None = 16,
    int8: bool = True,
    cross_validation: Path | None = None,
) -> tuple[Card, Path]:
    """Export a finished run.

    Args:
        run: run folder, or one fold of a k-fold run.
        output: where the files go; None means ``run/export``.
        name: of the model and its files; None means the recipe's name.
        version: recorded in the card.
        fixed_batch: also write a variant with this batch size (CANN and TensorRT compile per shape); None for none.
        int8: try an int8 variant; it becomes the default only if it is faster and loses too little.
        cross_validation: k-fold run of the same recipe; the card quotes its pooled metrics, their names begin with cv_.
            Heat maps have no use for it.

    Returns:
        The card and its path.

    Raises:
        ConfigError: When the folder holds no finished run, or the pictures it was tested on are gone.
        ModelError: When ONNX and torch disagree.
    """
    check_finished(run)
    config = load_recipe(str(run / "config.yaml"))
    try:
        if config.heatmap is None:
            source = _read_classifier(run, config, cross_validation)
        else:
            source = read_heatmap(run, config, config.heatmap, cross_validation)
    except KeyError as error:  # of run.json, calibration.json or metrics.json
        raise ConfigError(f"a file of {run} has no {error}", expected="files as `unmissed train` wrote them") from error
    name, facts = name or config.name, source.facts
    folder = make_folder(output or run / "export")
    files, parity = write_float_files(
        source.scaled, source.temperature, folder / name, source.proof, fixed_batch, source.output
    )
    check = None
    if int8:
        small = folder / f"{name}.int8.onnx"
        check = source.try_int8(folder / files["fp32"].file, small)
        if check.accepted:
            files["int8"] = file_spec(small, "int8", None)
        else:
            small.unlink()
    card = Card(
        name=name,
        version=version,
        title=config.title or name,
        title_zh=config.title_zh or config.title or name,
        files=files,
        default_variant="int8" if "int8" in files else "fp32",
        training={
            "recipe": shown(config),
            **{key: value for key, value in facts.items() if key not in ("data", "parameters", "weights")},
        },
        temperature=source.temperature,
        parity_max_abs_dp=parity,
        quantisation=check,
        known_answers=known_answers(folder, files, source.about["input"], source.about.get("heatmap")),
        intended_use=config.intended_use,
        limits=config.limits,
        licence="Apache-2.0 (weights: see the terms of the data)",
        **source.about,
    )
    path = folder / f"{name}.json"
    save_card(card, path)
    return card, path


def _read_classifier(run: Path, config: TrainConfig, cross_validation: Path | None) -> FinishedRun:
    part = "test" if (run / "test_predictions.csv").is_file() else "validation"
    held_out = load_predictions(run / f"{part}_predictions.csv")
    facts = read_run_file(run / "run.json")
    mean, std = input_scaling(config.model.backbone)
    scaled = Scaled(build(architecture_of(config, len(held_out.classes))), mean, std)
    scaled.load_state_dict(read_weights(run / "best.safetensors"))
    temperature = read_temperature(run / "calibration.json")
    data = read_data(config.data)
    records = {record.name(data.root): record for record in data.records}
    check_there(held_out.paths, records, "held-out pictures", data.root)
    images = load_for([records[name] for name in held_out.paths], config.input)
    proof = Proof(images, torch_probabilities(scaled, temperature, images))

    tested = set(held_out.paths)
    others = [record for name, record in records.items() if name not in tested]

    def try_int8(fp32: Path, small: Path) -> Quantisation:
        truth = images, held_out.labels, held_out.groups
        return quantise_classifier(fp32, small, truth, proof.expected, calibration_pictures(others, config.input))

    metrics = _metrics(run, facts.get("held_out", "held-out test part"))
    if cross_validation is not None:
        pooled = _metrics(cross_validation, "cross-validation, folds pooled")
        metrics |= {f"cv_{name}": value for name, value in pooled.items()}
    about = {
        "task": "classification",
        "classes": tuple(CardClass(id=c.id, name=c.name, name_zh=c.name_zh, group=c.group) for c in held_out.classes),
        "input": InputSpec(
            size_px=config.input.size_px,
            fit=config.input.fit,
            area=config.input.area,
            um_per_px=config.input.um_per_px,
            mean=mean,
            std=std,
        ),
        "architecture": {
            "backbone": config.model.backbone,
            "stride": config.model.stride,
            "margin": config.model.margin,
            "parameters": facts["parameters"],
            "weights": facts["weights"],
        },
        "data": (DataSpec(**facts["data"]),),
        "metrics": metrics,
        "familiarity": familiarity_of(others, config),
    }
    return FinishedRun(scaled, temperature, OUTPUT, proof, try_int8, about, facts)


def _metrics(run: Path, label: str) -> dict[str, Metric]:
    """The card's figures: the overall ones, calibration, and the normal / abnormal question; none without a test."""
    path = run / "metrics.json"
    if not path.is_file():
        return {}
    saved = read_run_file(path)
    found = {**saved["overall"], "ece": saved["calibration"]["ece_after"]}
    if saved["group_question"]:
        question = saved["group_question"]
        found |= {f"{question['positive']}_{name}": value for name, value in question["metrics"].items()}
    found |= {f"sensitivity_{item['id']}": item["metrics"]["sensitivity"] for item in saved["per_class"]}
    return metrics_of(found, f"{label}: {saved['images']} pictures in {saved['groups']} groups")


def calibration_pictures(others: Sequence[Record], spec: InputConfig) -> np.ndarray:
    """Some of the pictures that are not held out, to set int8's activation ranges."""
    order = np.random.default_rng(0).permutation(len(others))[:CALIBRATION_PICTURES]
    return load_for([others[i] for i in order], spec)
