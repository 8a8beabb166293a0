"""Integer weights that no processor can distort, and biases that make up for their rounding.

x86 without VNNI multiplies activations (u8) by weights (s8) in pairs and adds each pair in 16 bits, with saturation
(``vpmaddubsw``; SSSE3 to AVX-512BW). 255 (a + b) stays within 16 bits for every pair as long as no two weights of the
same sign of an output channel add up to more than 128, whichever the kernel pairs. That costs less than half a bit,
where 7-bit weights (``reduce_range``) cost a whole one. Depthwise convolutions are computed in 32 bits everywhere and
keep all 8 bits.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

PAIR = 128  # 255 * 128 = 32640 is below 2^15; 255 * 129 is not
_MOST = 127
_BIAS = 2**29  # a channel that is practically dead takes coarser steps, so that its bias stays well within 32 bits
# Steps tried for each output channel, in units of its largest weight / 127; the one with the least error is taken.
_STEPS = np.linspace(0.5, 2.0, 61)


def limit_weights(prepared: onnx.ModelProto, quantised: onnx.ModelProto, images: np.ndarray, batch: int) -> None:
    """Choose new weights for every integer convolution, and correct its bias.

    Args:
        prepared: the float graph that was quantised.
        quantised: its QDQ form; changed in place.
        images: uint8 (N, H, W, 3), as for calibration; the mean input of each channel weighs the rounding of its
            weights in the bias (Nagel et al., "Data-free quantization through weight equalization and bias correction",
            2019).
        batch: pictures that are run together.
    """
    means = _mean_inputs(prepared, images, batch)
    floats = {item.name: numpy_helper.to_array(item) for item in prepared.graph.initializer}
    sources = {node.name: node for node in prepared.graph.node if node.op_type == "Conv"}
    stored = {item.name: item for item in quantised.graph.initializer}
    for node, makers in integer_convolutions(quantised):
        source = sources[node.name]
        exact = floats[source.input[1]].astype(np.float64)
        is_depthwise = exact.shape[1] == 1 and group_of(node) == exact.shape[0]
        step_in = float(numpy_helper.to_array(stored[makers[0].input[1]]))
        bias = floats[source.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros(len(exact))
        finest = np.maximum(_finest(exact), np.abs(bias) / (_BIAS * step_in))
        whole, step = (np.rint(exact / finest[:, None, None, None]), finest) if is_depthwise else _dense(exact, finest)
        _put(stored, makers[1].input[0], whole.astype(np.int8))
        _put(stored, makers[1].input[1], step.astype(np.float32))
        if len(node.input) < 3:
            continue
        error = (whole * step[:, None, None, None] - exact).sum(axis=(2, 3))
        mean = means[source.input[0]]
        inputs = mean[:, None] if is_depthwise else np.stack(np.split(mean, group_of(node)))
        shift = (error * np.repeat(inputs, len(exact) // len(inputs), axis=0)).sum(axis=1)
        scale = step * step_in
        _put(stored, makers[2].input[0], np.rint((bias - shift) / scale).astype(np.int32))
        _put(stored, makers[2].input[1], scale.astype(np.float32))


def integer_convolutions(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, list[onnx.NodeProto]]]:
    """Convolutions of a QDQ graph that are computed with integers, each with the dequantising nodes of its inputs."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type == "Conv":
            inputs = [makers.get(name) for name in node.input]
            found = [item for item in inputs if item is not None and item.op_type == "DequantizeLinear"]
            if len(found) == len(inputs):
                yield node, found


def group_of(convolution: onnx.NodeProto) -> int:
    """Groups of a convolution; 1 where it does not say."""
    return next((item.i for item in convolution.attribute if item.name == "group"), 1)


def _dense(exact: np.ndarray, finest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and steps per output channel with the least squared error among those that cannot saturate."""
    flat = exact.reshape(len(exact), -1)
    best, step = np.zeros_like(flat), finest.copy()
    least = np.full(len(flat), np.inf)
    for factor in _STEPS:
        tried = finest * factor
        whole = _bounded(np.rint(flat / tried[:, None]))
        error = ((whole * tried[:, None] - flat) ** 2).sum(axis=1)
        better = error < least
        best[better], step[better], least[better] = whole[better], tried[better], error[better]
    return best.reshape(exact.shape), step


def _finest(exact: np.ndarray) -> np.ndarray:
    """The step at which the largest weight of a channel is 127; 1 for a channel of zeros."""
    largest = np.abs(exact).reshape(len(exact), -1).max(axis=1)
    return np.where(largest > 0, largest, 1.0) / _MOST


def _bounded(whole: np.ndarray) -> np.ndarray:
    """Clip whole numbers (O, K) so that no two of a sign add up to more than ``PAIR``."""
    whole = np.clip(whole, -_MOST, _MOST)
    if whole.shape[1] < 2:
        return whole
    for sign in (1, -1):
        one = sign * whole
        second = np.partition(one, -2, axis=1)[:, -2]  # the largest may be what the second largest leaves of 128
        limit = np.where(second > PAIR // 2, PAIR // 2, PAIR - second.clip(0))
        whole = sign * np.minimum(one, limit[:, None])
    return whole


def _mean_inputs(prepared: onnx.ModelProto, images: np.ndarray, batch: int) -> Mapping[str, np.ndarray]:
    """Input of a convolution -> mean of each of its channels over the pictures, float64 (C,)."""
    watched = onnx.ModelProto()
    watched.CopyFrom(prepared)
    names = list(dict.fromkeys(node.input[0] for node in watched.graph.node if node.op_type == "Conv"))
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    sums: dict[str, Any] = dict.fromkeys(names, 0.0)
    for start in range(0, len(images), batch):
        for name, values in zip(names, session.run(names, {source: images[start : start + batch]}), strict=True):
            sums[name] = sums[name] + values.mean(axis=(2, 3), dtype=np.float64).sum(axis=0)
    return {name: value / len(images) for name, value in sums.items()}


def _put(stored: Mapping[str, onnx.TensorProto], name: str, values: np.ndarray) -> None:
    stored[name].CopyFrom(numpy_helper.from_array(values, name))
