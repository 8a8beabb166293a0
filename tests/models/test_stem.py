"""The folded first convolution gives the same integers as the plain one."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from unmissed.models.stem import fold_stem


def network(pads: list[int], *, kernel: int = 3, stride: int = 2, shared: bool = False) -> onnx.ModelProto:
    """Bytes -> an integer convolution -> a second one; ``shared`` gives the pictures a second user."""
    rng = np.random.default_rng(0)
    values = {
        "byte": np.float32(2 / 255),
        "zero": np.uint8(127),
        "w": rng.integers(-127, 128, (8, 3, kernel, kernel)).astype(np.int8),
        "ws": rng.uniform(0.001, 0.01, 8).astype(np.float32),
        "wz": np.zeros(8, np.int8),
        "b": rng.integers(-500, 500, 8).astype(np.int32),
        "bs": rng.uniform(0.001, 0.01, 8).astype(np.float32),
        "bz": np.zeros(8, np.int32),
        "step": np.float32(0.02),
        "w2": rng.integers(-127, 128, (4, 8, 1, 1)).astype(np.int8),
        "w2s": np.full(4, 0.01, np.float32),
        "w2z": np.zeros(4, np.int8),
    }
    make = helper.make_node
    nodes = [
        make("Transpose", ["images"], ["nchw"], perm=[0, 3, 1, 2]),
        make("DequantizeLinear", ["nchw", "byte", "zero"], ["x"]),
        make("DequantizeLinear", ["w", "ws", "wz"], ["wf"], axis=0),
        make("DequantizeLinear", ["b", "bs", "bz"], ["bf"], axis=0),
        make("Conv", ["x", "wf", "bf"], ["c"], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads),
        make("QuantizeLinear", ["c", "step", "zero"], ["q"]),
        make("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        make("DequantizeLinear", ["w2", "w2s", "w2z"], ["w2f"], axis=0),
        make("Conv", ["d", "w2f"], ["maps"], kernel_shape=[1, 1]),
    ]
    if shared:
        nodes.append(make("Shape", ["nchw"], ["shape"]))
    outputs = [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 4, "rows", "columns"])]
    pictures = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "stem", [pictures], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(["maps"], {"images": pictures})[0]
    return result


@pytest.mark.parametrize(
    ("pads", "kernel", "stride"), [([1, 1, 1, 1], 3, 2), ([0, 0, 1, 1], 3, 2), ([0, 0, 0, 0], 4, 4)]
)
@pytest.mark.parametrize("size", [(32, 32), (8, 4), (18, 44)])
def test_folded_and_plain_are_equal_bit_by_bit(
    pads: list[int], kernel: int, stride: int, size: tuple[int, int]
) -> None:
    plain, folded = (network(pads, kernel=kernel, stride=stride) for _ in range(2))
    assert fold_stem(folded)
    onnx.checker.check_model(folded)
    pictures = np.random.default_rng(1).integers(0, 256, (3, *size, 3)).astype(np.uint8)
    expected = run(plain, pictures)
    assert expected.std() > 0
    assert expected.shape == (3, 4, size[0] // stride, size[1] // stride)
    np.testing.assert_array_equal(run(folded, pictures), expected)


@pytest.mark.parametrize(
    "model", [network([1, 1, 1, 1], stride=1), network([2, 2, 2, 2]), network([1, 1, 1, 1], shared=True)]
)
def test_other_graphs_stay_as_they_are(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert not fold_stem(model)
    assert model.SerializeToString() == before


def test_it_is_not_folded_twice() -> None:
    model = network([1, 1, 1, 1])
    assert fold_stem(model)
    assert not fold_stem(model)
