"""int8: a smaller file with the same inputs, outputs and nearly the same answers."""

import logging

import numpy as np
import onnx
import pytest

from unmissed.models.export import cpu_session, onnx_probabilities
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
