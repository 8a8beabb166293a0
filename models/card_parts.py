"""The parts of a model card: classes, inputs, files, data, figures and known answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST_KNOWN_PX = 1024  # drawing a larger question would take seconds
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class CardPart(BaseModel):
    """Unknown fields are errors, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CardClass(CardPart):
    """A class, in the order of the model's outputs."""

    id: str = Field(min_length=1)
    name: str
    name_zh: str
    group: str = Field("", description="Joins classes for a coarser question, such as normal / abnormal.")


class InputSpec(CardPart):
    """What the graph takes: uint8 NHWC RGB. Scaling to mean and std happens inside the graph."""

    size_px: int = Field(gt=0, description="Side of the square input.")
    fit: Literal["squash", "pad", "crop"] = Field(description="How a picture of another size becomes that square.")
    area: Literal["endoscope"] | None = Field(
        None,
        description="endoscope: pictures are first cut to what the endoscope shows; null, as in older cards: whole.",
    )
    um_per_px: float | None = Field(None, gt=0, description="Pixel size the model was trained at, where it matters.")
    colour_order: Literal["RGB"] = "RGB"
    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    mean: tuple[float, float, float] = Field(description="Inside the graph, of 0..1 values; for information.")
    std: tuple[float, float, float] = Field(description="Inside the graph, of 0..1 values; for information.")


class TableInput(CardPart):
    """What a graph for numbers takes: ``features`` float32 (N, F)."""

    features: tuple[str, ...] = Field(min_length=1, description="Names of the columns, in order.")


class HeatmapSpec(CardPart):
    """What a heat map means and how finds are taken from it. Lengths are pixels of the model's input."""

    stride_px: int = Field(gt=0, description="Side of a cell of the map.")
    halo_px: int = Field(ge=0, description="Border of a canvas whose cells are not used.")
    picture_px: int | None = Field(
        None, gt=0, description="Longer side to which a picture is resized first, where pixels have no size."
    )
    target: tuple[str, ...] = Field(min_length=1, description="Classes whose sum is the score of a find.")
    radius_px: float = Field(gt=0, description="Minimum distance between two finds.")
    box_px: float | None = Field(gt=0, description="Side of a find's box; null: it spans what belongs to the find.")
    threshold: float = Field(ge=0, le=1, description="Minimum score of a find, unless the user sets another.")


class FileSpec(CardPart):
    """One ONNX file of the model."""

    file: str = Field(pattern=r"^[A-Za-z0-9._-]+\.onnx$", description="File name beside the card; no folders.")
    sha256: str = Sha256
    size_bytes: int = Field(gt=0)
    precision: Literal["fp32", "int8"] = Field(description="Precision of the arithmetic.")
    stored: Literal["fp32", "fp16", "int8"] = Field(description="Precision of the stored weights.")
    batch: int | None = Field(None, gt=0, description="Fixed batch size, or null when the batch is free.")


class DataSpec(CardPart):
    """A dataset the model was trained or tested on."""

    name: str
    title: str
    licence: str
    citation: str
    group_by: str = Field(description="What was never split across training and test.")
    counts: dict[str, dict[str, int]] = Field(description="part (train, validation, test) -> class -> images.")
    groups: dict[str, int] = Field(description="part -> number of groups.")


class Metric(CardPart):
    """A figure with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None
    method: str = ""
    on: str = Field(description="The data it was measured on.")


class StainLooks(CardPart):
    """How dark pictures are: optical density of their pixels, red, green and blue (natural logarithm)."""

    mean: tuple[float, float, float]
    spread: tuple[float, float, float] = Field(description="Standard deviation over all pixels.")


class StainChange(CardPart):
    """Optical densities that the graph moves and stretches at its input, by a table of bytes."""

    found: StainLooks = Field(description="Of the new laboratory's pictures that were fitted on.")
    target: StainLooks = Field(description="Of the parent's training pictures.")


class Parent(CardPart):
    """The model that an adapted one was made from, and how."""

    name: str
    version: str
    sha256: str = Sha256
    laboratory: str = Field(min_length=1, description="The source that it was adapted to.")
    stain: StainChange | None = Field(description="What the graph does to the colours first; null: nothing.")
    strength: float | None = Field(
        gt=0, description="How much the last layer was held to the parent's; null: it is the parent's."
    )
    notes: tuple[str, ...] = Field((), description="What was not done, or left out, and why.")


class Quantisation(CardPart):
    """The paired check that an int8 variant has to pass: faster, and little of the metric lost."""

    accepted: bool
    reason: str
    speed_ratio: float = Field(description="int8 images/s over fp32 images/s, same machine, one run.")
    metric: str = Field("macro_f1", description="What was compared: macro_f1, or the recall of a heat map.")
    fp32: float = Field(description="The metric of fp32.")
    int8: float = Field(description="The metric of int8.")
    loss_points: float = Field(description="How much of the metric is lost, in points of 0.01.")
    loss_interval: tuple[float, float] | None = Field(description="95 % interval; null for a single group.")
    images: int
    calibration_images: int


Answers = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(max_length=256)]


class KnownAnswers(CardPart):
    """Questions whose answers are known, so that a machine can be asked whether it computes this model.

    ``models/known_answers.py`` makes the questions and compares; ``training/exporting/known_answers.py`` chooses them
    at export.
    """

    drawing: str = Field("", description="Which drawing makes the pictures of the seeds; empty for a table.")
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field((), max_length=16)
    size_px: int | None = Field(None, gt=0, le=LARGEST_KNOWN_PX, description="Side of the pictures.")
    rows: tuple[Answers, ...] = Field((), max_length=16, description="Rows of a table.")
    outputs: tuple[Answers, ...] = Field(
        min_length=1,
        max_length=16,
        description="What fp32 gave at export, evenly spread over the output.",
    )
    tolerance: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        min_length=1, description="Variant that can be asked this -> largest difference of a number from `outputs`."
    )
    integer_outputs: dict[str, tuple[Answers, ...]] = Field(
        {}, description="Variant -> its own outputs, which exact integer kernels give to a thousandth."
    )

    @model_validator(mode="after")
    def _has_questions(self) -> "KnownAnswers":
        if bool(self.rows) == bool(self.seeds) or bool(self.seeds) != (self.size_px is not None):
            raise ValueError("known answers take either seeds with size_px, or rows")
        for outputs in (self.outputs, *self.integer_outputs.values()):
            if len(outputs) != len(self.rows or self.seeds):
                raise ValueError(f"{len(outputs)} answers to {len(self.rows or self.seeds)} questions")
        if len({len(answer) for outputs in (self.outputs, *self.integer_outputs.values()) for answer in outputs}) > 1:
            raise ValueError("answers of different lengths")
        return self
