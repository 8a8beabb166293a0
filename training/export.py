"""From a run folder to a model that ships: ONNX files, parity and int8 checks, and the card that records them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get
from unmissed.models.architectures import Scaled, build, input_scaling
from unmissed.models.cards import Card, CardClass, DataSpec, InputSpec, Metric, save_card
from unmissed.models.export import torch_probabilities
from unmissed.models.pretrained import read_weights
from unmissed.training.classifiers.classifier import architecture_of
from unmissed.training.classifiers.int8 import quantise_classifier
from unmissed.training.evaluation.outputs import read_temperature
from unmissed.training.evaluation.predictions import Predictions, load_predictions
from unmissed.training.exporting.files import (
    Proof,
    check_finished,
    file_spec,
    write_float_files,
)
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.heatmaps.exporting import export_heatmap
from unmissed.training.loading import load_pictures
from unmissed.training.parts import name_root
from unmissed.training.recipes.config import InputConfig, TrainConfig
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.task import shown

CALIBRATION_PICTURES = 256


@dataclass(frozen=True, slots=True)
class _Run:
    """What a finished run left."""

    config: TrainConfig
    facts: dict[str, Any]
    temperature: float
    held_out: Predictions
    metrics: dict[str, Metric]


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

    Parameters
    ----------
    run : run folder, or one fold of a k-fold run.
    output : where the files go; None means ``run/export``.
    name : of the model and its files; None means the recipe's name.
    version : recorded in the card.
    fixed_batch : also write a variant with this batch size (CANN and TensorRT compile per shape); None for none.
    int8 : try an int8 variant; it becomes the default only if it is faster and loses too little.
    cross_validation : k-fold run of the same recipe; the card quotes its pooled metrics, their names begin with cv_.
        Heat maps have no use for it.

    Returns
    -------
    The card and its path.

    Raises
    ------
    ConfigError
        When the folder holds no finished run, or the pictures it was tested on are gone.
    ModelError
        When ONNX and torch disagree.
    """
    check_finished(run)
    recipe = load_recipe(str(run / "config.yaml"))
    if recipe.heatmap is not None:
        return export_heatmap(
            run,
            recipe,
            recipe.heatmap,
            output,
            name=name,
            version=version,
            fixed_batch=fixed_batch,
            int8=int8,
            cross_validation=cross_validation,
        )
    source = _read(run, recipe, cross_validation)
    config, size_px = source.config, source.config.input.size_px
    name = name or config.name
    folder = make_folder(output or run / "export")
    network = build(architecture_of(config, len(source.held_out.classes)))
    mean, std = input_scaling(config.model.backbone)
    scaled = Scaled(network, mean, std)
    scaled.load_state_dict(read_weights(run / "best.safetensors"))
    records = _records(config)
    images = _held_out(source.held_out.paths, records, config)
    expected = torch_probabilities(scaled, source.temperature, images)

    proof = Proof(images, expected)
    files, parity = write_float_files(scaled, source.temperature, folder / name, proof, fixed_batch)
    check = None
    if int8:
        small = folder / f"{name}.int8.onnx"
        tested = set(source.held_out.paths)
        others = [record for name, record in records.items() if name not in tested]
        calibration = calibration_pictures(others, config.input)
        held_out = images, source.held_out.labels, source.held_out.groups
        check = quantise_classifier(folder / files["fp32"].file, small, held_out, expected, calibration)
        if check.accepted:
            files["int8"] = file_spec(small, "int8", None)
        else:
            small.unlink()
    spec = InputSpec(size_px=size_px, fit=config.input.fit, um_per_px=config.input.um_per_px, mean=mean, std=std)
    card = Card(
        name=name,
        version=version,
        title=config.title or name,
        title_zh=config.title_zh or config.title or name,
        task="classification",
        classes=tuple(
            CardClass(id=c.id, name=c.name, name_zh=c.name_zh, group=c.group) for c in source.held_out.classes
        ),
        input=spec,
        files=files,
        default_variant="int8" if "int8" in files else "fp32",
        architecture={
            "backbone": config.model.backbone,
            "stride": config.model.stride,
            "parameters": source.facts["parameters"],
            "weights": source.facts["weights"],
        },
        training={
            "recipe": shown(config),
            **{key: value for key, value in source.facts.items() if key not in ("data", "parameters", "weights")},
        },
        data=(DataSpec(**source.facts["data"]),),
        metrics=source.metrics,
        temperature=source.temperature,
        parity_max_abs_dp=parity,
        quantisation=check,
        known_answers=known_answers(folder, files, spec),
        intended_use=config.intended_use,
        limits=config.limits,
        licence="Apache-2.0 (weights: see the terms of the data)",
    )
    path = folder / f"{name}.json"
    save_card(card, path)
    return card, path


def _read(run: Path, config: TrainConfig, cross_validation: Path | None) -> _Run:
    part = "test" if (run / "test_predictions.csv").is_file() else "validation"
    held_out = load_predictions(run / f"{part}_predictions.csv")
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    metrics: dict[str, Metric] = {}
    for folder, prefix, label in (
        (run, "", facts.get("held_out", "held-out test part")),
        (cross_validation, "cv_", "cross-validation, folds pooled"),
    ):
        if folder is not None and (folder / "metrics.json").is_file():
            found = _metrics(json.loads((folder / "metrics.json").read_text(encoding="utf-8")), label)
            metrics |= {prefix + key: value for key, value in found.items()}
    return _Run(config, facts, read_temperature(run / "calibration.json"), held_out, metrics)


def _metrics(saved: Mapping[str, Any], label: str) -> dict[str, Metric]:
    """The card's figures out of metrics.json: the overall ones, calibration, and the normal / abnormal question."""
    on = f"{label}: {saved['images']} pictures in {saved['groups']} groups"
    found = {**saved["overall"], "ece": saved["calibration"]["ece_after"]}
    if saved["group_question"]:
        question = saved["group_question"]
        found |= {f"{question['positive']}_{name}": value for name, value in question["metrics"].items()}
    for item in saved["per_class"]:
        found[f"sensitivity_{item['id']}"] = item["metrics"]["sensitivity"]
    return {
        name: Metric(value=value["value"], low=value["low"], high=value["high"], method=value["method"], on=on)
        for name, value in found.items()
        if value["value"] is not None
    }


def _records(config: TrainConfig) -> dict[str, Record]:
    """The records of the run's dataset by the names that saved predictions use."""
    root = dataset_root(config.data.dataset, config.data.root)
    return {record.name(name_root(root)): record for record in get(config.data.dataset).read(root)}


def _held_out(names: Sequence[str], records: Mapping[str, Record], config: TrainConfig) -> np.ndarray:
    """The pictures behind saved predictions, as the network takes them."""
    missing = [name for name in names if name not in records]
    if missing:
        raise ConfigError(
            f"{len(missing)} held-out pictures of the run are not in "
            f"{dataset_root(config.data.dataset, config.data.root)}, first {missing[0]}",
            expected="the dataset that the run was trained on",
            fix="set data.root in config.yaml or $UNMISSED_DATA",
        )
    return load_for([records[name] for name in names], config.input)


def calibration_pictures(others: Sequence[Record], spec: InputConfig) -> np.ndarray:
    """Some of the pictures that are not held out, to set int8's activation ranges."""
    order = np.random.default_rng(0).permutation(len(others))[:CALIBRATION_PICTURES]
    return load_for([others[i] for i in order], spec)


def load_for(records: Sequence[Record], spec: InputConfig) -> np.ndarray:
    """Pictures as the network of a recipe takes them, uint8 (N, S, S, 3)."""
    return load_pictures(records, spec.size_px, spec.fit, lambda: None, spec.um_per_px)
