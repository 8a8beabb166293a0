"""Build a classifier from a timm backbone, whole or cut at a stride, with its scaling of the input."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import did_you_mean

BODY = "features.model."  # where the backbone's own parameter names start in a cut network
SCALED = "network."  # where the network's names start inside Scaled, and so in the files of a run

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is needed to build the same network again.

    Attributes:
        backbone: a timm model name.
        n_classes: number of outputs.
        stride: None for the whole network; 8, 16 or 32 cuts it where its map has that stride and puts a linear layer on
            the pooled map. Small pictures need no more, and the cut net is faster and a quarter of the size.
        drop_rate: dropout before the last layer.
        margin: cells at each edge of a cut network's map that are not pooled: they are seen by the cells inside, and
            what lies at the edge of a crop is not what is judged.
    """

    backbone: str
    n_classes: int
    stride: int | None = None
    drop_rate: float = 0.0
    margin: int = 0


class CutClassifier(nn.Module):
    """The first stages of a timm backbone, global average pooling and a linear layer."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        features: Any = timm.create_model(
            architecture.backbone,
            features_only=True,
            out_indices=(_index_of_stride(architecture),),
            feature_cls="getter",  # the only timm mechanism that also drops the layers behind the cut
        )
        self.features = features
        self.margin = architecture.margin
        self.drop = nn.Dropout(architecture.drop_rate)
        self.classifier = nn.Linear(features.feature_info.channels()[-1], architecture.n_classes)

    def pooled(self, pictures: Tensor) -> Tensor:
        """Normalised (N, 3, H, W) float -> features (N, C)."""
        maps, edge = self.features(pictures)[-1], self.margin
        return pool(maps[:, :, edge : maps.shape[2] - edge, edge : maps.shape[3] - edge] if edge else maps)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised (N, 3, H, W) float -> logits (N, K)."""
        return cast(Tensor, self.classifier(self.drop(self.pooled(pictures))))


class MeanPool(nn.Module):
    """Global average pooling that exports as one node; stands in for timm's pool-and-flatten."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C)."""
        return pool(maps)


def pool(maps: Tensor) -> Tensor:
    """Average (N, C, H, W) over H and W; the adaptive form keeps the gradient channels-last, 1.4 times as fast."""
    if torch.is_grad_enabled():
        return nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)
    return maps.mean((2, 3))


class Scaled(nn.Module):
    """Takes uint8 NHWC RGB pictures, scales them and runs the network: one definition for training and export."""

    def __init__(self, network: nn.Module, mean: Iterable[float], std: Iterable[float]) -> None:
        super().__init__()
        self.network = network
        self.offset: Tensor
        self.scale: Tensor
        self.register_buffer("offset", 255 * torch.tensor(list(mean)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", 255 * torch.tensor(list(std)).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, H, W, 3) -> logits (N, K)."""
        pictures = images.permute(0, 3, 1, 2).to(self.offset.dtype)
        return cast(Tensor, self.network((pictures - self.offset) / self.scale))


def build(architecture: Architecture) -> nn.Module:
    """Build the network with random weights.

    Raises:
        ConfigError: When timm has no such backbone; the message lists the closest names.
    """
    if not timm.is_model(architecture.backbone):
        raise ConfigError(
            f"model.backbone: timm has no model {architecture.backbone!r}",
            fix=did_you_mean(architecture.backbone, timm.list_models(), "see timm.list_models() for the names", most=4),
        )
    if architecture.stride is not None:
        return CutClassifier(architecture)
    network = timm.create_model(
        architecture.backbone, num_classes=architecture.n_classes, drop_rate=architecture.drop_rate
    )
    if getattr(getattr(network, "global_pool", None), "pool_type", None) == "avg":
        network.global_pool = MeanPool()
    return network


def _index_of_stride(architecture: Architecture) -> int:
    with torch.device("meta"):
        whole: Any = timm.create_model(architecture.backbone, features_only=True)
    strides = whole.feature_info.reduction()
    if architecture.stride not in strides:
        raise ConfigError(
            f"model.stride is {architecture.stride}",
            expected=f"{', '.join(map(str, strides))} for {architecture.backbone}, or null for the whole network",
            fix="correct the field",
        )
    return int(strides.index(architecture.stride))


def input_scaling(backbone: str) -> tuple[Rgb, Rgb]:
    """Mean and standard deviation (of 0..1 values) that the backbone's pretrained weights expect."""
    config = timm.get_pretrained_cfg(backbone)
    if config is None:
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return cast(Rgb, tuple(config.mean)), cast(Rgb, tuple(config.std))


def freeze(network: nn.Module, prefixes: Iterable[str]) -> list[nn.Module]:
    """Stop the gradients of the named modules; the caller keeps what is returned in eval mode (batch norm).

    Raises:
        ConfigError: When a prefix names no module.
    """
    modules = {name.removeprefix(BODY): module for name, module in network.named_modules()}
    frozen = []
    for prefix in prefixes:
        if prefix not in modules or not prefix:
            raise ConfigError(
                f"model.freeze: the network has no module {prefix!r}",
                expected=f"one of {', '.join(name for name in modules if name and name.count('.') < 2)}",
                fix="correct the name",
            )
        frozen.append(modules[prefix].requires_grad_(False))
    return frozen
