"""What every export shares: a run that is finished, float files proved against torch, the verdict on int8, hashes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import read_json, sha256_of
from unmissed.datasets.basis.words import one_line
from unmissed.models.cards import FileSpec, Metric, Quantisation
from unmissed.models.export import OUTPUT, check_parity, export_onnx
from unmissed.models.quantise import FLOAT_AT_START
from unmissed.training.evaluation.intervals import Estimate

_WORDS = {"macro_f1": "macro-F1", "mean_recall": "recall"}


@dataclass(frozen=True, slots=True)
class Proof:
    """Pictures uint8 (N, S, S, 3) and the probabilities that torch gives for them; ``at_once`` are run together."""

    images: np.ndarray
    expected: np.ndarray
    at_once: int = 64


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a finished run left, ready for export, whatever kind of model it is.

    Attributes:
        scaled, temperature, output: as ``export_onnx`` takes them.
        proof: what ONNX and torch are compared on.
        try_int8: writes the int8 variant of an fp32 file, and judges it.
        about: the fields of the card that depend on the kind of model.
        facts: of run.json.
    """

    scaled: nn.Module
    temperature: float
    output: str
    proof: Proof
    try_int8: Callable[[Path, Path], Quantisation]
    about: dict[str, Any]
    facts: dict[str, Any]


def check_finished(run: Path) -> None:
    """Refuse a folder without a finished run.

    Raises:
        ConfigError: Says what to name in its place.
    """
    if not (run / "best.safetensors").is_file() or not (run / "run.json").is_file():
        folds = sorted(path.name for path in run.glob("fold-*"))
        raise ConfigError(
            f"{run} holds no finished run",
            expected="a folder that `unmissed train` has written to its end",
            fix=f"name one fold: {run / folds[0]}" if folds else "train first, or run the same command again to resume",
        )


def read_run_file(path: Path) -> dict[str, Any]:
    """The values of a JSON file of a run.

    Raises:
        ConfigError: When it cannot be read, or holds no fields.
    """
    try:
        values = read_json(path)
        if not isinstance(values, dict):
            raise ValueError("it holds no fields")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read: {one_line(error)}", expected="the file as `unmissed train` wrote it"
        ) from error
    return values


def check_there(names: Iterable[str], known: Collection[str], what: str, folder: Path) -> None:
    """Refuse to go on without pictures of the run.

    Raises:
        ConfigError: When some of the names are not known; ``what`` they are and the folder of the dataset are for its
            words.
    """
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigError(
            f"{len(missing)} {what} of the run are not in {folder}, first {missing[0]}",
            expected="the dataset that the run was trained on",
            fix="set data.root in config.yaml or $UNMISSED_DATA",
        )


def metrics_of(found: Mapping[str, Mapping[str, Any]], on: str) -> dict[str, Metric]:
    """The card's figures out of those of metrics.json, without those that are not defined."""
    return {
        name: Metric(on=on, **{key: value[key] for key in ("value", "low", "high", "method")})
        for name, value in found.items()
        if value["value"] is not None
    }


def file_spec(path: Path, precision: Literal["fp32", "int8"], batch: int | None) -> FileSpec:
    """The card's entry for a file that was written."""
    return FileSpec(
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        precision=precision,
        stored=precision,
        batch=batch,
    )


def write_float_files(
    scaled: nn.Module, temperature: float, stem: Path, proof: Proof, fixed_batch: int | None, output: str = OUTPUT
) -> tuple[dict[str, FileSpec], float]:
    """Write STEM.onnx, and with ``fixed_batch`` STEM.bN.onnx, and compare both with torch.

    Args:
        scaled, temperature, output: as ``export_onnx`` takes them.
        stem: folder and name of the files, without suffix.

    Returns:
        Variant -> entry of the card, and the largest difference of a probability from torch.

    Raises:
        ModelError: When ONNX and torch disagree.
    """
    size_px = proof.images.shape[1]
    path = stem.with_name(f"{stem.name}.onnx")
    export_onnx(scaled, temperature, size_px, path, output=output)
    parity = check_parity(path, proof.expected, proof.images, proof.at_once)
    files = {"fp32": file_spec(path, "fp32", None)}
    if fixed_batch:
        fixed = stem.with_name(f"{stem.name}.b{fixed_batch}.onnx")
        export_onnx(scaled, temperature, size_px, fixed, batch=fixed_batch, output=output)
        parity = max(parity, check_parity(fixed, proof.expected, proof.images))
        files[f"fp32-b{fixed_batch}"] = file_spec(fixed, "fp32", fixed_batch)
    return files, parity


def first_accepted(attempt: Callable[[int], Quantisation]) -> Quantisation:
    """Quantise with as few float convolutions as the check allows; ``attempt`` takes their number and judges."""
    check = attempt(FLOAT_AT_START[0])
    for first_float in FLOAT_AT_START[1:]:
        if check.accepted:
            break
        check = attempt(first_float)
    return check


def judge_int8(
    speed_ratio: float,
    lost: Estimate,
    limit_points: float,
    metric: str,
    fp32: float,
    int8: float,
    images: tuple[int, int],
) -> Quantisation:
    """Accept an int8 variant when it is faster and loses less than the limit.

    Args:
        speed_ratio: int8 over fp32.
        lost: fp32 - int8 of the metric, 0..1.
        limit_points: points of 0.01 that must not be lost.
        metric: its name in the card ("macro_f1", "mean_recall").
        fp32, int8: the metric of either variant.
        images: how many were compared, and how many set the ranges.
    """
    points, words = 100 * lost.value, _WORDS[metric]
    reasons = []
    if speed_ratio <= 1:
        reasons.append(f"it is not faster here ({speed_ratio:.2f}x)")
    if not points < limit_points:
        reasons.append(f"it loses {points:.2f} points of {words} (limit {limit_points})")
    return Quantisation(
        accepted=not reasons,
        reason="; ".join(reasons) or f"{speed_ratio:.2f}x as fast, {words} changes by {-points:+.2f} points",
        speed_ratio=speed_ratio,
        metric=metric,
        fp32=fp32,
        int8=int8,
        loss_points=points,
        loss_interval=(100 * lost.low, 100 * lost.high) if np.isfinite([lost.low, lost.high]).all() else None,
        images=images[0],
        calibration_images=images[1],
    )
