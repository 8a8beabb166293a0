"""From a heat-map run to a model that ships: ONNX of a canvas, parity and int8 checks, and the card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.pictures.canvases import heat_map
from unmissed.models.architectures import Scaled
from unmissed.models.cards import Card, CardClass, DataSpec, HeatmapSpec, InputSpec, Metric, save_card
from unmissed.models.export import HEATMAP, torch_probabilities
from unmissed.models.heatmap import build_heatmap
from unmissed.models.pretrained import read_weights
from unmissed.training.exporting.files import Proof, file_spec, write_float_files
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.heatmaps.data import LabelledField
from unmissed.training.heatmaps.halo import measure_halo
from unmissed.training.heatmaps.int8 import BATCH, Compared, try_int8
from unmissed.training.heatmaps.settings import architecture_of, scale_of, scaling_of
from unmissed.training.heatmaps.sources import FieldSource
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.task import shown

CANVASES = 24  # of training fields, to set the ranges of int8 and to measure the halo; held-out ones prove parity


@dataclass(frozen=True, slots=True)
class _Run:
    """What a finished run left, and the fields that it needs again."""

    facts: dict[str, Any]
    temperature: float
    threshold: float
    held_out: list[LabelledField]
    training: list[LabelledField]


def export_heatmap(
    run: Path,
    config: TrainConfig,
    heatmap: HeatmapConfig,
    output: Path | None,
    *,
    name: str | None,
    version: str,
    fixed_batch: int | None,
    int8: bool,
    cross_validation: Path | None,
) -> tuple[Card, Path]:
    """Export a finished heat-map run; parameters, result and errors are those of ``exporting.export_run``."""
    source = _read(run, config, heatmap)
    name, scale = name or config.name, scale_of(config, heatmap)
    folder = make_folder(output or run / "export")
    mean, std = scaling_of(config)
    scaled = Scaled(build_heatmap(architecture_of(config, heatmap)), mean, std)
    scaled.load_state_dict(read_weights(run / "best.safetensors"))
    size_px, target = heatmap.canvas_px, [list(heatmap.classes).index(item) for item in heatmap.target]
    canvases = canvases_of(source.held_out, size_px, CANVASES // 3)
    expected = torch_probabilities(scaled, source.temperature, canvases, BATCH)
    teaching = canvases_of(source.training, size_px, CANVASES)
    halo_px = heatmap.halo_px
    if halo_px is None:
        halo_px = measure_halo(scaled, source.temperature, teaching[: CANVASES // 3], scale.stride_px, target)

    proof = Proof(canvases, expected, BATCH)
    files, parity = write_float_files(scaled, source.temperature, folder / name, proof, fixed_batch, HEATMAP)
    check = None
    if int8:
        small = folder / f"{name}.int8.onnx"
        compared = Compared(source.held_out, heatmap, scale, halo_px, config.bootstrap)
        check = try_int8(folder / files["fp32"].file, small, teaching, compared)
        if check.accepted:
            files["int8"] = file_spec(small, "int8", None)
        else:
            small.unlink()
    takes = InputSpec(size_px=size_px, fit="crop", um_per_px=config.input.um_per_px, mean=mean, std=std)
    spec = HeatmapSpec(
        stride_px=scale.stride_px,
        halo_px=halo_px,
        picture_px=heatmap.picture_px,
        target=heatmap.target,
        radius_px=scale.px(heatmap.nms_um),
        box_px=scale.px(heatmap.box_um) if heatmap.box_um else None,
        threshold=source.threshold,
    )
    card = Card(
        name=name,
        version=version,
        title=config.title or name,
        title_zh=config.title_zh or config.title or name,
        task="heatmap",
        classes=tuple(
            CardClass(
                id=item,
                name=item.replace("_", " ").capitalize(),
                name_zh=heatmap.titles_zh.get(item, item),
                group="abnormal" if item in heatmap.target else "normal",
            )
            for item in heatmap.classes
        ),
        input=takes,
        heatmap=spec,
        files=files,
        default_variant="int8" if "int8" in files else "fp32",
        architecture={
            **config.model.model_dump(mode="json", include={"backbone", "stride", "blocks", "layers", "head_width"}),
            "parameters": source.facts["parameters"],
            "weights": source.facts["weights"],
        },
        training={
            "recipe": shown(config),
            **{key: value for key, value in source.facts.items() if key not in ("data", "parameters", "weights")},
        },
        data=tuple(DataSpec(**spec) for spec in source.facts["data"]),
        metrics=_metrics(run, heatmap, "", "held-out test part")
        | (_metrics(cross_validation, heatmap, "cv_", "cross-validation, folds pooled") if cross_validation else {}),
        temperature=source.temperature,
        parity_max_abs_dp=parity,
        quantisation=check,
        known_answers=known_answers(folder, files, takes, spec),
        intended_use=config.intended_use,
        limits=config.limits,
        licence="Apache-2.0 (weights: see the terms of the data)",
    )
    path = folder / f"{name}.json"
    save_card(card, path)
    return card, path


def _read(run: Path, config: TrainConfig, heatmap: HeatmapConfig) -> _Run:
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    calibration = json.loads((run / "calibration.json").read_text(encoding="utf-8"))
    training, held_out = fields_of_run(config, heatmap, facts["fields"])
    return _Run(
        facts=facts,
        temperature=float(calibration["temperature"]),
        threshold=float(calibration["threshold"]),
        held_out=held_out,
        training=training,
    )


def fields_of_run(
    config: TrainConfig, heatmap: HeatmapConfig, parts: Mapping[str, Sequence[str]]
) -> tuple[list[LabelledField], list[LabelledField]]:
    """Some of the fields that a run learned from, and all that it held out.

    Parameters
    ----------
    parts : train, validation and test -> names of fields, as in run.json and in the card.

    Raises
    ------
    ConfigError
        When a field is not in the dataset.
    """
    source = FieldSource(config.data.dataset, config.data.root, heatmap, scale_of(config, heatmap), by_picture=True)
    fields = {field.name(source.root): field for field in source.fields}

    def load(names: Sequence[str]) -> list[LabelledField]:
        missing = [name for name in names if name not in fields]
        if missing:
            raise ConfigError(
                f"{len(missing)} fields of the run are not in {source.root}, first {missing[0]}",
                expected="the dataset that the run was trained on",
                fix="set data.root in config.yaml or $UNMISSED_DATA",
            )
        return source.load([fields[name] for name in names], lambda: None)

    order = np.random.default_rng(0).permutation(len(parts["train"]))[:CANVASES]
    return load([parts["train"][index] for index in order]), load(parts["test"] or parts["validation"])


def canvases_of(fields: Sequence[LabelledField], size_px: int, most: int) -> np.ndarray:
    """First canvas of each field, uint8 (N, size_px, size_px, 3); what is outside the field is mirrored."""
    taken: list[np.ndarray] = []

    def take(canvases: np.ndarray) -> np.ndarray:
        taken.append(canvases[0])
        return np.zeros((len(canvases), 1, 1, 1), np.float32)

    for field in fields[:most]:
        heat_map(field.image[:size_px, :size_px], take, size_px=size_px, stride_px=size_px, halo_px=0)
    return np.stack(taken)


def _metrics(run: Path, heatmap: HeatmapConfig, prefix: str, part: str) -> dict[str, Metric]:
    """The card's figures out of metrics.json; nothing where nothing was tested."""
    path = run / "metrics.json"
    if not path.is_file():
        return {}
    saved = json.loads(path.read_text(encoding="utf-8"))
    false = saved["false_finds"]
    on = f"{part}: {saved['objects']} objects in {saved['fields']} fields of {saved['groups']} groups"
    on += f"; false finds per {false['per']} counted in {false['fields']} fields"
    found = {"mean_recall": saved["mean_recall"]}
    found |= {f"recall_at_{rate}": value for rate, value in saved["recall"].items()}
    point = f"{heatmap.operating_point:g}"
    for label, values in saved["per_label"].items():
        if point in values["recall"]:
            found[f"recall_at_{point}_{label}"] = values["recall"][point]
    return {
        prefix + name: Metric(value=value["value"], low=value["low"], high=value["high"], method=value["method"], on=on)
        for name, value in found.items()
        if value["value"] is not None
    }
