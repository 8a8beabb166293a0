"""Fully convolutional networks that give a map of class scores: the nucleus finder and the polyp finder."""

from dataclasses import dataclass, field
from typing import Any, cast

import timm
from torch import Tensor, nn

from unmissed.datasets.basis.errors import ConfigError

PLAIN = "plain"  # backbone: dense convolutions alone, which int8 runs fastest on a CPU


@dataclass(frozen=True, slots=True)
class PlainLayer:
    """A convolution with batch norm and ReLU; a residual one is two of them with a sum around."""

    width: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    residual: bool = False


@dataclass(frozen=True, slots=True)
class HeatmapArchitecture:
    """What is needed to build the same network again.

    Attributes:
        backbone: a timm model of the EfficientNet or MobileNet families (conv_stem, bn1, blocks), or "plain".
        n_classes: maps that come out.
        stride: pixels per cell of the map.
        blocks: stages of the timm backbone that are kept; None for all. Those that would shrink the map below
            ``stride`` keep its size instead, so that pretrained weights still serve.
        layers: of the plain backbone.
        head_width: channels of the convolution before the last one; 0 for none.
        drop_rate: dropout before the last convolution.
    """

    backbone: str
    n_classes: int
    stride: int
    blocks: int | None = None
    layers: tuple[PlainLayer, ...] = field(default=())
    head_width: int = 64
    drop_rate: float = 0.0


class HeatmapNetwork(nn.Module):
    """Normalised (N, 3, H, W) float -> logits (N, K, H / stride, W / stride); H and W are multiples of the stride."""

    def __init__(self, body: nn.Module, channels: int, architecture: HeatmapArchitecture) -> None:
        super().__init__()
        # The stages carry timm's own names, so that pretrained weights find them.
        for name, module in body.named_children():
            self.add_module(name, module)
        self._stages = tuple(name for name, _ in body.named_children())
        width = architecture.head_width
        last = nn.Conv2d(width or channels, architecture.n_classes, 1)
        steps: list[nn.Module] = [_convolution(channels, PlainLayer(width))] if width else []
        self.head = nn.Sequential(*steps, nn.Dropout(architecture.drop_rate), last)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the stages and the head."""
        maps = pictures
        for name in self._stages:
            maps = self.get_submodule(name)(maps)
        return cast(Tensor, self.head(maps))


class _Residual(nn.Module):
    def __init__(self, layer: PlainLayer) -> None:
        super().__init__()
        self.first = _convolution(layer.width, layer)
        self.second = _convolution(layer.width, layer)[:2]
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        return cast(Tensor, self.relu(maps + self.second(self.first(maps))))


def build_heatmap(architecture: HeatmapArchitecture) -> HeatmapNetwork:
    """Build the network with random weights.

    Raises:
        ConfigError: When the backbone is of another family, or the stride cannot be had.
    """
    body, channels = _plain_body(architecture) if architecture.backbone == PLAIN else _timm_body(architecture)
    return HeatmapNetwork(body, channels, architecture)


def _timm_body(architecture: HeatmapArchitecture) -> tuple[nn.Module, int]:
    if not timm.is_model(architecture.backbone):
        raise ConfigError(
            f"model.backbone: timm has no model {architecture.backbone!r}", fix=f"name one of timm's, or {PLAIN}"
        )
    whole: Any = timm.create_model(architecture.backbone)
    if not all(hasattr(whole, name) for name in ("conv_stem", "bn1", "blocks")):
        raise ConfigError(
            f"model.backbone: {architecture.backbone} cannot be cut into a heat map",
            expected=f"an EfficientNet or MobileNet of timm, such as tf_efficientnet_lite0, or {PLAIN}",
        )
    blocks = architecture.blocks or len(whole.blocks)
    if blocks > len(whole.blocks):
        raise ConfigError(f"model.blocks is {blocks}", expected=f"1 to {len(whole.blocks)} for {architecture.backbone}")
    body = nn.Module()
    body.add_module("conv_stem", whole.conv_stem)
    body.add_module("bn1", whole.bn1)
    body.add_module("blocks", whole.blocks[:blocks])
    _fix_padding(body)
    stride = _limit_stride(body, architecture.stride)
    _check_stride(stride, architecture)
    norms = [module for module in body.modules() if isinstance(module, nn.BatchNorm2d)]
    return body, norms[-1].num_features


def _fix_padding(parent: nn.Module) -> None:
    """Replace timm's padding by input size ("SAME") with fixed padding: it folds into the convolution on export."""
    for name, module in parent.named_children():
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0]
            fixed = nn.Conv2d(
                module.in_channels,
                module.out_channels,
                kernel,
                stride=module.stride[0],
                padding=module.dilation[0] * (kernel - 1) // 2,
                dilation=module.dilation[0],
                groups=module.groups,
                bias=module.bias is not None,
            )
            fixed.load_state_dict(module.state_dict())
            parent.add_module(name, fixed)
        else:
            _fix_padding(module)


def _limit_stride(body: nn.Module, limit: int) -> int:
    """Let convolutions shrink the map until it has the wanted stride, and no further."""
    total = 1
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.stride[0] > 1:
            if total >= limit:
                module.stride = (1, 1)
            total *= module.stride[0]
    return total


def _plain_body(architecture: HeatmapArchitecture) -> tuple[nn.Module, int]:
    if not architecture.layers:
        raise ConfigError("model.layers is empty", expected=f"the layers of the backbone {PLAIN}")
    channels, total = 3, 1
    steps: list[nn.Module] = []
    for layer in architecture.layers:
        if layer.residual and (layer.width != channels or layer.stride != 1):
            raise ConfigError(
                f"model.layers: a residual layer of width {layer.width} and stride {layer.stride} after {channels}",
                expected=f"width {channels} and stride 1: it adds to what comes in",
            )
        steps.append(_Residual(layer) if layer.residual else _convolution(channels, layer))
        channels, total = layer.width, total * layer.stride
    _check_stride(total, architecture)
    body = nn.Module()
    body.add_module("layers", nn.Sequential(*steps))
    return body, channels


def _convolution(channels: int, layer: PlainLayer) -> nn.Sequential:
    is_even = layer.kernel % 2 == 0
    if layer.kernel < layer.stride or (is_even and (layer.stride % 2 or layer.dilation > 1)):
        raise ConfigError(
            f"model.layers: a kernel of {layer.kernel} with stride {layer.stride} does not cover its cells evenly",
            expected="an odd kernel, or an even one with an even stride, not smaller than the stride",
        )
    padding = (layer.kernel - layer.stride) // 2 if is_even else layer.dilation * (layer.kernel - 1) // 2
    convolution = nn.Conv2d(
        channels, layer.width, layer.kernel, layer.stride, padding, dilation=layer.dilation, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(layer.width), nn.ReLU(inplace=True))


def _check_stride(found: int, architecture: HeatmapArchitecture) -> None:
    if found != architecture.stride:
        raise ConfigError(
            f"model.stride is {architecture.stride}, but {architecture.backbone} as it is cut has {found}",
            expected=f"{found}",
            fix="correct model.stride, or keep more blocks or layers",
        )
