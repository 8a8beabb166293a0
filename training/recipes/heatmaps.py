"""The section of a recipe that makes it a heat-map model."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from unmissed.training.recipes.sections import Section


class DistillConfig(Section):
    """A stronger heat-map model that the network learns from, also where nothing is labelled."""

    teacher: Path = Field(description="Run folder of the teacher, its .onnx file with its card, or a shipped model.")
    weight: float = Field(1.0, gt=0, description="Weight of this loss beside the labels' loss.")
    temperature: float = Field(1.0, gt=0, description="Softens both maps before they are compared.")


class HeatmapConfig(Section):
    """Learn a map of the picture in place of one class for the whole. Lengths are in um; where `input.um_per_px` is
    null, in pixels of the resized picture."""

    classes: dict[str, tuple[str, ...]] = Field(
        description="Maps in order, each with the labels of the dataset that belong to it; the first is the background."
    )
    either: dict[str, tuple[str, ...]] = Field(
        {},
        description="Labels that do not say which of several maps they belong to, such as a polyp of unknown kind: any "
        "of these maps is right there.",
    )
    titles_zh: dict[str, str] = Field({}, description="Chinese names of the maps, for the model card.")
    target: tuple[str, ...] = Field(description="Maps whose sum is the score of a find.")
    picture_px: int | None = Field(
        None, ge=64, le=4096, description="Where no pixel size is known: the longer side to which pictures are resized."
    )
    radius_um: float = Field(8.0, gt=0, description="Cells within this distance of a labelled point belong to it.")
    ignore_um: float = Field(15.0, ge=0, description="Other cells within this distance of a point are ignored.")
    background_um: float = Field(
        0.0,
        ge=0,
        description="Cells further than ignore_um but within this distance of a point are background, even where not "
        "all is labelled: it keeps the finds of neighbours apart; 0: no such ring.",
    )
    crops: int = Field(1000, ge=1, description="Training crops per epoch.")
    complete_share: float = Field(
        0.35, ge=0, le=1, description="Share of the crops from any place of pictures in which all is known."
    )
    anywhere_share: float = Field(
        0.15, ge=0, le=1, description="Share of the crops from any place of the other pictures; the rest has an object."
    )
    focal_gamma: float = Field(0.0, ge=0, description="Down-weights cells that are already correct; 0: cross-entropy.")
    balance: Literal["classes", "cells"] = Field(
        "classes",
        description="classes: the mean over the cells of each class, then weighted; cells: a weighted mean over all.",
    )
    class_weights: tuple[float, ...] = Field((), description="One weight for each map, in order; empty: all alike.")
    hardest_background: float = Field(
        1.0, gt=0, le=1, description="Share of a batch's background cells that count: those of the largest loss."
    )
    distill: DistillConfig | None = Field(None, description="Learn from a teacher too; null: from labels alone.")
    nms_um: float = Field(8.0, gt=0, description="Minimum distance between two finds.")
    match_um: float = Field(15.0, gt=0, description="A labelled point is found when a peak is this close.")
    false_finds: tuple[float, ...] = Field(
        (1.5, 6.0, 15.0, 30.0, 60.0),
        min_length=1,
        description="False finds per mm2 of normal fields (per picture where pixels have no size) at which recall is "
        "measured.",
    )
    operating_point: float = Field(15.0, gt=0, description="False finds that set the default threshold.")
    canvas_px: int = Field(544, ge=128, le=4096, multiple_of=32, description="Side of the exported model's input.")
    halo_px: int | None = Field(
        None, ge=0, description="Border of a canvas that is not used; null: measured on export."
    )
    box_um: float | None = Field(
        32.0,
        gt=0,
        description="Side of the box that is reported around a find; null: the box spans what belongs to the find, and "
        "its centre is the place.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "HeatmapConfig":
        if len(self.classes) < 2 or next(iter(self.classes.values())):
            raise ValueError("classes begin with a background without labels, and have one map more or several")
        strange = set(self.target) - set(list(self.classes)[1:])
        if strange or not self.target:
            raise ValueError(f"target names {sorted(strange) or 'nothing'}; expected maps other than the background")
        for label, maps in self.either.items():
            if len(maps) < 2 or set(maps) - set(list(self.classes)[1:]):
                raise ValueError(f"either.{label} names {list(maps)}; expected two maps or more, none the background")
            if 0 < len(set(maps) & set(self.target)) < len(maps):
                raise ValueError(f"either.{label}: its maps are all in target, or none is")
        if self.class_weights and len(self.class_weights) != len(self.classes):
            raise ValueError(f"class_weights has {len(self.class_weights)} numbers for {len(self.classes)} classes")
        if self.complete_share + self.anywhere_share > 1:
            raise ValueError("complete_share and anywhere_share add up to more than 1")
        return self

    @property
    def meanings(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Label -> the value that a target has there, and the maps that are right there."""
        names = list(self.classes)
        known: dict[str, tuple[int, tuple[int, ...]]] = {}
        known |= {label: (index, (index,)) for index, labels in enumerate(self.classes.values()) for label in labels}
        for value, (label, maps) in enumerate(self.either.items(), len(names)):
            known[label] = value, tuple(names.index(name) for name in maps)
        return known
