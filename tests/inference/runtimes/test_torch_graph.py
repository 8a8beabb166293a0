"""ONNX graphs in torch: operators against ONNX Runtime, clear errors, and the NPU with a stand-in."""

import sys
import types

import numpy as np
import onnxruntime
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError  # noqa: E402
from unmissed.inference.runtimes import registry  # noqa: E402
from unmissed.inference.runtimes.onnx_graph_in_torch import OnnxGraph  # noqa: E402
from unmissed.inference.runtimes.torch_operators import OPERATORS  # noqa: E402


def save(path, nodes, weights=None, opset=17):
    """A graph from float x (2, 4, 7, 9) to float y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 7, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


F = np.float32
I = np.int64  # noqa: E741
RNG = np.random.default_rng(5)
KERNEL = RNG.normal(size=(6, 4, 3, 3)).astype(F)
DEPTHWISE = RNG.normal(size=(4, 1, 3, 3)).astype(F)
CASES = {
    "Add": ([("Add", ["x", "w"], {})], {"w": F([1.5])}),
    "Sub": ([("Sub", ["x", "w"], {})], {"w": F([1.5])}),
    "Mul": ([("Mul", ["x", "w"], {})], {"w": F([1.5])}),
    "Div": ([("Div", ["x", "w"], {})], {"w": F([1.5])}),
    "Relu": ([("Relu", ["x"], {})], {}),
    "Sigmoid": ([("Sigmoid", ["x"], {})], {}),
    "HardSigmoid": ([("HardSigmoid", ["x"], {"alpha": 1 / 6, "beta": 0.5})], {}),
    "HardSigmoid, defaults": ([("HardSigmoid", ["x"], {})], {}),
    "HardSwish": ([("HardSwish", ["x"], {})], {}),
    "Identity": ([("Identity", ["x"], {})], {}),
    "Clip": ([("Clip", ["x", "low", "high"], {})], {"low": F(-0.5), "high": F(0.5)}),
    "Clip, no low": ([("Clip", ["x", "", "high"], {})], {"high": F(0.5)}),
    "Transpose": ([("Transpose", ["x"], {"perm": [0, 2, 3, 1]})], {}),
    "Pad": ([("Pad", ["x", "p", "v"], {})], {"p": I([0, 0, 1, 2, 0, 0, 3, 4]), "v": F(2)}),
    "Pad, edge": ([("Pad", ["x", "p"], {"mode": "edge"})], {"p": I([0, 0, 1, 2, 0, 0, 3, 4])}),
    "Pad, reflect": ([("Pad", ["x", "p"], {"mode": "reflect"})], {"p": I([0, 0, 1, 2, 0, 0, 3, 4])}),
    "Conv": ([("Conv", ["x", "w"], {"pads": [1, 1, 1, 1], "strides": [2, 1], "dilations": [2, 1]})], {"w": KERNEL}),
    "Conv, uneven": ([("Conv", ["x", "w"], {"pads": [0, 1, 2, 0], "strides": [2, 2]})], {"w": KERNEL}),
    "Conv, depthwise": ([("Conv", ["x", "w", "b"], {"group": 4})], {"w": DEPTHWISE, "b": F([1, 2, 3, 4])}),
    "MaxPool": ([("MaxPool", ["x"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]})], {}),
    "MaxPool, ceil": ([("MaxPool", ["x"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})], {}),
    "AveragePool": ([("AveragePool", ["x"], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})], {}),
    "AveragePool, uneven": (
        [("AveragePool", ["x"], {"kernel_shape": [3, 3], "pads": [0, 1, 1, 0], "count_include_pad": 1})],
        {},
    ),
    "GlobalAveragePool": ([("GlobalAveragePool", ["x"], {})], {}),
    "ReduceMean": ([("ReduceMean", ["x"], {"axes": [2, 3], "keepdims": 0})], {}),
    "Mean": ([("Mean", ["x", "w", "x"], {})], {"w": F([1.5])}),
    "Flatten": ([("Flatten", ["x"], {"axis": 2})], {}),
    "Reshape": ([("Reshape", ["x", "s"], {})], {"s": I([0, -1, 3])}),
    "Squeeze": ([("ReduceMean", ["x"], {"axes": [2]}), ("Squeeze", ["0", "a"], {})], {"a": I([2])}),
    "Unsqueeze": ([("Unsqueeze", ["x", "a"], {})], {"a": I([0, -1])}),
    "Concat": ([("Concat", ["x", "x"], {"axis": -1})], {}),
    "MatMul": ([("MatMul", ["x", "w"], {})], {"w": RNG.normal(size=(9, 5)).astype(F)}),
    "Softmax": ([("Softmax", ["x"], {"axis": 1})], {}),
    "BatchNormalization": (
        [("BatchNormalization", ["x", "s", "b", "m", "v"], {"epsilon": 1e-3})],
        {"s": F([1, 2, 3, 4]), "b": F([0, 1, 0, 1]), "m": F([0, 0.1, 0.2, 0.3]), "v": F([1, 2, 1, 2])},
    ),
    "Gemm": (
        [("Flatten", ["x"], {}), ("Gemm", ["0", "w", "c"], {"transB": 1, "alpha": 0.5, "beta": 2.0})],
        {"w": RNG.normal(size=(3, 252)).astype(F), "c": F([1, 2, 3])},
    ),
    "Constant and Cast": (
        [
            ("Constant", [], {"value": numpy_helper.from_array(np.float16([2.5]))}),
            ("Cast", ["0"], {"to": TensorProto.FLOAT}),
            ("Mul", ["x", "1"], {}),
        ],
        {},
    ),
    "Quantize and dequantize": (
        [("QuantizeLinear", ["x", "s", "z"], {}), ("DequantizeLinear", ["0", "s", "z"], {})],
        {"s": F(0.02), "z": np.uint8(120)},
    ),
    "Dequantize per channel": (
        [("DequantizeLinear", ["q", "s", "z"], {"axis": 0}), ("Conv", ["x", "0"], {})],
        {
            "q": RNG.integers(-127, 128, (3, 4, 3, 3), dtype=np.int8),
            "s": F([0.1, 0.2, 0.3]),
            "z": np.zeros(3, np.int8),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_operator_is_that_of_onnx_runtime(case, tmp_path):
    steps, weights = CASES[case]
    nodes = [
        helper.make_node(name, inputs, ["y" if index == len(steps) - 1 else str(index)], **attributes)
        for index, (name, inputs, attributes) in enumerate(steps)
    ]
    path = save(tmp_path / "one.onnx", nodes, weights)
    x = np.random.default_rng(1).normal(size=(2, 4, 7, 9)).astype(np.float32)
    expected = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    found = OnnxGraph(path)(torch.from_numpy(x)).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_operator_has_a_case():
    tried = {name for steps, _ in CASES.values() for name, _, _ in steps}
    assert set(OPERATORS) == tried


@pytest.mark.parametrize(
    ("name", "inputs", "attributes"),
    [
        ("Erf", ["x"], {}),
        ("Conv", ["x", "w"], {"auto_pad": "SAME_UPPER"}),
        ("AveragePool", ["x"], {"kernel_shape": [3, 3], "pads": [0, 1, 1, 0]}),
    ],
)
def test_what_is_not_covered_is_named(name, inputs, attributes, tmp_path):
    path = save(tmp_path / "odd.onnx", [helper.make_node(name, inputs, ["y"], **attributes)], {"w": KERNEL})
    with pytest.raises(ModelError, match=name if name != "Conv" else "SAME_UPPER"):
        OnnxGraph(path)(torch.zeros(2, 4, 7, 9))


def test_old_opsets_and_other_files_are_refused(tmp_path):
    old = save(tmp_path / "old.onnx", [helper.make_node("Softmax", ["x"], ["y"], axis=1)], opset=11)
    with pytest.raises(ModelError, match="opset 11"):
        OnnxGraph(old)
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        OnnxGraph(text)


def test_a_missing_onnx_package_is_named(make_model, monkeypatch):
    model = make_model()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RuntimeUnavailableError, match="onnx") as caught:
        registry.select("torch-cpu").load(model)
    assert "unmissed[train]" in caught.value.fix


class TestNpu:
    """torch-npu up to the device itself, which a stand-in replaces with the CPU."""

    @pytest.fixture
    def stand_in(self, monkeypatch):
        npu = types.SimpleNamespace(is_available=lambda: True, conv=types.SimpleNamespace(allow_hf32=True))
        monkeypatch.setitem(sys.modules, "torch_npu", types.ModuleType("torch_npu"))
        monkeypatch.setattr(torch, "npu", npu, raising=False)
        return npu

    def test_it_gives_the_same_probabilities(self, stand_in, make_model, pictures, monkeypatch):
        runtime = registry.select("torch-npu")
        monkeypatch.setattr(type(runtime), "_device", lambda self, number: torch.device("cpu"))
        model = make_model()
        with runtime.load(model) as session, registry.select("onnx-cpu").load(model) as reference:
            np.testing.assert_allclose(session.run(pictures), reference.run(pictures), atol=1e-4)
        assert stand_in.conv.allow_hf32 is False

    def test_without_a_device(self, stand_in, make_model):
        stand_in.is_available = lambda: False
        with pytest.raises(RuntimeUnavailableError, match="finds no NPU") as caught:
            registry.select("torch-npu").load(make_model())
        assert "set_env.sh" in caught.value.fix

    def test_a_device_that_cannot_be_used(self, stand_in, make_model):
        # This torch knows no "npu", as on a machine whose driver is broken.
        with pytest.raises(RuntimeUnavailableError, match="torch-npu cannot use"):
            registry.select("torch-npu").load(make_model())
