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

from unmissed.datasets.files import write_whole
from unmissed.models.export import INPUT, cpu_session
from unmissed.models.integer_weights import limit_weights
from unmissed.models.stem import fold_stem

# Kept in float: the scaling of the input, whose fixed grid is exact, and the last steps, which decide the probability.
FLOAT_OPERATORS = ("Transpose", "Cast", "Sub", "Div", "Gemm", "Softmax")
# Convolutions at the start that stay in float, tried in this order by whoever exports. With none, everything before the
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

    Parameters
    ----------
    source, target : ONNX files.
    images : uint8 (N, H, W, 3) training pictures that set the activation ranges.
    batch : pictures that are run together; fewer where they are large.
    first_float, last_float : convolutions at the start and at the end that stay in float.
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
        )
        model = onnx.load(quantised)
        limit_weights(exact, model, images, batch)
        if feed_bytes(model):
            fold_stem(model)
        onnx.checker.check_model(model)
        with write_whole(target, "wb") as stream:
            stream.write(model.SerializeToString())


def feed_bytes(model: onnx.ModelProto) -> bool:
    """Let the first integer convolution take the picture's bytes as they are.

    Scaling bytes to -1..1 in float and quantising that range to 256 levels gives the bytes back. Where a graph does so,
    the steps between are taken out, which makes a small network half as fast again. Nothing happens where the scaling
    is another, or where the first convolution stays in float.

    Returns
    -------
    Whether the graph was changed.
    """
    graph = model.graph
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
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
    for node in users[quantised.output[0]]:
        node.input[:] = [chain[0].input[0] if name == quantised.output[0] else name for name in node.input]
    for node in chain:
        graph.node.remove(node)
    left = {name for node in graph.node for name in node.input}
    for item in [item for item in graph.initializer if item.name not in left]:
        graph.initializer.remove(item)
    return True


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
