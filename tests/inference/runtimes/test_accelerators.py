"""What runs beside the CPU: the right file, the waiting outside the turn, half precision; all with stand-ins."""

import importlib
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError  # noqa: E402
from unmissed.inference.runtimes import registry, variants  # noqa: E402
from unmissed.inference.runtimes.answers import Agreement, Verdict  # noqa: E402
from unmissed.inference.runtimes.base import Availability  # noqa: E402
from unmissed.inference.runtimes.torch import TorchCpu, TorchSession  # noqa: E402
from unmissed.inference.runtimes.variants import choose  # noqa: E402
from unmissed.models import zoo  # noqa: E402


class TestVariants:
    @pytest.mark.parametrize(
        ("runtime", "variant"),
        [
            *(("onnx-cpu", "int8"), ("onnx-openvino", "int8"), ("onnx-cuda", "fp32"), ("onnx-tensorrt", "fp32")),
            *(("onnx-cann", "fp32"), ("torch-cpu", "fp32"), ("torch-cuda", "fp32"), ("torch-npu", "fp32")),
        ],
    )
    def test_integers_only_where_they_are_computed_as_integers(self, runtime, variant, monkeypatch):
        def right(file, runtime, device):
            ms = 1.0 if file.variant == "int8" else 2.0
            return Verdict(variant=file.variant, runtime=runtime, agreement=Agreement.RIGHT, ms=ms)

        monkeypatch.setattr(variants, "verdict_of", right)
        assert choose("nucleus-finder", runtime).file.variant == variant

    def test_what_was_asked_for_is_taken(self):
        assert choose("nucleus-finder", "torch-cpu", "int8").file.variant == "int8"
        path = zoo.resolve("nucleus-finder", "int8").path
        assert choose(str(path), "torch-cpu").file.variant == "int8"

    def test_errors_are_those_of_the_zoo_and_the_registry(self):
        with pytest.raises(ModelError, match="no model"):
            choose("nucleus-findre", "torch-cpu")
        with pytest.raises(RuntimeUnavailableError, match="no runtime"):
            choose("nucleus-finder", "torch-cuba")


class Device:
    """Stands in for torch.cuda: its events end when the test says so."""

    def __init__(self):
        self.streams, self.may_end = [], threading.Event()
        self.waiting = threading.Semaphore(0)
        self.fails = False

    def current_stream(self, device):
        return f"stream of {device}"

    def Event(self):
        def synchronize():
            self.waiting.release()
            assert self.may_end.wait(10)
            if self.fails:
                raise RuntimeError("CUDA error: out of memory\nmore")

        return types.SimpleNamespace(record=self.streams.append, synchronize=synchronize)


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    return Device()


@pytest.fixture
def plain(make_model):
    with TorchCpu().load(make_model(), batch_size=4) as loaded:
        yield loaded


@pytest.fixture
def session(device, plain):
    """A session whose accelerator is the stand-in, computing on the CPU."""
    return TorchSession(
        plain._module,
        torch.device("cpu"),
        accelerator=device,
        half=False,
        runtime="torch-stand-in",
        provider="stand-in",
        takes=plain.takes,
        gives=plain.gives,
        batch_size=4,
        concurrent=False,
    )


def test_the_next_batch_is_given_to_the_device_while_the_last_one_runs(session, plain, device, pictures):
    """Two threads wait for their events at the same time: the turn is held for the start alone."""
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(session.run, pictures[:4]) for _ in range(2)]
        both = [device.waiting.acquire(timeout=10) for _ in range(2)]
        device.may_end.set()
        assert all(both), "the second batch was not started before the first had ended"
        for future in running:
            np.testing.assert_array_equal(future.result(), plain.run(pictures[:4]))


def test_events_are_put_into_the_stream_of_the_device(session, device, pictures):
    """An event in the stream of another device would end at once, before the answer is there."""
    device.may_end.set()
    session.run(pictures)
    assert device.streams == ["stream of cpu"] * 2


def test_an_error_that_shows_when_waiting_is_told(session, device, pictures):
    device.fails = True
    device.may_end.set()
    with pytest.raises(RuntimeUnavailableError, match="stand-in failed while running: CUDA error: out of memory"):
        session.run(pictures)


def test_a_session_beside_the_cpu_leaves_the_cores_to_our_threads(make_model, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    cuda = registry.select("torch-cuda")
    monkeypatch.setattr(type(cuda), "_has_device", lambda self: Availability(True))
    monkeypatch.setattr(type(cuda), "_device", lambda self, number: torch.device("cpu"))
    cuda.load(make_model()).close()
    assert asked == [1]


def test_half_precision_is_near_and_says_so(make_model, plain, pictures):
    with TorchCpu(half=True).load(make_model(), batch_size=4) as half:
        found = half.run(pictures)
        assert half.provider == "torch on cpu, half precision"
    off = np.abs(found - plain.run(pictures)).max()
    assert 0 < off < 2e-2
    assert found.dtype == np.float32


@pytest.mark.parametrize("error", [OSError("libhccl.so: cannot open"), RuntimeError("Failed to load the backend")])
def test_a_package_that_cannot_load_its_libraries_is_no_crash(error, monkeypatch):
    """torch itself fails so where torch_npu is installed and set_env.sh was not sourced."""

    def load(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", load)
    for name in ("torch-cpu", "torch-npu"):
        available = registry.select(name).is_available()
        assert not available.ok
        assert str(error) in available.reason
