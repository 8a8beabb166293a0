"""A linear score as ONNX: features float32 (N, F) in, score float32 (N,) out."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from unmissed.datasets.basis.files import write_bytes
from unmissed.training.slide_scores.fit import LinearScore

_OPSET = 17


def write_graph(score: LinearScore, path: Path) -> None:
    """Write the graph; the standardisation of the features is inside."""
    weights = (score.weights / score.scale).astype(np.float32)[:, None]
    bias = np.array([score.bias - float((score.mean / score.scale) @ score.weights)], np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Squeeze", ["scores", "axis"], ["score"]),
    ]
    constants = {"weights": weights, "bias": bias, "axis": np.array([1], np.int64)}
    graph = helper.make_graph(
        nodes,
        "slide-score",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", len(weights)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())
