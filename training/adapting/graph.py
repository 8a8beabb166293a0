"""The graph of a classifier taken apart and put together: features out, another last layer and a stain table in."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from unmissed.datasets.basis.errors import ModelError

_CHANNELS = 3
_BATCH = 32


@dataclass(frozen=True, eq=False)
class LastLayer:
    """Logits of features: ``features @ weights.T + bias``, before the temperature.

    Attributes:
        weights: float64 (K, F).
        bias: float64 (K,).
        temperature: the logits are divided by it.
    """

    weights: np.ndarray
    bias: np.ndarray
    temperature: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits (N, K) at the temperature, of features (N, F)."""
        found: np.ndarray = (features @ self.weights.T + self.bias) / self.temperature
        return found


@dataclass(frozen=True, slots=True)
class _Parts:
    """Names in the graph of what is read and replaced."""

    features: str
    weights: str
    bias: str
    transposed: bool
    temperature: str | None


class ClassifierGraph:
    """A classifier's ONNX file whose end is a Gemm, a division by the temperature (or none) and a softmax.

    Args:
        path: the fp32 file of a classifier.

    Raises:
        ModelError: When the graph ends in another way.
    """

    def __init__(self, path: Path) -> None:
        self._model = onnx.load(path)
        self._parts = _parts_of(self._model.graph, path)
        constants = self._constants()
        weights = numpy_helper.to_array(constants[self._parts.weights]).astype(np.float64)
        bias = numpy_helper.to_array(constants[self._parts.bias]).astype(np.float64)
        name = self._parts.temperature
        temperature = 1.0 if name is None else float(numpy_helper.to_array(constants[name]))
        self.last_layer = LastLayer(weights if self._parts.transposed else weights.T, bias, temperature)
        self._session: onnxruntime.InferenceSession | None = None

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """What the last layer takes, float64 (N, F), of pictures uint8 (N, S, S, 3)."""
        if self._session is None:
            model = onnx.ModelProto()
            model.CopyFrom(self._model)
            del model.graph.output[:]
            model.graph.output.append(helper.make_tensor_value_info(self._parts.features, TensorProto.FLOAT, None))
            self._session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        source = self._session.get_inputs()[0].name
        found = [
            self._session.run(None, {source: pictures[start : start + _BATCH]})[0]
            for start in range(0, len(pictures), _BATCH)
        ]
        return np.concatenate(found).astype(np.float64)

    def with_parts(self, layer: LastLayer, table: np.ndarray | None) -> onnx.ModelProto:
        """The graph with another last layer, and a table of bytes (3, 256) before all else where there is one."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        constants = {item.name: item for item in model.graph.initializer}
        name = self._parts.temperature
        # Without a division in the graph the temperature goes into the weights.
        scale = layer.temperature if name is None else 1.0
        weights = layer.weights / scale
        _replace(constants[self._parts.weights], weights if self._parts.transposed else weights.T)
        _replace(constants[self._parts.bias], layer.bias / scale)
        if name is not None:
            _replace(constants[name], np.array(layer.temperature))
        if table is not None:
            _put_before(model.graph, table)
        return model

    def _constants(self) -> dict[str, TensorProto]:
        return {item.name: item for item in self._model.graph.initializer}


def _parts_of(graph: onnx.GraphProto, path: Path) -> _Parts:
    makers = {name: node for node in graph.node for name in node.output}
    constants = {item.name for item in graph.initializer}
    uses = [name for node in graph.node for name in node.input]
    softmax = makers.get(graph.output[0].name)
    before = makers.get(softmax.input[0]) if softmax is not None and softmax.op_type == "Softmax" else None
    temperature = None
    if before is not None and before.op_type == "Div":
        temperature, before = before.input[1], makers.get(before.input[0])
    values = {} if before is None else {item.name: helper.get_attribute_value(item) for item in before.attribute}
    own = [] if before is None else [*before.input[1:], *([temperature] if temperature else [])]
    is_plain = values.get("alpha", 1.0) == values.get("beta", 1.0) == 1.0 and not values.get("transA", 0)
    if (
        before is None
        or before.op_type != "Gemm"
        or len(before.input) != 3
        or not is_plain
        or any(name not in constants or uses.count(name) != 1 for name in own)
    ):
        raise ModelError(
            f"the graph of {path.name} does not end in one linear layer with a softmax",
            expected="a classifier that `unmissed export` wrote, in fp32",
            fix="export the run again, or adapt another model",
        )
    return _Parts(before.input[0], before.input[1], before.input[2], bool(values.get("transB", 0)), temperature)


def _replace(constant: TensorProto, values: np.ndarray) -> None:
    kind = helper.tensor_dtype_to_np_dtype(constant.data_type)
    shaped = np.ascontiguousarray(values.astype(kind)).reshape(tuple(constant.dims))
    constant.CopyFrom(numpy_helper.from_array(shaped, constant.name))


def _put_before(graph: onnx.GraphProto, table: np.ndarray) -> None:
    """Look every byte up: the row of its channel in one long table. An adapted model may be adapted again."""
    source = graph.input[0].name
    taken = {item.name for item in graph.initializer}
    prefix = next(name for number in range(len(taken) + 1) if f"{(name := f'stain_{number}')}.table" not in taken)
    names = {part: f"{prefix}.{part}" for part in ("table", "rows", "wide", "places", "pictures")}
    rows = 256 * np.arange(_CHANNELS, dtype=np.int32)
    graph.initializer.extend(
        [numpy_helper.from_array(table.reshape(-1), names["table"]), numpy_helper.from_array(rows, names["rows"])]
    )
    for node in graph.node:
        node.input[:] = [names["pictures"] if name == source else name for name in node.input]
    steps = [
        helper.make_node("Cast", [source], [names["wide"]], name=names["wide"], to=TensorProto.INT32),
        helper.make_node("Add", [names["wide"], names["rows"]], [names["places"]], name=names["places"]),
        helper.make_node("Gather", [names["table"], names["places"]], [names["pictures"]], name=names["pictures"]),
    ]
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*steps, *nodes])
