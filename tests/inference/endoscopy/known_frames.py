"""Views of pixels and gauges whose answers are known."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from unmissed.inference.endoscopy.values import Box, FrameView
from unmissed.models.cards import CardClass, TableInput, save_card
from unmissed.testing.small_model import bare_card


def view(image: np.ndarray, time_s: float = 0.0) -> FrameView:
    """A view of grey (h, w) or RGB (h, w, 3) pixels, all of them tissue."""
    colour = np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), np.uint8)
    grey = np.ascontiguousarray(colour[..., 1])
    height, width = grey.shape
    return FrameView(time_s, Box(0, 0, width, height), colour, grey, grey, np.full_like(grey, 255))


@cache
def _folder() -> TemporaryDirectory:
    return TemporaryDirectory()


@cache
def gauge(name: str, feature: str, slope: float, offset: float, outputs: tuple[str, ...]) -> str:
    """A gauge whose first output is ``offset + slope * feature``, and whose others are 0; its path."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    path = Path(_folder().name) / f"{name}.onnx"
    parts = {"weights": np.zeros((1, len(outputs))), "offsets": np.zeros(len(outputs))}
    parts["weights"][0, 0], parts["offsets"][0] = slope, offset
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["products"]),
            helper.make_node("Add", ["products", "offsets"], ["values"]),
        ],
        name,
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["batch", 1])],
        [helper.make_tensor_value_info("values", onnx.TensorProto.FLOAT, ["batch", len(outputs)])],
        [onnx.numpy_helper.from_array(value.astype(np.float32), key) for key, value in parts.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    card = bare_card(
        path,
        name=name,
        task="gauge",
        classes=tuple(CardClass(id=item, name=item, name_zh=item) for item in outputs),
        input=TableInput(features=(feature,)),
    )
    save_card(card, path.with_suffix(".json"))
    return str(path)
