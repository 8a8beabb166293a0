"""Static int8 quantisation (QDQ, per channel), and the speed it gains on this machine."""

import contextlib
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from unmissed.datasets.files import write_whole
from unmissed.models.export import INPUT, cpu_session

# Kept in float: the scaling of the input, whose fixed grid is exact, and the last steps, which decide the probability.
FLOAT_OPERATORS = ("Transpose", "Cast", "Sub", "Div", "Gemm", "Softmax")
FLOAT_CONVOLUTIONS = 2  # the first ones stay in float: their maps have the widest range, and int8 gains little there
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
    first_float: int = FLOAT_CONVOLUTIONS,
    last_float: int = 0,
) -> None:
    """Write the int8 variant of an fp32 ONNX file.

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
        nodes = onnx.load(prepared).graph.node
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
        with write_whole(target, "wb") as stream:
            stream.write(quantised.read_bytes())


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
