"""From a torch network to ONNX: uint8 NHWC RGB in, calibrated probabilities out, parity proved."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import write_bytes

INPUT, OUTPUT, HEATMAP = "images", "probabilities", "heatmap"
_GRID_PX = 32
PARITY = 1e-4  # largest allowed difference of a probability between torch and ONNX Runtime


class _Calibrated(nn.Module):
    """Probabilities at the calibration temperature."""

    def __init__(self, scaled: nn.Module, temperature: float) -> None:
        super().__init__()
        self.scaled, self.temperature = scaled, temperature

    def forward(self, images: Tensor) -> Tensor:
        return torch.softmax(self.scaled(images) / self.temperature, dim=1)


def export_onnx(
    scaled: nn.Module, temperature: float, size_px: int, path: Path, batch: int | None = None, output: str = OUTPUT
) -> None:
    """Write the network as ONNX.

    torch's exporter folds batch normalisation and timm's SAME padding into the convolutions, which nearly triples int8
    speed; ``batch`` fixes the batch size (CANN and TensorRT compile per shape), None leaves it free, and of a heat map
    the sides of the canvas as well.

    Args:
        scaled: takes uint8 (N, H, W, 3), returns logits (N, K), or for a heat map (N, K, h, w).
        temperature: calibration temperature; logits are divided by it before the softmax.
        size_px: side of the square input.
        output: name of the graph's output, ``OUTPUT`` or ``HEATMAP``.
    """
    model = _Calibrated(scaled, temperature).cpu().float().eval().to(memory_format=torch.contiguous_format)
    example = torch.zeros(batch or 2, size_px, size_px, 3, dtype=torch.uint8)
    dynamic = None if batch else {INPUT: _free_sides(output)}
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            model, (example,), input_names=[INPUT], output_names=[output], dynamo=True, dynamic_shapes=dynamic
        )
    if program is None:
        raise ModelError("torch's ONNX exporter returned nothing", fix="report this with the recipe")
    proto = program.model_proto
    for value in proto.graph.node:
        del value.metadata_props[:]  # the exporter's notes name files of the machine it ran on
        value.doc_string = ""
    save_model(proto, path)


def save_model(model: onnx.ModelProto, path: Path) -> None:
    """Check a graph and write it, whole or not at all."""
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


def _free_sides(output: str) -> dict[int, Any]:
    """The batch; of a heat map height and width too, in steps in which every backbone shrinks evenly."""
    sides: dict[int, Any] = {0: torch.export.Dim("batch")}
    if output == HEATMAP:
        sides |= {
            1: _GRID_PX * torch.export.Dim("rows", min=2, max=128),
            2: _GRID_PX * torch.export.Dim("columns", min=2, max=128),
        }
    return sides


@torch.inference_mode()
def torch_probabilities(scaled: nn.Module, temperature: float, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """Calibrated probabilities (N, K) or (N, K, h, w) of uint8 images (N, H, W, 3) from torch on the CPU."""
    model = _Calibrated(scaled, temperature).cpu().float().eval()
    parts = [model(torch.from_numpy(images[i : i + batch_size])) for i in range(0, len(images), batch_size)]
    return torch.cat(parts).numpy()


def onnx_probabilities(path: Path, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """The same from ONNX Runtime on the CPU; the last batch is padded when the file has a fixed batch."""
    session = cpu_session(path)
    fixed, result = session.get_inputs()[0].shape[0], session.get_outputs()[0].name
    step = fixed if isinstance(fixed, int) else batch_size
    parts = []
    for start in range(0, len(images), step):
        batch = images[start : start + step]
        padded = np.concatenate([batch, np.repeat(batch[-1:], step - len(batch), axis=0)])
        parts.append(session.run([result], {INPUT: padded})[0][: len(batch)])
    return np.concatenate(parts)


def onnx_runner(path: Path, threads: int = 0) -> Callable[[np.ndarray], np.ndarray]:
    """The file as a function of its one input to its one output, on the CPU; the batch must be free."""
    session = cpu_session(path, threads)
    source, result = session.get_inputs()[0].name, session.get_outputs()[0].name

    def run(values: np.ndarray) -> np.ndarray:
        output: np.ndarray = session.run([result], {source: values})[0]
        return output

    return run


def check_parity(path: Path, expected: np.ndarray, images: np.ndarray, batch_size: int = 64) -> float:
    """Largest difference between the probabilities of a file and those expected.

    Raises:
        ModelError: When it exceeds ``PARITY``.
    """
    difference = float(np.abs(onnx_probabilities(path, images, batch_size) - expected).max())
    if not difference <= PARITY:
        raise ModelError(
            f"{path.name} differs from torch by {difference:.2g} in a probability",
            expected=f"at most {PARITY:g}",
            fix="report this with the recipe; do not use the file",
        )
    return difference


def cpu_session(path: Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the CPU provider; 0 threads means all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def _quiet():  # type: ignore[no-untyped-def]  # a context manager of three others
    """Keep the exporter's progress lines and deprecation notes off the user's screen."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
