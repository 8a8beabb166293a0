"""Scores of named numbers as ONNX: features float32 (N, F) in, and the proof that a file gives what was fitted."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.export import onnx_runner, save_model
from unmissed.training.slide_scores.fit import LinearScore

PARITY = 1e-5
_OPSET = 17


def write_graph(score: LinearScore, path: Path) -> None:
    """Write a linear score, float32 (N,); the standardisation of the features is inside."""
    weights = (score.weights / score.scale).astype(np.float32)[:, None]
    bias = np.array([score.bias - float((score.mean / score.scale) @ score.weights)], np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Squeeze", ["scores", "axis"], ["score"]),
    ]
    constants = {"weights": weights, "bias": bias, "axis": np.array([1], np.int64)}
    write_table_graph(path, "slide-score", nodes, constants, len(weights), "score", ["batch"])


def write_table_graph(
    path: Path,
    name: str,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray],
    columns: int,
    output: str,
    shape: Sequence[str | int],
) -> None:
    """Write a graph from "features" float32 (batch, columns) to a float32 output of that name and shape."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", columns])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9), path)


def table_parity(path: Path, values: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference between what a file gives for features (N, F) and what its fit gives.

    Raises:
        ModelError: When it exceeds ``PARITY``.
    """
    difference = float(np.abs(onnx_runner(path, 1)(values.astype(np.float32)) - expected).max())
    if not difference <= PARITY:  # NaN is no parity
        raise ModelError(f"{path.name} differs from the fit by {difference:.2g}", expected=f"at most {PARITY:g}")
    return difference
