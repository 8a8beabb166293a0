"""The recipe of a slide score."""

from pathlib import Path

from pydantic import Field

from unmissed.training.recipes.sections import ModelRecipe, Section


class CohortConfig(Section):
    """Labelled slides and what a triage found on them."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="Its slides stay together in validation.")
    table: Path = Field(description="CSV with the columns slide and label; every label but NILM is abnormal.")
    results: Path = Field(description="Output folder of `unmissed triage` on these slides.")


class SlideScoreConfig(ModelRecipe):
    """A whole recipe: logistic regression on the features of triage results."""

    data_title: str = Field("", description="What the slides are, for the model card.")
    data_licence: str = Field("", description="Licence of the slides.")
    data_citation: str = Field("", description="Citation of the slides.")
    cohorts: tuple[CohortConfig, ...] = Field(
        min_length=2, description="Two or more: each in turn is scored by a model that has not seen it."
    )
    l2: float = Field(1.0, gt=0, description="Penalty on squared weights of standardised features.")
    sensitivity: float = Field(0.95, gt=0, lt=1, description="Sensitivity at which exclusion is reported.")
    bootstrap: int = Field(1000, ge=100, description="Resamples of the slides for the 95 % intervals.")
    seed: int = Field(0, description="Seed of the resamples.")
