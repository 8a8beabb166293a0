"""Accelerators, with stand-ins for torch.cuda and torch.npu; and what is told where there is none."""

import sys
import types

import numpy as np
import pytest

from unmissed.benchmarks.speed import devices
from unmissed.benchmarks.speed.devices import Accelerator, device_module, device_name
from unmissed.benchmarks.speed.models import cell as model_cell
from unmissed.benchmarks.speed.models.cell import CellJob, done
from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.inference.runtimes import registry

torch = pytest.importorskip("torch")


class Device:
    """What torch.cuda and torch.npu have in common, with a CPU behind it that says what it was asked."""

    def __init__(self, name):
        self.asked = []
        self.name = name

    def is_available(self):
        return True

    def get_device_name(self, number):
        return f"{self.name} {number}"

    def get_device_properties(self, number):
        return types.SimpleNamespace(total_memory=64 * 2**30)

    def synchronize(self):
        self.asked.append("synchronize")

    def reset_peak_memory_stats(self):
        self.asked.append("reset")

    def max_memory_allocated(self):
        self.asked.append("peak")
        return 3 * 2**20


@pytest.fixture(params=["cuda", "npu"])
def stand_in(request, monkeypatch):
    device = Device(f"Stand-in {request.param}")
    if request.param == "npu":
        monkeypatch.setitem(sys.modules, "torch_npu", types.ModuleType("torch_npu"))
    monkeypatch.setattr(torch, request.param, device, raising=False)
    device.kind = request.param
    return device


def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_name_memory_and_waiting(stand_in, monkeypatch):
    if stand_in.kind == "npu":
        no_cuda(monkeypatch)
    found = Accelerator.find(stand_in.kind)
    assert found.name == device_name() == f"Stand-in {stand_in.kind} 0"
    assert found.memory_bytes() == 64 * 2**30
    found.forget_peak()
    assert found.peak_bytes() == 3 * 2**20
    assert stand_in.asked == ["reset", "synchronize", "peak"], "a peak is read when the device has done its work"


def test_a_device_that_is_not_there_is_none(stand_in, monkeypatch):
    stand_in.is_available = lambda: False
    assert Accelerator.find(stand_in.kind) is None


def test_another_kind_is_an_error():
    with pytest.raises(RuntimeUnavailableError, match="one of cuda, npu"):
        device_module("tpu")


@pytest.mark.parametrize(
    "error",
    [
        ImportError("No module named 'torch_npu'"),
        OSError("libascendcl.so: cannot open shared object file"),
        RuntimeError("Failed to load the backend extension: torch_npu."),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("package", ["torch", "torch_npu"])
class TestBroken:
    """A package that is there and cannot be imported, as when set_env.sh was not sourced."""

    @pytest.fixture(autouse=True)
    def broken(self, package, error, monkeypatch):
        original = devices.importlib.import_module

        def load(name, *more):
            if name == package:
                raise error
            return original(name, *more)

        monkeypatch.setattr(devices.importlib, "import_module", load)

    def test_there_is_no_device(self, package, error):
        assert device_module("npu") is None

    def test_the_row_says_what_is_missing(self, package, error):
        told = done(CellJob(runtime="torch-npu"))
        assert str(error) in told.not_measured
        assert "set_env.sh" in told.not_measured


def test_a_runtime_on_a_stand_in_is_measured_with_its_memory(stand_in, monkeypatch, tmp_path):
    """torch-cuda and torch-npu as they are, up to the device itself, which is the CPU."""
    runtime = registry.select(f"torch-{stand_in.kind}")
    monkeypatch.setattr(type(runtime), "_device", lambda self, number: torch.device("cpu"))
    inputs, outputs = tmp_path / "inputs.npy", tmp_path / "outputs.npy"
    np.save(inputs, np.random.default_rng(0).normal(size=(4, 27)).astype(np.float32))
    job = {"runtime": runtime.name, "model": "slide-score", "batch": 2, "seconds": 0.01, "inputs": inputs}
    told = done(CellJob(**job, outputs=outputs))
    assert not told.not_measured
    assert told.device_bytes == 3 * 2**20
    assert stand_in.asked == ["reset", "synchronize", "peak"]
    assert len(told.batch_ms) >= model_cell.LEAST_BATCHES
    assert np.load(outputs).shape == (4,)


def test_without_the_device_the_row_says_what_is_missing(stand_in):
    stand_in.is_available = lambda: False
    told = done(CellJob(runtime=f"torch-{stand_in.kind}"))
    assert "finds no" in told.not_measured
    assert not told.batch_ms
