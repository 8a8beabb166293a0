"""A small convolutional model with the shape of the shipped ones, built node by node, and its answers by formula."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmissed.models.cards import Card, CardClass, FileSpec, InputSpec
from unmissed.models.zoo import ModelFile

SIZE_PX = 16
CLASSES = 4

MakeModel = Callable[..., ModelFile]
"""``make_model(kind="fp32" | "fp16" | "int8" | "batch3", classes=4, **card_input)``."""


def build_graph(path: Path, *, batch: int | None = None, half: bool = False, size_px: int = SIZE_PX) -> None:
    """Cast, scale, transpose, conv with asymmetric pads, clip, depthwise conv, pool, gemm, softmax."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(7)
    weights: dict[str, np.ndarray] = {
        "mean": np.full((1, 1, 1, 3), 127.5, np.float32),
        "std": np.full((1, 1, 1, 3), 64.0, np.float32),
        "kernel": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "bias": rng.normal(0, 0.3, 8).astype(np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
        "depth": rng.normal(0, 0.3, (8, 1, 5, 5)).astype(np.float32),
        "head": rng.normal(0, 1.5, (CLASSES, 8)).astype(np.float32),
        "offset": rng.normal(0, 0.3, CLASSES).astype(np.float32),
    }
    nodes: list[Any] = []
    if half:
        for name in ("kernel", "depth", "head"):
            weights[f"{name}_half"] = weights.pop(name).astype(np.float16)
            nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=types.FLOAT))
    nodes += [
        helper.make_node("Cast", ["images"], ["real"], to=types.FLOAT),
        helper.make_node("Sub", ["real", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["c1"], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Clip", ["c1", "low", "high"], ["a1"]),
        helper.make_node("Conv", ["a1", "depth"], ["c2"], group=8, strides=[2, 2], pads=[1, 1, 2, 2]),
        helper.make_node("Relu", ["c2"], ["a2"]),
        helper.make_node("GlobalAveragePool", ["a2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head", "offset"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    first = "N" if batch is None else batch
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", types.UINT8, [first, size_px, size_px, 3])],
        [helper.make_tensor_value_info("probabilities", types.FLOAT, [first, CLASSES])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def quantise(source: Path, target: Path) -> None:
    """Static int8 version (QDQ, per-channel weights), calibrated on random pictures."""
    pytest.importorskip("onnx")
    from onnxruntime import quantization

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(3)
            self.batches = iter(rng.integers(0, 256, (8, 4, SIZE_PX, SIZE_PX, 3), dtype=np.uint8))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"images": batch}

    quantization.quantize_static(
        source,
        target,
        Calibration(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv", "Gemm"],
    )


def bare_card(path: Path, *, batch: int | None = None, **fields: Any) -> Card:
    """A card for one ONNX file with nothing in it but what a card must have, and ``fields``."""
    data = path.read_bytes()
    file: dict[str, Any] = {"file": path.name, "sha256": sha256(data).hexdigest(), "size_bytes": len(data)}
    spec = FileSpec(**file, precision="fp32", stored="fp32", batch=batch)
    must: dict[str, Any] = {
        **{"name": "small", "version": "1", "title": "Small", "title_zh": "小", "task": "classification"},
        **{"files": {"fp32": spec}, "default_variant": "fp32", "temperature": 1.0, "parity_max_abs_dp": 0.0},
        **{"architecture": {}, "training": {}, "data": (), "metrics": {}, "limits": ()},
        **{"intended_use": "tests", "licence": "Apache-2.0"},
    }
    return Card(**(must | fields))


def make_card(path: Path, *, classes: int = CLASSES, batch: int | None = None, **input_spec: Any) -> Card:
    """A card of the small model for one ONNX file."""
    named = (
        CardClass(id=f"c{i}", name=f"C{i}", name_zh=f"类{i}", group=("even", "odd")[i % 2]) for i in range(classes)
    )
    square: dict[str, Any] = {"size_px": SIZE_PX, "fit": "squash", "mean": (0.5,) * 3, "std": (0.25,) * 3}
    return bare_card(path, batch=batch, classes=tuple(named), input=InputSpec(**(square | input_spec)))


def model_maker(folder: Path) -> MakeModel:
    """What writes small models into a folder; see ``MakeModel``."""

    def make(kind: str = "fp32", *, classes: int = CLASSES, **input_spec: Any) -> ModelFile:
        place = folder / f"model-{kind}"
        place.mkdir(exist_ok=True)
        path = place / "small.onnx"
        batch = 3 if kind == "batch3" else None
        build_graph(path, half=kind == "fp16", batch=batch)
        if kind == "int8":
            path = place / "small.int8.onnx"
            quantise(place / "small.onnx", path)
        return ModelFile(make_card(path, classes=classes, batch=batch, **input_spec), "fp32", path)

    return make


def smooth_pictures() -> np.ndarray:
    """uint8 (7, 16, 16, 3) of smooth random colours, so that the classes differ."""
    rng = np.random.default_rng(11)
    base = rng.integers(0, 256, (7, 2, 2, 3), dtype=np.uint8)
    noise = rng.integers(-30, 30, (7, SIZE_PX, SIZE_PX, 3))
    return np.clip(base.repeat(8, axis=1).repeat(8, axis=2) + noise, 0, 255).astype(np.uint8)


def by_formula(path: Path, images: np.ndarray) -> np.ndarray:
    """The probabilities (N, 4) of the fp32 model by a direct computation in numpy, with the weights of its file."""
    onnx = pytest.importorskip("onnx")
    weights = {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}
    x = ((images.astype(float) - 127.5) / 64).transpose(0, 3, 1, 2)
    x = np.clip(_convolution(x, weights["kernel"], weights["bias"], (0, 0, 1, 1), 1), 0, 6)
    x = np.maximum(_convolution(x, weights["depth"], np.zeros(8), (1, 1, 2, 2), 8), 0).mean(axis=(2, 3))
    powers = np.exp(x @ weights["head"].T + weights["offset"])
    return powers / powers.sum(axis=1, keepdims=True)


def _convolution(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, pads: tuple[int, int, int, int], group: int
) -> np.ndarray:
    """With stride 2."""
    n, c = x.shape[:2]
    out, per, k, _ = kernel.shape
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    rows = (x.shape[2] - k) // 2 + 1
    result = np.zeros((n, out, rows, rows))
    for o in range(out):
        first = o * c // out if group > 1 else 0
        for i in range(rows):
            for j in range(rows):
                patch = x[:, first : first + per, 2 * i : 2 * i + k, 2 * j : 2 * j + k]
                result[:, o, i, j] = (patch * kernel[o]).sum(axis=(1, 2, 3)) + bias[o]
    return result
