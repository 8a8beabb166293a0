"""The contract of every runtime, run over all of them; those that are not installed skip with their reason."""

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.doctor.self_test import try_runtime
from unmissed.inference.runtimes import registry

# One step of an 8-bit activation: engines may round a tie differently.
TOLERANCE = {"fp32": 1e-4, "fp16": 1e-4, "batch3": 1e-4, "int8": 2e-2}


@pytest.fixture(params=registry.names())
def runtime(request):
    found = registry.select(request.param)
    available = found.is_available()
    if not available.ok:
        pytest.skip(f"{found.name}: {available.reason}")
    return found


@pytest.fixture
def reference(make_model, pictures):
    """Probabilities by a direct numpy computation of the small graph."""
    onnx = pytest.importorskip("onnx")
    weights = {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(make_model().path).graph.initializer}

    def conv(x, kernel, bias, pads, group):
        n, c = x.shape[:2]
        out, per, k, _ = kernel.shape
        x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
        rows = (x.shape[2] - k) // 2 + 1
        result = np.zeros((n, out, rows, rows))
        for o in range(out):
            first = o * c // out if group > 1 else 0
            for i in range(rows):
                for j in range(rows):
                    patch = x[:, first : first + per, 2 * i : 2 * i + k, 2 * j : 2 * j + k]
                    result[:, o, i, j] = (patch * kernel[o]).sum(axis=(1, 2, 3)) + bias[o]
        return result

    x = ((pictures.astype(float) - 127.5) / 64).transpose(0, 3, 1, 2)
    x = np.clip(conv(x, weights["kernel"], weights["bias"], (0, 0, 1, 1), 1), 0, 6)
    x = np.maximum(conv(x, weights["depth"], np.zeros(8), (1, 1, 2, 2), 8), 0).mean(axis=(2, 3))
    powers = np.exp(x @ weights["head"].T + weights["offset"])
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["fp32", "batch3"])
def test_probabilities_are_those_of_the_formula(runtime, make_model, pictures, reference, kind):
    with runtime.load(make_model(kind), batch_size=4) as session:
        found = session.run(pictures)
    assert found.dtype == np.float32
    assert reference.max(axis=1).min() < 0.9  # the pictures are not all trivial
    np.testing.assert_allclose(found, reference, atol=1e-4)


@pytest.mark.parametrize("kind", ["fp32", "fp16", "int8", "batch3"])
def test_all_runtimes_agree_with_onnx_cpu(runtime, make_model, pictures, kind):
    model = make_model(kind)
    with registry.select("onnx-cpu").load(model, batch_size=4, threads=1) as session:
        expected = session.run(pictures)
    with runtime.load(model, batch_size=4) as session:
        found = session.run(pictures)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[kind])


def test_padding_changes_nothing(runtime, make_model, pictures):
    with runtime.load(make_model(), batch_size=4) as session:
        one_by_one = np.concatenate([session.run(picture[None]) for picture in pictures])
        np.testing.assert_allclose(session.run(pictures), one_by_one, atol=1e-6)
        assert session.run(pictures[:0]).shape == (0, 4)


def test_batch_size_of_the_file_wins(runtime, make_model):
    with runtime.load(make_model("batch3"), batch_size=8) as session:
        assert session.batch_size == 3


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 17, 16, 3), np.uint8),
        np.zeros((2, 16, 16, 4), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((2, 16, 16, 3), np.float32),
    ],
    ids=["side", "channels", "no batch", "dtype"],
)
def test_wrong_arrays_are_refused(runtime, make_model, wrong):
    with runtime.load(make_model()) as session, pytest.raises(ModelError, match="was given"):
        session.run(wrong)


@pytest.mark.parametrize("changes", [{"size_px": 32}, {"classes": 5}], ids=["size", "classes"])
def test_a_card_of_another_model_is_refused(runtime, make_model, changes):
    with pytest.raises(ModelError, match="does not fit its card"):
        runtime.load(make_model(**changes))


def test_self_test_passes(runtime, tmp_path):
    assert try_runtime(runtime, tmp_path)


def test_a_device_that_is_no_number_is_refused(runtime, make_model):
    if runtime.name in ("onnx-cpu", "onnx-openvino"):
        pytest.skip("takes no number")
    with pytest.raises(RuntimeUnavailableError, match="no device"):
        runtime.load(make_model(), device="first")


def test_unknown_runtime_names_the_closest():
    with pytest.raises(RuntimeUnavailableError, match="onnx-cuda"):
        registry.select("onnx-cudo")


def test_every_runtime_says_what_it_needs():
    assert registry.names() == [
        *("onnx-cpu", "onnx-cuda", "onnx-tensorrt", "onnx-openvino", "onnx-cann"),
        *("torch-cpu", "torch-cuda", "torch-npu"),
    ]
    for name in registry.names():
        runtime = registry.select(name)
        assert runtime.needs.endswith(".")
        available = runtime.is_available()
        assert available.ok or (available.reason and available.fix)
