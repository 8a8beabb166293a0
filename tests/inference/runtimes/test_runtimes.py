"""The contract of every runtime, run over all of them; those that are not installed skip with their reason."""

import pytest

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.inference.runtimes import registry
from unmissed.testing.runtimes import RuntimeContract


class TestOnnxCpu(RuntimeContract):
    name = "onnx-cpu"
    takes_numbers = False


class TestOnnxCuda(RuntimeContract):
    name = "onnx-cuda"


class TestOnnxTensorrt(RuntimeContract):
    name = "onnx-tensorrt"


class TestOnnxOpenvino(RuntimeContract):
    name = "onnx-openvino"
    takes_numbers = False


class TestOnnxCann(RuntimeContract):
    name = "onnx-cann"


class TestTorchCpu(RuntimeContract):
    name = "torch-cpu"


class TestTorchCuda(RuntimeContract):
    name = "torch-cuda"


class TestTorchNpu(RuntimeContract):
    name = "torch-npu"


def test_unknown_runtime_names_the_closest():
    with pytest.raises(RuntimeUnavailableError, match="onnx-cuda"):
        registry.select("onnx-cudo")


def test_every_runtime_has_its_contract_and_says_what_it_needs():
    assert registry.names() == [
        contract.name for contract in RuntimeContract.__subclasses__() if contract.__module__ == __name__
    ]
    for name in registry.names():
        runtime = registry.select(name)
        assert runtime.needs.endswith(".")
        available = runtime.is_available()
        assert available.ok or (available.reason and available.fix)
