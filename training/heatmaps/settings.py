"""From a recipe to the network and the scale of a heat-map model."""

from unmissed.models.architectures import Rgb, input_scaling
from unmissed.models.heatmap import PLAIN, HeatmapArchitecture, PlainLayer
from unmissed.training.heatmaps.data import Scale
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig


def architecture_of(config: TrainConfig, heatmap: HeatmapConfig) -> HeatmapArchitecture:
    """The architecture that a recipe asks for."""
    model = config.model
    return HeatmapArchitecture(
        backbone=model.backbone,
        n_classes=len(heatmap.classes),
        stride=model.stride or 0,
        blocks=model.blocks,
        layers=tuple(PlainLayer(**layer.model_dump()) for layer in model.layers),
        head_width=model.head_width,
        drop_rate=model.drop_rate,
    )


def scale_of(config: TrainConfig, heatmap: HeatmapConfig) -> Scale:
    """The scale at which a recipe trains."""
    return Scale(config.input.um_per_px, heatmap.picture_px, config.model.stride or 0, config.input.area)


def scaling_of(config: TrainConfig) -> tuple[Rgb, Rgb]:
    """Mean and standard deviation of the input."""
    return ((0.5,) * 3, (0.5,) * 3) if config.model.backbone == PLAIN else input_scaling(config.model.backbone)
