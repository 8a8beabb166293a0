"""The exported graph says what torch says, takes pictures as they are, and holds nothing of this machine."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.architectures import Architecture, Scaled, build
from unmissed.models.export import PARITY, check_parity, cpu_session, export_onnx, onnx_probabilities
from unmissed.models.export import torch_probabilities as by_torch

TEMPERATURE = 1.3


@pytest.fixture(scope="module")
def fixed(scaled, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "tiny.b4.onnx"
    export_onnx(scaled, TEMPERATURE, 32, path, batch=4)
    return path


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_free_batch_agrees_with_torch_at_every_size(exported, scaled, pictures, count):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": pictures[:count]})
    expected = by_torch(scaled, TEMPERATURE, pictures[:count])
    assert found.shape == (count, 3)
    assert np.abs(found - expected).max() <= PARITY
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_fixed_batch_is_padded_and_agrees(fixed, scaled, pictures, count):
    assert check_parity(fixed, by_torch(scaled, TEMPERATURE, pictures[:count]), pictures[:count]) <= PARITY
    assert cpu_session(fixed).get_inputs()[0].shape == [4, 32, 32, 3]


def test_the_answers_differ_and_the_temperature_is_inside(scaled, pictures):
    """A graph that always says the same would agree with itself too."""
    calibrated, plain = by_torch(scaled, TEMPERATURE, pictures), by_torch(scaled, 1.0, pictures)
    assert np.ptp(plain, axis=0).max() > 0.01
    cooled = plain ** (1 / TEMPERATURE)
    np.testing.assert_allclose(calibrated, cooled / cooled.sum(1, keepdims=True), atol=1e-5)


def test_the_graph_takes_bytes_and_gives_probabilities(exported):
    session = cpu_session(exported, threads=1)
    (images,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.type, images.shape[1:]) == ("images", "tensor(uint8)", [32, 32, 3])
    assert isinstance(images.shape[0], str)
    assert (probabilities.name, probabilities.type, probabilities.shape[1]) == ("probabilities", "tensor(float)", 3)


def test_batch_norm_and_padding_are_folded(exported, fixed):
    """What stays between convolutions keeps int8 slow."""
    for path in (exported, fixed):
        kinds = {node.op_type for node in onnx.load(path).graph.node}
        assert "Conv" in kinds
        assert kinds & {"BatchNormalization", "Pad"} == set()


def test_the_file_names_no_place_of_this_machine(exported, fixed):
    places = (Path(timm.__file__).parents[1], Path(torch.__file__).parents[1], Path(__file__).parents[2], Path.home())
    for path in (exported, fixed):
        content = path.read_bytes()
        for words in (*map(str, places), "site-packages", "dist-packages", ".py"):
            assert words.encode() not in content, words


def test_a_whole_network_agrees_too(tmp_path, pictures):
    torch.manual_seed(1)
    scaled = Scaled(build(Architecture("test_efficientnet", 4)), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()
    export_onnx(scaled, 0.7, 32, tmp_path / "whole.onnx")
    assert check_parity(tmp_path / "whole.onnx", by_torch(scaled, 0.7, pictures), pictures) <= PARITY


def test_a_difference_is_refused(exported, scaled, pictures):
    wrong = by_torch(scaled, TEMPERATURE, pictures)
    wrong[3, 0] += 2 * PARITY
    with pytest.raises(ModelError, match=r"tiny\.onnx differs from torch by 0\.0002.*do not use the file"):
        check_parity(exported, wrong, pictures)
    wrong[3, 0] = np.nan
    with pytest.raises(ModelError, match="nan"):
        check_parity(exported, wrong, pictures)


def test_batches_do_not_change_the_answer(exported, pictures):
    np.testing.assert_allclose(
        onnx_probabilities(exported, pictures, batch_size=2), onnx_probabilities(exported, pictures), atol=1e-6
    )
