"""Static int8 quantisation (QDQ, per channel) for every processor, and the speed it gains on this one."""

import contextlib
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from unmissed.models.export import INPUT, cpu_session, save_model
from unmissed.models.integer_weights import limit_weights
from unmissed.models.stem import fold_stem, users_of

# Kept in float: the scaling of the input, whose fixed grid is exact, and the last steps, which decide the probability.
FLOAT_OPERATORS = ("Transpose", "Cast", "Sub", "Div", "Gemm", "Softmax")
# Convolutions at the start that stay in float, tried in this order at export. With none, everything before the
# last steps is integers, and processors agree to the last digit; a float one may round a step up here and down there.
FLOAT_AT_START = (0, 1, 2)
BATCH = 32


class _Batches(CalibrationDataReader):
    def __init__(self, images: np.ndarray, batch: int) -> None:
        self._batches = iter(np.array_split(images, max(1, len(images) // batch)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantise(
    source: Path,
    target: Path,
    images: np.ndarray,
    *,
    batch: int = BATCH,
    first_float: int = FLOAT_AT_START[0],
    last_float: int = 0,
) -> None:
    """Write the int8 variant of an fp32 ONNX file; it computes the same on every processor (``integer_weights``).

    Args:
        source, target: ONNX files.
        images: uint8 (N, H, W, 3) training pictures that set the activation ranges.
        batch: pictures that are run together; fewer where they are large.
        first_float, last_float: convolutions at the start and at the end that stay in float.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        exact = onnx.load(prepared)
        nodes = exact.graph.node
        keep = [node.name for node in nodes if node.op_type in FLOAT_OPERATORS]
        convolutions = [node.name for node in nodes if node.op_type == "Conv"]
        keep += [*convolutions[:first_float], *convolutions[len(convolutions) - last_float :]]
        quantize_static(
            str(prepared),
            str(quantised),
            _Batches(images, batch),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=keep,
            extra_options={"TensorQuantOverrides": _range_of_bytes(exact)},
        )
        model = onnx.load(quantised)
        limit_weights(exact, model, images, batch)
        if feed_bytes(model):
            fold_stem(model)
        save_model(model, target)


def _range_of_bytes(model: onnx.ModelProto) -> dict[str, list[dict[str, np.ndarray]]]:
    """The range that scaled bytes can have, for the quantiser: the pictures at hand may not reach 0 and 255."""
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    nodes = {node.input[0]: node for node in model.graph.node if node.input}
    subtract = next((node for node in model.graph.node if node.op_type == "Sub"), None)
    divide = nodes.get(subtract.output[0]) if subtract is not None else None
    if subtract is None or divide is None or divide.op_type != "Div":
        return {}
    if subtract.input[1] not in constants or divide.input[1] not in constants:
        return {}
    ends = [(end - constants[subtract.input[1]]) / constants[divide.input[1]] for end in (0.0, 255.0)]
    low, high = (np.array(value, np.float32) for value in (np.min(ends[0]), np.max(ends[1])))
    return {divide.output[0]: [{"rmin": low, "rmax": high}]}


def feed_bytes(model: onnx.ModelProto) -> bool:
    """Let the first integer convolution take the picture's bytes as they are.

    Scaling bytes to -1..1 in float and quantising that range to 256 levels gives the bytes back. Where a graph does so,
    the steps between are taken out, which makes a small network half as fast again. Nothing happens where the scaling
    is another, or where the first convolution stays in float.

    Returns:
        Whether the graph was changed.
    """
    graph = model.graph
    users = users_of(graph)
    chain = [node for node in graph.node if node.op_type == "Cast"][:1]
    while chain and chain[-1].op_type != "QuantizeLinear":
        following = users.get(chain[-1].output[0], [])
        if len(following) != 1:
            return False
        chain.append(following[0])
    if [node.op_type for node in chain] != ["Cast", "Sub", "Div", "QuantizeLinear"]:
        return False
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    _, shift, divide, quantised = chain
    names = (shift.input[1], divide.input[1], quantised.input[1], quantised.input[2])
    if any(name not in constants for name in names):
        return False
    offset, scale, step, zero = (constants[name].astype(np.float64).ravel() for name in names)
    levels = np.round((np.arange(256)[:, None] - offset) / scale / step) + zero
    if np.abs(np.clip(levels, 0, 255) - np.arange(256)[:, None]).max() > 1:
        return False
    # Where 127.5 falls between two levels all pixels are half a level off, which the bias makes up for.
    shift = float(np.mean((np.arange(256)[:, None] - offset) / scale - (np.arange(256)[:, None] - zero) * step))
    _shift_biases(model, users[quantised.output[0]], users, shift)
    for node in users[quantised.output[0]]:
        node.input[:] = [chain[0].input[0] if name == quantised.output[0] else name for name in node.input]
    for node in chain:
        graph.node.remove(node)
    left = {name for node in graph.node for name in node.input}
    for item in [item for item in graph.initializer if item.name not in left]:
        graph.initializer.remove(item)
    return True


def _shift_biases(
    model: onnx.ModelProto, dequantised: list[onnx.NodeProto], users: dict[str, list[onnx.NodeProto]], shift: float
) -> None:
    """Add what a constant ``shift`` of all inputs adds to the convolutions that take them."""
    makers = {name: node for node in model.graph.node for name in node.output}
    stored = {item.name: item for item in model.graph.initializer}
    for node in [user for item in dequantised for user in users.get(item.output[0], [])]:
        if node.op_type != "Conv" or len(node.input) < 3:
            continue
        weights, biases = (
            [numpy_helper.to_array(stored[name]).astype(np.float64) for name in makers[part].input[:2]]
            for part in node.input[1:3]
        )
        added = shift * weights[0].sum(axis=(1, 2, 3)) * weights[1] / biases[1]
        name = makers[node.input[2]].input[0]
        stored[name].CopyFrom(numpy_helper.from_array(np.rint(biases[0] + added).astype(np.int32), name))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser warns through the root logger on every call."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(logging.ERROR, level))
    try:
        yield
    finally:
        root.setLevel(level)


def speed_ratio(fp32: Path, int8: Path, images: np.ndarray, rounds: int = 15, batch_size: int = BATCH) -> float:
    """Speed of int8 over fp32 on one core: the median over rounds in which both run in turn on the same batch."""
    batch = np.resize(images, (batch_size, *images.shape[1:]))
    sessions = [cpu_session(path, threads=1) for path in (fp32, int8)]
    ratios = []
    for _ in range(rounds):
        seconds = []
        for session in sessions:
            started = time.perf_counter()
            session.run(None, {INPUT: batch})
            seconds.append(time.perf_counter() - started)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)
