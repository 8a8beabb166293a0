"""Model cards: what a model is, what it was trained on, how well it does, and the hashes of its files."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from unmissed.datasets.errors import ModelError
from unmissed.datasets.files import write_whole

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardClass(_Part):
    """A class, in the order of the model's outputs."""

    id: str = Field(min_length=1)
    name: str
    name_zh: str
    group: str = Field("", description="Joins classes for a coarser question, such as normal / abnormal.")


class InputSpec(_Part):
    """What the graph takes: uint8 NHWC RGB. Scaling to mean and std happens inside the graph."""

    size_px: int = Field(gt=0, description="Side of the square input.")
    fit: Literal["squash", "pad", "crop"] = Field(description="How a picture of another size becomes that square.")
    um_per_px: float | None = Field(None, gt=0, description="Pixel size the model was trained at, where it matters.")
    colour_order: Literal["RGB"] = "RGB"
    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    mean: tuple[float, float, float] = Field(description="Inside the graph, of 0..1 values; for information.")
    std: tuple[float, float, float] = Field(description="Inside the graph, of 0..1 values; for information.")


class TableInput(_Part):
    """What a graph for numbers takes: ``features`` float32 (N, F)."""

    features: tuple[str, ...] = Field(min_length=1, description="Names of the columns, in order.")


_PICTURES, _TABLE = "<pictures>", "<table>"


def _kind_of_input(value: Any) -> str:
    return _TABLE if isinstance(value, TableInput) or (isinstance(value, dict) and "features" in value) else _PICTURES


class HeatmapSpec(_Part):
    """What a heat map means and how finds are taken from it. Lengths are pixels of the model's input."""

    stride_px: int = Field(gt=0, description="Side of a cell of the map.")
    halo_px: int = Field(ge=0, description="Border of a canvas whose cells are not to be trusted.")
    picture_px: int | None = Field(
        None, gt=0, description="Longer side to which a picture is resized first, where pixels have no size."
    )
    target: tuple[str, ...] = Field(min_length=1, description="Classes whose sum is the score of a find.")
    radius_px: float = Field(gt=0, description="Two finds are further apart than this.")
    box_px: float | None = Field(gt=0, description="Side of a find's box; null: it spans what belongs to the find.")
    threshold: float = Field(ge=0, le=1, description="Least score of a find, unless the user asks for another.")


class FileSpec(_Part):
    """One ONNX file of the model."""

    file: str = Field(pattern=r"^[A-Za-z0-9._-]+\.onnx$", description="File name beside the card; no folders.")
    sha256: str = Sha256
    size_bytes: int = Field(gt=0)
    precision: Literal["fp32", "int8"] = Field(description="Precision of the arithmetic.")
    stored: Literal["fp32", "fp16", "int8"] = Field(description="Precision of the stored weights.")
    batch: int | None = Field(None, gt=0, description="Fixed batch size, or null when the batch is free.")


class DataSpec(_Part):
    """A dataset the model was trained or tested on."""

    name: str
    title: str
    licence: str
    citation: str
    group_by: str = Field(description="What was never split across training and test.")
    counts: dict[str, dict[str, int]] = Field(description="part (train, validation, test) -> class -> images.")
    groups: dict[str, int] = Field(description="part -> number of groups.")


class Metric(_Part):
    """A figure with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None
    method: str = ""
    on: str = Field(description="The data it was measured on.")


class Quantisation(_Part):
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

    @model_validator(mode="before")
    @classmethod
    def _take_old_names(cls, values: Any) -> Any:
        """Cards of version 0.1 had names for macro-F1 alone."""
        old = {"macro_f1_fp32": "fp32", "macro_f1_int8": "int8"}
        return {old.get(key, key): value for key, value in values.items()} if isinstance(values, dict) else values


class KnownAnswers(_Part):
    """Questions whose answers are known, so that a machine can be asked whether it computes this model.

    ``models/known_answers.py`` makes the questions and compares; ``training/known_answers.py`` chooses them at export.
    """

    drawing: str = Field("", description="Which drawing makes the pictures of the seeds; empty for a table.")
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field((), max_length=16)
    size_px: int | None = Field(None, gt=0, le=4096, description="Side of the pictures.")
    rows: tuple[tuple[float, ...], ...] = Field((), max_length=16, description="Rows of a table.")
    outputs: tuple[tuple[float, ...], ...] = Field(
        min_length=1, description="What fp32 gave at export: a row per question, evenly spread over the output."
    )
    tolerance: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        min_length=1, description="Variant that can be asked this -> largest difference of a number from `outputs`."
    )
    integer_outputs: dict[str, tuple[tuple[float, ...], ...]] = Field(
        {}, description="Variant -> its own outputs, which exact integer kernels give to a thousandth."
    )

    @model_validator(mode="after")
    def _has_questions(self) -> "KnownAnswers":
        if bool(self.rows) == bool(self.seeds) or bool(self.seeds) != (self.size_px is not None):
            raise ValueError("known answers take either seeds with size_px, or rows")
        if len(self.outputs) != len(self.rows or self.seeds):
            raise ValueError(f"{len(self.outputs)} answers to {len(self.rows or self.seeds)} questions")
        return self


class Certificate(_Part):
    """The statistical proof behind an operating point."""

    sensitivity_bound: float
    confidence: float
    positives: int
    missed: int
    data_sha256: str = Sha256


class OperatingPoint(_Part):
    """A threshold on a class or group probability; without a certificate nothing may be excluded by it."""

    name: str
    target: str
    threshold: float
    certificate: Certificate | None = None


class Card(_Part):
    """The card of a model, stored as NAME.json beside its ONNX files."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str
    title: str
    title_zh: str
    task: Literal["classification", "heatmap", "slide-score", "gauge"]
    classes: tuple[CardClass, ...] = Field(min_length=1, description="Outputs in order; of a gauge what it tells.")
    input: Annotated[
        Annotated[InputSpec, Tag(_PICTURES)] | Annotated[TableInput, Tag(_TABLE)], Discriminator(_kind_of_input)
    ] = Field(description="Pictures; for a slide score or a gauge the columns of a table.")
    heatmap: HeatmapSpec | None = Field(None, description="Of heat-map models only.")
    files: dict[str, FileSpec] = Field(min_length=1, description="Variant (fp32, int8, fp32-b16 ...) -> file.")
    default_variant: str
    architecture: dict[str, Any]
    training: dict[str, Any]
    data: tuple[DataSpec, ...]
    metrics: dict[str, Metric]
    temperature: float = Field(gt=0, description="Calibration temperature, inside the graph.")
    parity_max_abs_dp: float = Field(ge=0, description="Largest difference of a probability from torch.")
    quantisation: Quantisation | None = None
    known_answers: tuple[KnownAnswers, ...] = Field(
        (), description="Empty in older exports, which run with a warning and can never be certified."
    )
    operating_points: tuple[OperatingPoint, ...] = ()
    intended_use: str
    limits: tuple[str, ...]
    licence: str

    @model_validator(mode="after")
    def _is_consistent(self) -> "Card":
        if self.default_variant not in self.files:
            raise ValueError(f"default_variant {self.default_variant!r} is not among files {sorted(self.files)}")
        ids = [item.id for item in self.classes]
        if len(set(ids)) != len(ids):
            raise ValueError("class ids repeat")
        if len(ids) < 2 and self.task != "gauge":
            raise ValueError(f"one class is too few for the task {self.task}")
        if isinstance(self.input, TableInput) != (self.task in ("slide-score", "gauge")):
            raise ValueError(f"task {self.task}: slide scores and gauges take columns, others pictures")
        strange_files = sorted({name for known in self.known_answers for name in known.tolerance} - set(self.files))
        if strange_files:
            raise ValueError(f"known_answers name {strange_files}; expected variants among {sorted(self.files)}")
        if (self.heatmap is not None) != (self.task == "heatmap"):
            raise ValueError("the section heatmap belongs to the task heatmap, and to no other")
        if self.heatmap is not None and (strange := sorted(set(self.heatmap.target) - set(ids[1:]))):
            raise ValueError(f"heatmap.target names {strange}; expected classes other than the background, {ids[0]!r}")
        return self

    @property
    def picture_input(self) -> InputSpec:
        """The input of a model that takes pictures.

        Raises
        ------
        ModelError
            When it takes a table.
        """
        if isinstance(self.input, TableInput):
            raise ModelError(f"{self.name} takes numbers, not pictures", expected="a model for pictures")
        return self.input

    def known_for(self, variant: str) -> KnownAnswers | None:
        """The known answers that a variant can be asked for; None where the card has none."""
        return next((known for known in self.known_answers if variant in known.tolerance), None)

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Class ids in the order of the outputs."""
        return tuple(item.id for item in self.classes)

    def groups(self) -> dict[str, tuple[int, ...]]:
        """Group -> indices of its classes; empty when the classes carry no groups."""
        found: dict[str, list[int]] = {}
        for index, item in enumerate(self.classes):
            if item.group:
                found.setdefault(item.group, []).append(index)
        return {name: tuple(indices) for name, indices in found.items()}


def load_card(path: Path) -> Card:
    """Read and validate a card.

    Raises
    ------
    ModelError
        When the file is missing, is not JSON or breaks the schema; the message names the first wrong fields.
    """
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"cannot read the model card {path}: {error.strerror}",
            expected="NAME.json beside NAME.onnx",
            fix="copy the card along with the model file",
        ) from error
    except ValidationError as error:
        wrong = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()[:3])
        raise ModelError(f"{path} is not a valid model card: {wrong}", fix="export the model again") from error


def _place(loc: tuple[int | str, ...]) -> str:
    # The kinds of input are no part of the file.
    return ".".join(str(part) for part in loc if part not in (_PICTURES, _TABLE)) or "file"


def save_card(card: Card, path: Path) -> None:
    """Write a card as indented JSON, whole or not at all."""
    with write_whole(path) as stream:
        stream.write(card.model_dump_json(indent=2) + "\n")


def card_schema() -> str:
    """The JSON schema of the card, as shipped in ``models/card.schema.json``."""
    schema = Card.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
