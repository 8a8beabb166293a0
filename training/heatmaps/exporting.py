"""A finished heat-map run as the export takes it: canvases for parity and int8, the halo, its part of the card."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unmissed.datasets.pictures.canvases import heat_map
from unmissed.models.architectures import Scaled
from unmissed.models.cards import CardClass, DataSpec, HeatmapSpec, InputSpec, Metric
from unmissed.models.export import HEATMAP, torch_probabilities
from unmissed.models.heatmap import build_heatmap
from unmissed.models.pretrained import read_weights
from unmissed.training.exporting.files import FinishedRun, Proof, check_there, metrics_of, read_run_file
from unmissed.training.heatmaps.data import LabelledField
from unmissed.training.heatmaps.halo import measure_halo
from unmissed.training.heatmaps.int8 import BATCH, Compared, try_int8
from unmissed.training.heatmaps.settings import architecture_of, scale_of, scaling_of
from unmissed.training.heatmaps.slide_familiarity import slide_familiarity_of
from unmissed.training.heatmaps.sources import load_named, split_sources
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig

CANVASES = 24  # of training fields, to set the ranges of int8 and to measure the halo; held-out ones prove parity


def read_heatmap(run: Path, config: TrainConfig, heatmap: HeatmapConfig, cross_validation: Path | None) -> FinishedRun:
    """Read a finished heat-map run for its export; errors are those of ``export.export_run``."""
    facts, calibration = read_run_file(run / "run.json"), read_run_file(run / "calibration.json")
    temperature, scale = float(calibration["temperature"]), scale_of(config, heatmap)
    training, held_out = fields_of_run(config, heatmap, facts["fields"])
    mean, std = scaling_of(config)
    scaled = Scaled(build_heatmap(architecture_of(config, heatmap)), mean, std)
    scaled.load_state_dict(read_weights(run / "best.safetensors"))
    size_px, target = heatmap.canvas_px, [list(heatmap.classes).index(item) for item in heatmap.target]
    canvases = canvases_of(held_out, size_px, CANVASES // 3)
    proof = Proof(canvases, torch_probabilities(scaled, temperature, canvases, BATCH), BATCH)
    teaching = canvases_of(training, size_px, CANVASES)
    halo_px = heatmap.halo_px
    if halo_px is None:
        halo_px = measure_halo(scaled, temperature, teaching[: CANVASES // 3], scale.stride_px, target)
    compared = Compared(held_out, heatmap, scale, halo_px, config.bootstrap)
    metrics = _metrics(run, heatmap, "held-out test part")
    if cross_validation is not None:
        pooled = _metrics(cross_validation, heatmap, "cross-validation, folds pooled")
        metrics |= {f"cv_{name}": value for name, value in pooled.items()}
    about = {
        "task": "heatmap",
        "classes": tuple(
            CardClass(
                id=item,
                name=item.replace("_", " ").capitalize(),
                name_zh=heatmap.titles_zh.get(item, item),
                group="abnormal" if item in heatmap.target else "normal",
            )
            for item in heatmap.classes
        ),
        "input": InputSpec(
            size_px=size_px,
            fit="crop",
            area=config.input.area,
            um_per_px=config.input.um_per_px,
            mean=mean,
            std=std,
        ),
        "heatmap": HeatmapSpec(
            stride_px=scale.stride_px,
            halo_px=halo_px,
            picture_px=heatmap.picture_px,
            target=heatmap.target,
            radius_px=scale.px(heatmap.nms_um),
            box_px=scale.px(heatmap.box_um) if heatmap.box_um else None,
            threshold=float(calibration["threshold"]),
        ),
        "architecture": {
            **config.model.model_dump(mode="json", include={"backbone", "stride", "blocks", "layers", "head_width"}),
            "parameters": facts["parameters"],
            "weights": facts["weights"],
        },
        "data": tuple(DataSpec(**spec) for spec in facts["data"]),
        "metrics": metrics,
        "slide_familiarity": slide_familiarity_of(config, facts["fields"]["train"]),
    }
    try_variant = partial(try_int8, canvases=teaching, compared=compared)
    return FinishedRun(scaled, temperature, HEATMAP, proof, try_variant, about, facts)


def fields_of_run(
    config: TrainConfig, heatmap: HeatmapConfig, parts: Mapping[str, Sequence[str]]
) -> tuple[list[LabelledField], list[LabelledField]]:
    """Some of the fields that a run learned from, and all that it held out.

    Args:
        parts: train, validation and test -> names of fields, as in run.json and in the card.

    Raises:
        ConfigError: When a field is not in the dataset.
    """
    sources = split_sources(config, heatmap, by_picture=True)
    known = {source.name_of(field) for source in sources for field in source.fields}

    def load(names: Sequence[str]) -> list[LabelledField]:
        check_there(names, known, "fields", sources[0].root)
        return load_named(sources, names)

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


def _metrics(run: Path, heatmap: HeatmapConfig, part: str) -> dict[str, Metric]:
    """The card's figures out of metrics.json; nothing where nothing was tested."""
    path = run / "metrics.json"
    if not path.is_file():
        return {}
    saved = read_run_file(path)
    false = saved["false_finds"]
    on = f"{part}: {saved['objects']} objects in {saved['fields']} fields of {saved['groups']} groups"
    on += f"; false finds per {false['per']} counted in {false['fields']} fields"
    found = {"mean_recall": saved["mean_recall"]}
    found |= {f"recall_at_{rate}": value for rate, value in saved["recall"].items()}
    point = f"{heatmap.operating_point:g}"
    for label, values in saved["per_label"].items():
        if point in values["recall"]:
            found[f"recall_at_{point}_{label}"] = values["recall"][point]
    return metrics_of(found, on)
