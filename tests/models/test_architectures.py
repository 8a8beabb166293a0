"""Networks whole and cut: shapes, the scaling inside, freezing, and errors that name the way out."""

import pytest
import torch

from unmissed.datasets.basis.errors import ConfigError
from unmissed.models.architectures import Architecture, Scaled, build, freeze, input_scaling, pool


def size_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("stride", [None, 8, 16, 32])
def test_every_cut_gives_logits(stride):
    network = build(Architecture("test_efficientnet", 5, stride)).eval()
    for size in (32, 64):
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 5)


def test_a_deeper_cut_keeps_more_layers():
    sizes = [size_of(build(Architecture("tf_efficientnet_lite0", 5, stride))) for stride in (8, 16)]
    assert sizes[0] < sizes[1] < 1_000_000  # the whole network has 3.4 million


def test_a_wrong_stride_lists_the_right_ones():
    with pytest.raises(ConfigError, match=r"model\.stride is 7.*2, 4, 8, 16, 32 for test_efficientnet, or null"):
        build(Architecture("test_efficientnet", 5, 7))


def test_an_unknown_backbone_lists_the_closest():
    with pytest.raises(ConfigError, match=r"did you mean.*tf_efficientnet_lite0"):
        build(Architecture("tf_efficientnet_lit0", 5))


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 5, 7, 3)])
def test_pooling_gives_the_same_numbers_with_and_without_gradients(shape):
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = pool(maps)
    trained = pool(maps.requires_grad_())
    torch.testing.assert_close(trained, expected)
    torch.testing.assert_close(expected, maps.detach().flatten(2).mean(2))


def test_the_whole_network_pools_as_timms_own_does():
    import timm

    torch.manual_seed(0)
    ours = build(Architecture("test_efficientnet", 5)).eval()
    theirs = timm.create_model("test_efficientnet", num_classes=5).eval()
    theirs.load_state_dict(ours.state_dict())
    pictures = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(pictures), theirs(pictures))


def test_scaled_takes_bytes_as_they_lie_in_a_picture():
    class Keep(torch.nn.Module):
        def forward(self, pictures):
            return pictures

    images = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    found = Scaled(Keep(), mean, std)(images)
    assert found.shape == (2, 3, 4, 6)
    for channel in range(3):
        expected = (images[..., channel] / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(found[:, channel], expected)


def test_the_scaling_is_no_part_of_the_weights():
    scaled = Scaled(build(Architecture("test_efficientnet", 5, 8)), (0.5,) * 3, (0.5,) * 3)
    assert all(name.startswith("network.") for name in scaled.state_dict())


def test_input_scaling_follows_the_pretrained_weights():
    assert input_scaling("tf_efficientnet_lite0") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert input_scaling("resnet50.a1_in1k") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("stride", [None, 16])
def test_freezing_stops_just_the_named_modules(stride):
    network = build(Architecture("tf_efficientnet_lite0", 5, stride))
    frozen = freeze(network, ["conv_stem", "bn1", "blocks.0", "blocks.1"])
    assert len(frozen) == 4
    still = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert still
    for name, _ in network.named_parameters():
        plain = name.removeprefix("features.model.")
        assert (name in still) == plain.startswith(("conv_stem.", "bn1.", "blocks.0.", "blocks.1.")), name


@pytest.mark.parametrize("prefix", ["blocks.9", "block.0", ""])
def test_freezing_what_is_not_there_names_what_is(prefix):
    network = build(Architecture("test_efficientnet", 5, 16))
    with pytest.raises(ConfigError, match=r"no module.*conv_stem.*blocks\.0"):
        freeze(network, [prefix])


def test_a_margin_leaves_the_edge_of_the_map_to_the_cells_inside():
    """What is beyond the receptive field of the middle changes nothing; without a margin it does."""
    torch.manual_seed(0)
    pictures = torch.randn(1, 3, 160, 160)
    changed = pictures.clone()
    changed[:, :, :8] = 0
    for margin, equal in ((3, True), (0, False)):
        network = build(Architecture("test_efficientnet", 5, 8, margin=margin)).eval()
        with torch.inference_mode():
            assert torch.allclose(network(pictures), network(changed), atol=1e-6) == equal
