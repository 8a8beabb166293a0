"""Choose the questions of a card: those on which the model is least sure, so that a small fault shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from unmissed.models.cards import FileSpec, HeatmapSpec, InputSpec, KnownAnswers, TableInput
from unmissed.models.export import PARITY, onnx_probabilities, onnx_runner
from unmissed.models.known_answers import spread
from unmissed.models.known_pictures import DRAWING, known_fractions, known_pictures

_REFERENCE = "fp32"  # the variant whose answers are the card's
_CANDIDATES = 128
_PICTURES, _ROWS = 5, 6
_CANVAS_PX = 128  # of a heat map whose canvas is free: small, and every layer still sees more than its border
_DIGITS = 6
_OWN = 0.1  # what a question counts for itself, beside what it adds to those already chosen
_INT8_STEP = 0.01  # what another rounding of an integer engine may add to the difference seen at export


def known_answers(
    folder: Path,
    files: Mapping[str, FileSpec],
    takes: InputSpec | TableInput,
    heatmap: HeatmapSpec | None = None,
) -> tuple[KnownAnswers, ...]:
    """Ask the fp32 file, and see how far the other files are from it.

    Args:
        folder: where the files of the card are.
        files: variant -> file.
        takes, heatmap: of the card.

    Returns:
        One part for the files with a free canvas, and one for those with a fixed one, where there are any.
    """
    free = {name: spec for name, spec in files.items() if heatmap is None or spec.batch is None}
    parts = [_ask(folder, free, takes, _CANVAS_PX if heatmap else None)]
    if fixed := {name: spec for name, spec in files.items() if name not in free}:
        parts.append(_ask(folder, {_REFERENCE: files[_REFERENCE], **fixed}, takes, None))
        parts[-1] = parts[-1].model_copy(update={"tolerance": {k: parts[-1].tolerance[k] for k in fixed}})
    return tuple(parts)


def _ask(
    folder: Path, files: Mapping[str, FileSpec], takes: InputSpec | TableInput, size_px: int | None
) -> KnownAnswers:
    paths = {name: folder / spec.file for name, spec in files.items()}
    about: dict[str, Any]
    if isinstance(takes, TableInput):
        table = _rows(paths[_REFERENCE], len(takes.features))
        outputs = {name: spread(onnx_runner(path, 1)(table)) for name, path in paths.items()}
        chosen = np.array(_least_sure(outputs[_REFERENCE], _ROWS))
        about = {"rows": tuple(tuple(row) for row in table[chosen].astype(float).round(4).tolist())}
    else:
        side = size_px or takes.size_px
        seeds = tuple(range(_CANDIDATES if side <= 256 else _PICTURES))
        pictures = known_pictures(seeds, side)
        outputs = {name: spread(onnx_probabilities(path, pictures, 1)) for name, path in paths.items()}
        near = _near(outputs) if len(seeds) > _PICTURES else np.array(seeds)
        chosen = near[_least_sure(outputs[_REFERENCE][near], _PICTURES)]
        about = {"drawing": DRAWING, "seeds": tuple(chosen.tolist()), "size_px": side}
    answers = {name: found[chosen].round(_DIGITS) for name, found in outputs.items()}
    apart = {name: float(np.abs(found - answers[_REFERENCE]).max()) for name, found in answers.items()}
    rows_by_file = {name: tuple(map(tuple, found.tolist())) for name, found in answers.items()}
    return KnownAnswers(
        **about,
        outputs=rows_by_file[_REFERENCE],
        tolerance={
            name: PARITY if files[name].precision == "fp32" else round(apart[name] + _INT8_STEP, 4) for name in files
        },
        integer_outputs={name: rows for name, rows in rows_by_file.items() if files[name].precision == "int8"},
    )


def _near(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The questions on which the other files are near to fp32, so that little hides in a tolerance: the nearer half.

    Those that are apart by no more than a tolerance allows in any case are near too: a model that is sure of most
    drawings would otherwise be asked these alone.
    """
    apart = np.max([np.abs(found - outputs[_REFERENCE]).max(axis=1) for found in outputs.values()], axis=0)
    return np.flatnonzero(apart <= max(float(np.median(apart)), _INT8_STEP))


def _least_sure(outputs: np.ndarray, count: int) -> list[int]:
    """Questions (N, n) whose answers together are furthest from 0 and 1, number by number; the best one first."""
    unsure = np.clip(outputs * (1 - outputs), 0, None)
    covered = np.zeros(unsure.shape[1])
    chosen: list[int] = []
    for _ in range(min(count, len(unsure))):
        gains = np.maximum(unsure, covered).sum(axis=1) + _OWN * unsure.sum(axis=1)
        gains[chosen] = -1.0
        chosen.append(int(gains.argmax()))
        covered = np.maximum(covered, unsure[chosen[-1]])
    return chosen


def _rows(path: Path, columns: int) -> np.ndarray:
    """Rows around the mean that a gauge's graph subtracts, as wide as its scale; around 0 where it has none."""
    constants = {item.name: numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}
    mean, scale = constants.get("mean", np.zeros(columns)), constants.get("scale", np.full(columns, 3.0))
    fractions = np.stack([known_fractions(seed, columns) for seed in range(_CANDIDATES)])
    table: np.ndarray = (mean + 2 * scale * fractions).round(4).astype(np.float32)
    return table
