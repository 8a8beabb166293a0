"""Run an ONNX graph in torch, so that one file with one hash runs on every device that torch knows."""

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.runtimes.signature import Tensor
from unmissed.inference.runtimes.torch_operators import OPERATORS, Operator

_OLDEST_OPSET = 13  # Softmax, Squeeze and ReduceSum meant something else before


class _Step(NamedTuple):
    operator: Operator
    inputs: tuple[str, ...]
    attributes: dict[str, Any]
    output: str


class OnnxGraph(torch.nn.Module):
    """An ONNX graph as a torch module: uint8 (N, H, W, 3) in, float32 (N, K) out.

    Everything that depends on weights alone (fp16 weights cast to float, int8 weights dequantised) is computed once,
    on loading. Constants of type int64 (shapes, axes, pads) stay on the CPU, where the operators read them.

    Args:
        path: ONNX file, opset 13 or later.

    Raises:
        ModelError: When the file cannot be read or has an operator that is not in the table.
        RuntimeUnavailableError: When the package ``onnx`` is missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        onnx = _onnx()
        proto = _read(onnx, path)
        graph = proto.graph
        constants = {item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy()) for item in graph.initializer}
        fed = [item for item in graph.input if item.name not in constants]
        self.inputs = [_describe(onnx, item) for item in fed]
        self.outputs = [_describe(onnx, item) for item in graph.output]
        self._steps: list[_Step] = []
        for node in graph.node:
            step = _step(onnx, node, path)
            if all(name in constants or not name for name in step.inputs):
                constants[step.output] = _apply(step, constants, path)
            else:
                self._steps.append(step)
        used = {name for step in self._steps for name in step.inputs}
        kept = {name: value for name, value in constants.items() if name in used}
        self._fixed = {name: value for name, value in kept.items() if value.dtype == torch.int64}
        # Buffers need names without dots; numbers are safe.
        moved = [name for name in kept if name not in self._fixed]
        self._buffer_names = {name: f"constant_{index}" for index, name in enumerate(moved)}
        for name, buffer in self._buffer_names.items():
            self.register_buffer(buffer, _channels_last(constants[name]))
        self._path = path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run the graph; ``images`` as the graph's only input, the result is its first output."""
        values: dict[str, torch.Tensor] = {**self._fixed, self.inputs[0].name: images}
        values |= {name: getattr(self, buffer) for name, buffer in self._buffer_names.items()}
        for step in self._steps:
            values[step.output] = _apply(step, values, self._path)
        return values[self.outputs[0].name]


def _apply(step: _Step, values: dict[str, torch.Tensor], path: Path) -> torch.Tensor:
    inputs = [values[name] if name else None for name in step.inputs]
    try:
        return step.operator(inputs, step.attributes)
    except NotImplementedError as error:
        raise ModelError(f"{path} cannot run in torch: {error}", fix="use an ONNX runtime, such as onnx-cpu") from error


def _step(onnx: ModuleType, node: Any, path: Path) -> _Step:
    name = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    outputs = [output for output in node.output if output]
    if name not in OPERATORS or len(outputs) != 1:
        raise ModelError(
            f"{path} has the operator {name} with {len(outputs)} outputs, which the torch runtimes do not know",
            expected=f"one of {', '.join(sorted(OPERATORS))}",
            fix="use an ONNX runtime, such as onnx-cpu",
        )
    attributes = {item.name: _value(onnx, item) for item in node.attribute}
    return _Step(OPERATORS[name], tuple(node.input), attributes, outputs[0])


def _value(onnx: ModuleType, attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return torch.from_numpy(onnx.numpy_helper.to_array(value).copy())
    return value


def _describe(onnx: ModuleType, item: Any) -> Tensor:
    kind = item.type.tensor_type
    shape = tuple(side.dim_value if side.HasField("dim_value") else side.dim_param or None for side in kind.shape.dim)
    return Tensor(item.name, onnx.TensorProto.DataType.Name(kind.elem_type).lower(), shape)


def _channels_last(value: torch.Tensor) -> torch.Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


def _read(onnx: ModuleType, path: Path) -> Any:
    try:
        proto = onnx.load(path)
    except Exception as error:  # the protobuf library has several error classes, by implementation
        raise ModelError(f"{path} is not an ONNX file: {error}", fix="export the model again") from error
    versions = [item.version for item in proto.opset_import if item.domain in ("", "ai.onnx")]
    if not versions or versions[0] < _OLDEST_OPSET:
        raise ModelError(
            f"{path} has opset {versions[0] if versions else 'none'}",
            expected=f"{_OLDEST_OPSET} or later",
            fix="export the model again, or use an ONNX runtime",
        )
    return proto


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise RuntimeUnavailableError(
            "the torch runtimes read model files with the package onnx, which is missing",
            fix="pip install 'unmissed[train]', or pip install onnx",
        ) from error
    return onnx
