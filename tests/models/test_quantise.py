"""int8: a smaller file with the same inputs, outputs and nearly the same answers."""

import logging

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.models import integer_weights, zoo
from unmissed.models.architectures import MeanPool, Scaled
from unmissed.models.cards import load_card
from unmissed.models.export import cpu_session, export_onnx, onnx_probabilities
from unmissed.models.integer_weights import group_of, integer_convolutions
from unmissed.models.quantise import quantise, speed_ratio


@pytest.fixture(scope="module")
def int8(exported, pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "tiny.int8.onnx"
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    try:
        quantise(exported, path, pictures)
        assert root.level == logging.INFO, "the log of the whole program stays quieter"
    finally:
        root.setLevel(logging.WARNING)
    return path


def test_the_convolutions_are_quantised_and_the_ends_are_not(int8, exported):
    graph = onnx.load(int8).graph
    from_int8 = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert convolutions and all({*node.input[:2]} <= from_int8 for node in convolutions)
    for node in graph.node:
        if node.op_type in {"Gemm", "Sub", "Div"}:
            assert not set(node.input[1:]) & from_int8
    assert int8.stat().st_size < exported.stat().st_size


def test_the_answers_stay_close(int8, exported, pictures):
    small, full = onnx_probabilities(int8, pictures), onnx_probabilities(exported, pictures)
    np.testing.assert_allclose(small.sum(1), 1, atol=1e-5)
    assert 0 < np.abs(small - full).max() < 0.1
    assert cpu_session(int8).get_inputs()[0].type == "tensor(uint8)"


def test_calibration_takes_any_number_of_pictures(exported, pictures, tmp_path):
    quantise(exported, tmp_path / "one.onnx", pictures[:1])
    assert onnx_probabilities(tmp_path / "one.onnx", pictures).shape == (9, 3)


def test_a_file_is_as_fast_as_itself(exported, pictures):
    ratios = (speed_ratio(exported, exported, pictures[:1], rounds=9) for _ in range(4))
    assert any(ratio == pytest.approx(1, abs=0.6) for ratio in ratios)  # other work may disturb one of them


@pytest.mark.parametrize(("mean", "changed"), [((0.5, 0.5, 0.5), True), ((0.3, 0.5, 0.7), False)])
def test_bytes_go_straight_in_only_where_the_scaling_gives_them_back(tmp_path, mean, changed):
    """One mean for all channels spreads bytes over a range whose 256 levels are the bytes again."""
    torch.manual_seed(0)
    scaled = Scaled(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), MeanPool()), mean, [0.5] * 3)
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    images[0], images[1] = 0, 255
    source, target = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    export_onnx(scaled, 1.0, 32, source)
    quantise(source, target, images, first_float=0)
    kinds = [node.op_type for node in onnx.load(target).graph.node]
    assert ("Cast" not in kinds) == changed
    difference = abs(onnx_probabilities(target, images) - onnx_probabilities(source, images))
    assert difference.max() < 0.02


def largest_pair(weights):
    """Largest sum, by amount, of two weights of the same sign in an output channel; int8 (O, ...)."""
    flat = np.sort(weights.reshape(len(weights), -1).astype(int), axis=1)
    padded = np.pad(flat, ((0, 0), (1, 1)))  # a single weight pairs with nothing
    padded.sort(axis=1)
    return int(max(padded[:, -2:].clip(0).sum(axis=1).max(), -padded[:, :2].clip(None, 0).sum(axis=1).min()))


class TestNoPairSaturates:
    """255 (a + b) has to stay within 16 bits for any two weights of a sign (see ``integer_weights``)."""

    @staticmethod
    def weights(path):
        model = onnx.load(path)
        stored = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
        for node, makers in integer_convolutions(model):
            values = stored[makers[1].input[0]]
            yield values, values.shape[1] == 1 and group_of(node) == len(values)

    def test_of_an_export(self, int8):
        found = list(self.weights(int8))
        dense = [largest_pair(values) for values, depthwise in found if not depthwise]
        assert dense and max(dense) <= 128, "and they use what there is:"
        assert max(dense) > 120
        assert any(depthwise and np.abs(values).max() == 127 for values, depthwise in found)

    @pytest.mark.parametrize("name", zoo.names())
    def test_of_every_shipped_file(self, name):
        for spec in load_card(zoo.find_card(name)).files.values():
            if spec.precision == "int8":
                found = list(self.weights(zoo.ZOO / spec.file))
                assert found and all(largest_pair(values) <= 128 for values, depthwise in found if not depthwise)

    def test_the_largest_pair(self):
        assert largest_pair(np.array([[100, 28, -1]], np.int8)) == 128
        assert largest_pair(np.array([[100, 1], [-127, -127]], np.int8)) == 254
        assert largest_pair(np.array([[127], [-5]], np.int8)) == 127
        assert largest_pair(np.zeros((2, 3), np.int8)) == 0

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 4.0]))
    def test_bounded_weights_are_near_the_exact_ones(self, seed, tail):
        """Heavy and light tails; the error of a weight that is not cut is half a step."""
        rng = np.random.default_rng(seed)
        exact = np.sign(rng.normal(size=(4, 6, 1, 1))) * np.abs(rng.normal(size=(4, 6, 1, 1))) ** tail
        whole, step = integer_weights._dense(exact, integer_weights._finest(exact))
        assert largest_pair(whole.astype(np.int8)) <= 128
        worst = np.abs(whole * step[:, None, None, None] - exact).max(axis=(1, 2, 3))
        assert (worst <= np.abs(exact).max(axis=(1, 2, 3)) / 64 + 1e-9).all(), "never worse than seven bits"
