"""The float twin of an int8 file: the same weights and ranges, without the rounding of activations.

For models whose fp32 file is too large to ship, and where it is lost. Weights stay 8 bits in the file; ONNX Runtime
multiplies them out while it loads.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from unmissed.datasets.basis.files import write_bytes
from unmissed.models.stem import unfold_stem


def write_float_twin(int8: Path, target: Path) -> None:
    """Write a graph that computes in float what a QDQ graph computes with integers.

    Quantising becomes clipping to its range, which holds the ReLU6 that quantisation had taken in; dequantising of
    weights becomes a product of constants.

    Parameters
    ----------
    int8 : written by ``models.quantise``.
    target : the file to write.
    """
    model = onnx.load(int8)
    unfold_stem(model)
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    bytes_in = _from_bytes(graph)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            nodes.append(_clip(node, constants, graph))
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            nodes += _product(node, constants, graph)
        elif node.op_type == "DequantizeLinear":
            nodes += _scaling(node, constants, graph) if node.input[0] in bytes_in else [_same(node)]
        else:
            nodes.append(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [item for item in graph.initializer if item.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    write_bytes(target, model.SerializeToString())


def _from_bytes(graph: onnx.GraphProto) -> set[str]:
    """Tensors that are the picture's bytes, only laid out otherwise."""
    found = {graph.input[0].name}
    for node in graph.node:
        if node.op_type in ("Transpose", "Reshape") and node.input[0] in found:
            found.update(node.output)
    return found


def _clip(node: onnx.NodeProto, constants: dict[str, np.ndarray], graph: onnx.GraphProto) -> onnx.NodeProto:
    step, zero = (constants[name].astype(np.float64) for name in node.input[1:])
    ends = [np.array((end - zero) * step, np.float32) for end in (0, 255)]
    names = [
        _constant(graph, f"{node.output[0]}_{word}", value) for word, value in zip(("low", "high"), ends, strict=True)
    ]
    return helper.make_node("Clip", [node.input[0], *names], list(node.output), name=node.name)


def _product(node: onnx.NodeProto, constants: dict[str, np.ndarray], graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Weights as (whole number as float) * step; zero points of weights and biases are 0."""
    whole, step = (constants[name] for name in node.input[:2])
    shape = (-1, *(1,) * (whole.ndim - 1)) if step.ndim and step.size > 1 else ()
    scale = _constant(graph, f"{node.output[0]}_step", step.reshape(shape) if shape else step.reshape(()))
    cast = f"{node.output[0]}_whole"
    return [
        helper.make_node("Cast", [node.input[0]], [cast], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [cast, scale], list(node.output), name=node.name),
    ]


def _scaling(node: onnx.NodeProto, constants: dict[str, np.ndarray], graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The picture's bytes as floats: (byte - zero) * step."""
    step, zero = constants[node.input[1]], constants[node.input[2]].astype(np.float32)
    names = [_constant(graph, f"{node.output[0]}_{word}", v) for word, v in (("zero", zero), ("step", step))]
    cast, centred = f"{node.output[0]}_float", f"{node.output[0]}_centred"
    return [
        helper.make_node("Cast", [node.input[0]], [cast], to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", [cast, names[0]], [centred]),
        helper.make_node("Mul", [centred, names[1]], list(node.output), name=node.name),
    ]


def _same(node: onnx.NodeProto) -> onnx.NodeProto:
    return helper.make_node("Identity", [node.input[0]], list(node.output), name=node.name)


def _constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name
