"""int8: a smaller file with the same inputs, outputs and nearly the same answers."""

import logging

import numpy as np
import onnx
import pytest
import torch

from unmissed.models.architectures import MeanPool, Scaled
from unmissed.models.export import cpu_session, export_onnx, onnx_probabilities
from unmissed.models.quantise import FLOAT_CONVOLUTIONS, quantise, speed_ratio


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
    assert len(convolutions) > FLOAT_CONVOLUTIONS
    for place, node in enumerate(convolutions):
        assert (node.input[1] in from_int8) == (place >= FLOAT_CONVOLUTIONS)
        if place > FLOAT_CONVOLUTIONS:
            assert node.input[0] in from_int8
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
    assert speed_ratio(exported, exported, pictures[:1], rounds=9) == pytest.approx(1, abs=0.6)


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
