"""Model cards: what a model is, what it was trained on, how well it does, and the hashes of its files."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import write_json
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, problems
from unmissed.models.card_parts import (
    CardClass,
    CardPart,
    DataSpec,
    FileSpec,
    HeatmapSpec,
    InputSpec,
    KnownAnswers,
    Metric,
    Parent,
    Quantisation,
    Sha256,
    StainChange,
    StainLooks,
    TableInput,
)
from unmissed.models.familiarity import Familiarity, SlideFamiliarity

__all__ = [
    "Card",
    "CardClass",
    "DataSpec",
    "FileSpec",
    "HeatmapSpec",
    "InputSpec",
    "KnownAnswers",
    "Metric",
    "Parent",
    "Quantisation",
    "Sha256",
    "StainChange",
    "StainLooks",
    "TableInput",
    "load_card",
    "save_card",
]

_PICTURES, _TABLE = "<pictures>", "<table>"
_MOST_BYTES = 5_000_000  # sixty times the largest shipped card
_KNOWN_CANVAS_PX = 512  # of a heat map whose canvas is free


def _kind_of_input(value: Any) -> str:
    return _TABLE if isinstance(value, TableInput) or (isinstance(value, dict) and "features" in value) else _PICTURES


class Card(CardPart):
    """The card of a model, stored as NAME.json beside its ONNX files."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str
    title: str
    title_zh: str
    task: Literal["classification", "heatmap", "slide-score", "gauge"]
    classes: tuple[CardClass, ...] = Field(min_length=1, description="Outputs in order; for a gauge, what it measures.")
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
    familiarity: Familiarity | None = Field(
        None, description="How the training pictures look; null, as in older cards: not known."
    )
    slide_familiarity: SlideFamiliarity | None = Field(
        None,
        description="How a finder's training fields look as slides; null, as in older cards: not known.",
    )
    parent: Parent | None = Field(None, description="Of models that `unmissed adapt` made from another.")
    intended_use: str
    limits: tuple[str, ...]
    licence: str

    @model_validator(mode="before")
    @classmethod
    def _drop_operating_points(cls, values: Any) -> Any:
        """Earlier exports wrote an empty list of them."""
        if not isinstance(values, dict) or "operating_points" not in values:
            return values
        if values["operating_points"]:
            raise ValueError("operating_points are not supported: thresholds belong in a triage policy")
        return {key: value for key, value in values.items() if key != "operating_points"}

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
        self._check_known_answers()
        if (self.heatmap is not None) != (self.task == "heatmap"):
            raise ValueError("the section heatmap belongs to the task heatmap, and to no other")
        if self.heatmap is not None and (strange := sorted(set(self.heatmap.target) - set(ids[1:]))):
            raise ValueError(f"heatmap.target names {strange}; expected classes other than the background, {ids[0]!r}")
        return self

    @property
    def picture_input(self) -> InputSpec:
        """The input of a model that takes pictures.

        Raises:
            ModelError: When it takes a table.
        """
        if isinstance(self.input, TableInput):
            raise ModelError(f"{self.name} takes numbers, not pictures", expected="a model for pictures")
        return self.input

    def _check_known_answers(self) -> None:
        named = {name for known in self.known_answers for name in known.tolerance}
        if self.known_answers and named != set(self.files):
            raise ValueError(f"known_answers name {sorted(named)}; expected all of {sorted(self.files)}, or none")
        for known in self.known_answers:
            if isinstance(self.input, TableInput):
                fits = {len(row) for row in known.rows} == {len(self.input.features)}
            elif self.heatmap is None:
                fits = known.size_px == self.input.size_px
            else:
                fits = known.size_px is not None and known.size_px <= max(self.input.size_px, _KNOWN_CANVAS_PX)
            if not fits:
                raise ValueError("known_answers ask for an input that the model does not take")

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

    Raises:
        ModelError: When the file is missing, is not JSON or breaks the schema; the message names the first wrong
            fields.
    """
    try:
        return Card.model_validate_json(read_regular(path, _MOST_BYTES))
    except OSError as error:
        raise ModelError(
            f"cannot read the model card {path}: {cause_of(error)}",
            expected="NAME.json beside NAME.onnx",
            fix="copy the card along with the model file",
        ) from error
    except ValidationError as error:
        wrong = problems(error, hidden=(_PICTURES, _TABLE))
        raise ModelError(f"{path} is not a valid model card: {wrong}", fix="export the model again") from error


def save_card(card: Card, path: Path) -> None:
    """Write a card as indented JSON, whole or not at all."""
    write_json(path, card)
