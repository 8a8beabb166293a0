"""A shipped finder as a file that any torch can rebuild: its weights, and its steps in plain words."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.datasets.basis.files import json_line, write_whole

_SIMPLE = {"Add": "add", "Relu": "relu"}
_OF_A_NUMBER = {"Sub": "subtract", "Div": "divide"}
_FRONT = ("Transpose", "Cast")  # uint8 (N, H, W, 3) -> float (N, 3, H, W): the peers do it themselves


def write_network(source: Path, target: Path) -> None:
    """Write a finder as ``.npz`` for ``runners/plain_network.py``.

    The file holds one array for each weight and ``steps``, a JSON list. It needs neither ONNX nor this project to be
    read, and no pickle, and it builds layers of the peer's own torch, so that no version has to understand another's
    format. Batch norm is folded into the convolutions, as in the ONNX file: this favours the peer, because code
    as in most papers leaves it apart.

    Args:
        source: fp32 ONNX file of a finder.
        target: the file to write.

    Raises:
        ModelError: When the graph has an operator that finders do not have.
        RuntimeUnavailableError: When the package ``onnx`` is missing.
    """
    onnx = _onnx()
    graph = onnx.load(source).graph
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    arrays: dict[str, np.ndarray] = {}
    steps: list[dict[str, Any]] = []
    values = {graph.input[0].name: "images"}
    for node in graph.node:
        if node.op_type in _FRONT and not steps:
            values[node.output[0]] = values[node.input[0]]
            continue
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        name = f"value_{len(steps)}"
        step = _step(node.op_type, list(node.input), attributes, constants, arrays)
        if step is None:
            raise ModelError(
                f"{source} has the step {node.op_type} with {', '.join(node.input)}, which the peers' network lacks",
                fix="name a finder of the project",
            )
        inputs = [values[item] for item in node.input if item in values]
        steps.append({**step, "inputs": inputs, "output": name})
        values[node.output[0]] = name
    arrays["steps"] = np.array(json_line(steps))
    with write_whole(target, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _step(
    kind: str,
    inputs: list[str],
    attributes: Mapping[str, Any],
    constants: Mapping[str, np.ndarray],
    arrays: dict[str, np.ndarray],
) -> dict[str, Any] | None:
    """What a node does, in plain words; weights go into ``arrays``. None for what is not known."""
    fixed = [constants[name] for name in inputs if name in constants]
    if kind in _SIMPLE and not fixed:
        return {"kind": _SIMPLE[kind]}
    if kind in _OF_A_NUMBER and len(fixed) == 1 and np.ptp(fixed[0]) == 0:
        return {"kind": _OF_A_NUMBER[kind], "number": float(fixed[0].flat[0])}
    if kind == "Clip" and [float(limit) for limit in fixed] == [0.0, 6.0]:
        return {"kind": "relu6"}
    if kind == "Softmax" and attributes.get("axis") == 1:
        return {"kind": "softmax"}
    if kind == "Conv" and len(fixed) == 2 and attributes.get("auto_pad", b"NOTSET") == b"NOTSET":
        return _convolution(fixed, attributes, arrays)
    return None


def _convolution(
    fixed: list[np.ndarray], attributes: Mapping[str, Any], arrays: dict[str, np.ndarray]
) -> dict[str, Any] | None:
    pads, dilations = list(attributes.get("pads", (0, 0, 0, 0))), list(attributes.get("dilations", (1, 1)))
    if pads[:2] != pads[2:]:
        return None
    name = f"convolution_{len(arrays) // 2}"
    arrays[f"{name}_weight"], arrays[f"{name}_bias"] = (array.astype(np.float32) for array in fixed)
    return {
        "kind": "convolution",
        "name": name,
        "stride": list(attributes.get("strides", (1, 1))),
        "padding": pads[:2],
        "dilation": dilations,
        "groups": attributes.get("group", 1),
    }


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise RuntimeUnavailableError(
            "the network is handed to the peers with the package onnx, which is missing",
            fix="pip install onnx",
        ) from error
    return onnx
