"""The section of a recipe that says which pictures are taken, and how they are divided."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from unmissed.training.recipes.sections import Section


class DataConfig(Section):
    """Which pictures, and how they are divided."""

    dataset: str = Field(description="Name of a dataset (`unmissed data list`), or `folder` / `csv`.")
    root: Path | None = Field(None, description="Folder of the dataset; null means $UNMISSED_DATA/<dataset>.")
    groups: Literal["dataset", "picture", "none"] = Field(
        "dataset",
        description="dataset: what belongs to one group (cluster, field, video, patient) stays on one side; picture: "
        "what is labelled in one picture stays together, though neighbouring pictures may show the same patient; none: "
        "every label for itself, to compare with papers that split at random. The last two are too optimistic.",
    )
    more_places: Path | None = Field(
        None,
        description="CSV (path, label, x_px, y_px) of further places in the pictures of the dataset, for training "
        "only, such as false finds of a finder in normal fields "
        "(`python -m unmissed.training.false_finds`).",
    )
    joined: tuple[str, ...] = Field(
        (),
        description="Further datasets that are split, validated and tested like the first, by their own groups. "
        "Classifiers: with the classes of both; pictures with masks are of the one class that their set has.",
    )
    means: dict[str, dict[str, tuple[str, ...]]] = Field(
        {},
        description="Classifiers: joined dataset -> its label -> classes of `dataset` that it means; of several any is "
        "right. Labels that are not named are left out. Figures are not of such a set, unless it is `leave_out`; then "
        "the first class counts.",
    )
    leave_out: str | None = Field(
        None,
        description="Classifiers: `dataset` or one of `joined` that is tested as a whole and never trained on, such as "
        "another laboratory.",
    )
    labels: tuple[str, ...] = Field(
        (), description="Classifiers: labels of `dataset` that are taken, pictures of others are left out; empty: all."
    )
    none_share: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Classifiers: share of an epoch's pictures that are spoiled by rule (blurred, dark, dazzled, "
        "against the wall, outside) and learned as the further class `none`; 0: no such class. It is not tested.",
    )
    also: tuple[str, ...] = Field(
        (),
        description="Heat maps: further datasets with the same labels; all of their pictures are trained on, none is "
        "validated or tested on.",
    )
    negatives: dict[str, tuple[str, ...]] = Field(
        {},
        description="Heat maps: further datasets, each with the labels of its pictures that show nothing of what is to "
        "be found; all of these are trained on.",
    )
    negatives_held_out: tuple[int, ...] = Field(
        (), description="Official folds of the negatives that are kept to choose a threshold, or to test with."
    )
    folds: int | None = Field(
        None,
        ge=2,
        le=20,
        description="k-fold run over groups, or over the official folds where the dataset has k of them; null trains "
        "once on the official split or on a hold-out by group.",
    )
    only_folds: tuple[int, ...] | None = Field(None, description="Run just these folds (0-based) of `folds`.")
    test_fraction: float = Field(0.2, ge=0, lt=1, description="Share of groups held out for the test; 0 for no test.")
    validation_fraction: float = Field(
        0.12, gt=0, lt=1, description="Share of the training groups used to choose the epoch and the temperature."
    )
    split_seed: int = Field(0, description="Seed of the split; change it only to study the spread over splits.")

    @model_validator(mode="after")
    def _datasets_are_known(self) -> "DataConfig":
        if strange := set(self.means) - set(self.joined):
            raise ValueError(f"means names {sorted(strange)}; expected datasets of joined")
        if any(not classes for labels in self.means.values() for classes in labels.values()):
            raise ValueError("means names a label without a class")
        if self.leave_out is not None and (self.leave_out not in (self.dataset, *self.joined) or not self.joined):
            raise ValueError(f"leave_out is {self.leave_out}; expected one of several datasets, dataset and joined")
        if self.leave_out is not None and self.folds is not None:
            raise ValueError("leave_out and folds exclude one another")
        return self
