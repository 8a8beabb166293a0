"""The ONNX operators that the torch runtimes know, as one table (so this file is long): a small function for each.

Every function takes the node's inputs (None for one that is left out) and its attributes, and follows
https://onnx.ai/onnx/operators/ from opset 13 on. What it does not cover raises NotImplementedError.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

OperatorInputs = list[torch.Tensor | None]
Attributes = dict[str, Any]
Operator = Callable[[Any, Attributes], torch.Tensor]

OPERATORS: dict[str, Operator] = {}

# TensorProto.DataType numbers of the ONNX specification.
_TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}


def operator(name: str) -> Callable[[Operator], Operator]:
    """Decorator that adds a function to the table under its ONNX name."""

    def add(function: Operator) -> Operator:
        OPERATORS[name] = function
        return function

    return add


def _plain(function: Callable[..., torch.Tensor]) -> Operator:
    """Wrap a torch function that takes exactly the node's inputs."""
    return lambda inputs, attributes: function(*inputs)


OPERATORS |= {
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _plain(torch.div),
    "MatMul": _plain(torch.matmul),
    "Relu": _plain(torch.relu),
    "Sigmoid": _plain(torch.sigmoid),
    "HardSwish": _plain(F.hardswish),
    "Identity": _plain(torch.clone),
}


@operator("Constant")
def _constant(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    (value,) = attributes.values()
    return value if isinstance(value, torch.Tensor) else torch.tensor(value)


@operator("Cast")
def _cast(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    if attributes["to"] not in _TYPES:
        raise NotImplementedError(f"Cast to the ONNX type {attributes['to']}")
    return inputs[0].to(_TYPES[attributes["to"]])


@operator("Transpose")
def _transpose(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return inputs[0].permute(attributes.get("perm") or tuple(reversed(range(inputs[0].dim()))))


@operator("Pad")
def _pad(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    images, pads = inputs[0], inputs[1]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}.get(attributes.get("mode", "constant"))
    if images is None or pads is None or mode is None or (len(inputs) > 3 and inputs[3] is not None):
        raise NotImplementedError("Pad with these inputs")
    value = float(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else 0.0
    begins_ends = pads.tolist()
    half = len(begins_ends) // 2
    # torch counts from the last axis: (left, right, top, bottom, ...).
    reversed_pairs = [side for axis in reversed(range(half)) for side in (begins_ends[axis], begins_ends[axis + half])]
    if mode != "constant":
        return F.pad(images, reversed_pairs[: 2 * (images.dim() - 2)], mode=mode)
    return F.pad(images, reversed_pairs, value=value)


@operator("Conv")
def _conv(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    images, kernel = inputs[0], inputs[1]
    bias = inputs[2] if len(inputs) > 2 else None
    images, padding = _padded(images, attributes, 0.0)
    return F.conv2d(
        images,
        kernel,
        bias,
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=padding,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


@operator("MaxPool")
def _max_pool(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    images, padding = _padded(inputs[0], attributes, -torch.inf)
    return F.max_pool2d(
        images,
        tuple(attributes["kernel_shape"]),
        tuple(attributes.get("strides", (1, 1))),
        padding,
        tuple(attributes.get("dilations", (1, 1))),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


@operator("AveragePool")
def _average_pool(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    with_padding = bool(attributes.get("count_include_pad", 0))
    if _is_uneven(attributes) and not with_padding:
        raise NotImplementedError("AveragePool with uneven pads that do not count")
    images, padding = _padded(inputs[0], attributes, 0.0)
    return F.avg_pool2d(
        images,
        tuple(attributes["kernel_shape"]),
        tuple(attributes.get("strides", (1, 1))),
        padding,
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
        count_include_pad=with_padding,
    )


@operator("GlobalAveragePool")
def _global_average_pool(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return inputs[0].mean(dim=tuple(range(2, inputs[0].dim())), keepdim=True)


@operator("ReduceMean")
def _reduce_mean(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    axes = _axes(inputs, attributes)
    return inputs[0].mean(dim=axes, keepdim=bool(attributes.get("keepdims", 1)))  # type: ignore[union-attr]


@operator("Mean")
def _mean(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return sum(inputs[1:], inputs[0]) / len(inputs)


@operator("Clip")
def _clip(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    low, high = (*inputs[1:], None, None)[:2]
    return torch.clamp(inputs[0], low, high)  # type: ignore[arg-type]


@operator("HardSigmoid")
def _hard_sigmoid(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return torch.clamp(inputs[0] * attributes.get("alpha", 0.2) + attributes.get("beta", 0.5), 0, 1)


@operator("Softmax")
def _softmax(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return torch.softmax(inputs[0], attributes.get("axis", -1))


@operator("BatchNormalization")
def _batch_normalization(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    images, scale, shift, mean, variance = inputs
    return F.batch_norm(images, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))


@operator("Gemm")
def _gemm(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    left = inputs[0].T if attributes.get("transA") else inputs[0]
    right = inputs[1].T if attributes.get("transB") else inputs[1]
    result = attributes.get("alpha", 1.0) * (left @ right)
    return result + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else result


@operator("Flatten")
def _flatten(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    axis = attributes.get("axis", 1) % (inputs[0].dim() + 1)
    shape = inputs[0].shape
    return inputs[0].reshape(shape[:axis].numel(), shape[axis:].numel())


@operator("Reshape")
def _reshape(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    shape = inputs[1].tolist()
    if not attributes.get("allowzero", 0):
        shape = [inputs[0].shape[axis] if side == 0 else side for axis, side in enumerate(shape)]
    return inputs[0].reshape(shape)


@operator("Squeeze")
def _squeeze(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    axes = _axes(inputs, attributes)
    return inputs[0].squeeze() if axes is None else inputs[0].squeeze(axes)  # type: ignore[union-attr]


@operator("Unsqueeze")
def _unsqueeze(inputs: OperatorInputs, attributes: Attributes) -> torch.Tensor:
    value, axes = inputs[0], _axes(inputs, attributes) or ()
    rank = value.dim() + len(axes)  # type: ignore[union-attr]
    for axis in sorted(axis % rank for axis in axes):
        value = value.unsqueeze(axis)  # type: ignore[union-attr]
    return value  # type: ignore[return-value]


@operator("Concat")
def _concat(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    return torch.cat(list(inputs), attributes["axis"])


@operator("QuantizeLinear")
def _quantize(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    values, scale, zero = _scales(inputs, attributes)
    if zero.dtype not in (torch.uint8, torch.int8):
        raise NotImplementedError(f"QuantizeLinear to {zero.dtype}")
    limits = torch.iinfo(zero.dtype)
    # torch.round rounds halves to even, as ONNX asks.
    return torch.clamp(torch.round(values / scale) + zero, limits.min, limits.max).to(zero.dtype)


@operator("DequantizeLinear")
def _dequantize(inputs: Sequence[torch.Tensor], attributes: Attributes) -> torch.Tensor:
    values, scale, zero = _scales(inputs, attributes)
    return (values.to(scale.dtype) - zero.to(scale.dtype)) * scale


def _scales(inputs: Sequence[torch.Tensor], attributes: Attributes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Values, scale and zero point, the last two shaped to spread along the values' ``axis``."""
    values, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else torch.zeros_like(scale, dtype=torch.uint8)
    if scale.numel() > 1:
        if scale.dim() != 1 or attributes.get("block_size", 0):
            raise NotImplementedError("quantisation by blocks")
        shape = [1] * values.dim()
        shape[attributes.get("axis", 1)] = -1
        return values, scale.reshape(shape), zero.reshape(shape)
    return values, scale.reshape(()), zero.reshape(())


def _is_uneven(attributes: Attributes) -> bool:
    pads = attributes.get("pads", (0, 0, 0, 0))
    return tuple(pads[:2]) != tuple(pads[2:])


def _padded(images: torch.Tensor, attributes: Attributes, value: float) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Pad where the pads of the two ends differ; else leave the padding to the operator."""
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or images.dim() != 4:
        raise NotImplementedError(f"auto_pad {attributes.get('auto_pad')} or {images.dim() - 2} dimensions")
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if not _is_uneven(attributes):
        return images, (top, left)
    return F.pad(images, (left, right, top, bottom), value=value), (0, 0)


def _axes(inputs: OperatorInputs, attributes: Attributes) -> tuple[int, ...] | None:
    """Axes as an input (newer opsets) or as an attribute (older ones)."""
    if len(inputs) > 1 and inputs[1] is not None:
        return tuple(inputs[1].reshape(-1).tolist())
    return tuple(attributes["axes"]) if "axes" in attributes else None
