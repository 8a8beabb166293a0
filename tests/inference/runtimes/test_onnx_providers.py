"""The provider that was asked for is the one that runs, or there is an error."""

import numpy as np
import onnxruntime
import pytest

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.runtimes import registry
from unmissed.inference.runtimes.onnx import OnnxRuntime

ACCELERATORS = ["onnx-cuda", "onnx-tensorrt", "onnx-openvino", "onnx-cann"]


@pytest.fixture
def all_listed(monkeypatch):
    """An ONNX Runtime that lists every provider, as the GPU packages do on machines without a driver."""
    every = [registry.select(name).provider for name in ACCELERATORS] + ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: every)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_missing_provider_is_named_with_its_fix(name, make_model):
    runtime = registry.select(name)
    if runtime.is_available().ok:
        pytest.skip("it is here")
    with pytest.raises(RuntimeUnavailableError) as caught:
        runtime.load(make_model())
    assert runtime.provider in caught.value.found
    assert "pip" in caught.value.fix


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_listed_provider_that_falls_back_is_an_error(name, make_model, all_listed):
    if registry.select(name).provider in onnxruntime.capi._pybind_state.get_available_providers():
        pytest.skip("it is here")
    with pytest.raises(RuntimeUnavailableError) as caught:
        registry.select(name).load(make_model())
    assert caught.value.fix
    assert caught.value.expected == registry.select(name).needs


@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_session_that_says_cpu_is_an_error(name, make_model, all_listed, monkeypatch):
    class Fallen(onnxruntime.InferenceSession):
        def __init__(self, path, settings, providers, **more):
            super().__init__(path, settings, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", Fallen)
    with pytest.raises(RuntimeUnavailableError, match="would run on CPUExecutionProvider"):
        registry.select(name).load(make_model())


def test_a_provider_without_any_operator_is_an_error(make_model, all_listed, monkeypatch):
    class Idle(onnxruntime.InferenceSession):
        """CUDA is first in the list, and the CPU does all the work."""

        def __init__(self, path, settings, providers, **more):
            super().__init__(path, settings, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    if not hasattr(Idle, "get_provider_graph_assignment_info"):
        pytest.skip("this ONNX Runtime does not tell")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Idle)
    with pytest.raises(RuntimeUnavailableError, match="took none"):
        registry.select("onnx-cuda").load(make_model())


def test_silent_fallback_is_off(make_model, monkeypatch):
    seen = {}
    original = onnxruntime.InferenceSession

    def spy(*args, **kwargs):
        seen.update(kwargs)
        return original(*args, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    registry.select("onnx-cpu").load(make_model()).close()
    assert seen["enable_fallback"] == 0


def test_an_engine_that_fails_while_running_is_a_clear_error(make_model, pictures, monkeypatch):
    session = registry.select("onnx-cpu").load(make_model())

    class Broken:
        def run(self, *args):
            raise RuntimeError("CUDA out of memory\nmany more lines")

    monkeypatch.setattr(session, "_engine", Broken())
    with pytest.raises(RuntimeUnavailableError, match="out of memory"):
        session.run(pictures)


def test_a_damaged_model_file_is_a_model_error(make_model):
    model = make_model()
    model.path.write_bytes(model.path.read_bytes()[:200])
    with pytest.raises(ModelError, match="cannot load"):
        registry.select("onnx-cpu").load(model)


def test_a_broken_installation_is_no_crash(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    available = registry.select("onnx-cpu").is_available()
    assert not available.ok
    assert "pip install" in available.fix


def test_device_numbers_reach_the_provider():
    for name in ("onnx-cuda", "onnx-tensorrt", "onnx-cann"):
        runtime = registry.select(name)
        assert isinstance(runtime, OnnxRuntime)
        assert runtime.options("1", 2)["device_id"] == "1"
    assert registry.select("onnx-openvino").options("gpu", 2)["device_type"] == "GPU"


@pytest.mark.parametrize("rounds", [3, 2**62])
def test_a_graph_that_need_not_end_is_refused(make_model, rounds):
    """Its hash may fit its card: the card was written for it."""
    onnx = pytest.importorskip("onnx")
    model = make_model()
    graph = onnx.load(model.path)
    helper, last = onnx.helper, graph.graph.node[-1]
    last.output[0] = "once"
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Abs", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, kind, shape in (("i", 7, []), ("go", 9, []), ("x", 1, None))
        ],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (("on", 9, []), ("y", 1, None))],
    )
    for name, value in (("rounds", np.array(rounds)), ("first", np.array(True))):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    graph.graph.node.append(helper.make_node("Loop", ["rounds", "first", "once"], ["probabilities"], body=body))
    onnx.save(graph, model.path)
    with pytest.raises(ModelError, match=r"loops or branches \(Loop\)"):
        registry.select("onnx-cpu").load(model)


def test_the_engine_says_nothing_by_itself(make_model, capfd):
    """What it has to say is in our error."""
    onnx = pytest.importorskip("onnx")
    model = make_model()
    graph = onnx.load(model.path)
    kernel = next(item for item in graph.graph.initializer if item.name == "kernel")
    kernel.ClearField("raw_data")
    kernel.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "small.onnx"), ("offset", "0"), ("length", str(2**62))):
        entry = kernel.external_data.add()
        entry.key, entry.value = key, value
    model.path.write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="cannot load"):
        registry.select("onnx-cpu").load(model)
    assert capfd.readouterr().err == ""
