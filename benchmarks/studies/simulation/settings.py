"""What is simulated, and what is to be proved."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unmissed.datasets.basis.configs import Configs
from unmissed.inference.cytology.policy.policy import Demand, Policy, Preparation, load_policy

Share = Annotated[float, Field(gt=0, lt=1)]


class SimulatedStudy(BaseModel):
    """The settings of a simulated study; ``configs/study``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    folds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    abnormal_slides: int = Field(gt=0, le=100_000, description="In each fold.")
    normal_slides: int = Field(gt=0, le=100_000, description="In each fold.")
    check_share: Share = Field(description="Of the slides, drawn at random; the others prove the threshold.")
    size_px: int = Field(ge=1024, le=16_384, description="Side of a slide at 0.25 um/px.")
    normal_fields: int = Field(ge=1, description="Different normal fields on a slide.")
    abnormal_fields: tuple[int, int] = Field(description="Least and largest number on an abnormal slide.")
    seed: int = Field(ge=0)
    preset: str
    variant: Literal["fp32", "int8"] = Field(description='By name: "auto" may choose another in the next batch.')
    preparation: Preparation
    min_cells: int = Field(ge=0, description="Cells of an adequate slide of this size.")
    sensitivities: tuple[Annotated[float, Field(ge=0.5, lt=1)], ...] = Field(min_length=1)
    confidence: float = Field(ge=0.9, lt=1)
    batch: int = Field(gt=0, le=1000, description="Slides that are on the disk at a time.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        least, most = self.abnormal_fields
        if not 1 <= least <= most:
            raise ValueError("abnormal_fields: the least number is at least 1 and not above the largest")
        if len(set(self.folds)) < len(self.folds):
            raise ValueError("folds: each once")
        return self

    @property
    def slides(self) -> int:
        """In each fold."""
        return self.abnormal_slides + self.normal_slides

    def rules(self) -> Policy:
        """The policy `screening` with the limit of cells for slides of this size; it excludes nothing."""
        base = load_policy("screening")
        limits = {
            kind: one.model_copy(update={"min_cells": self.min_cells} if kind is self.preparation else {})
            for kind, one in base.adequacy.items()
        }
        demand = Demand(sensitivity=min(self.sensitivities), confidence=self.confidence)
        return base.model_copy(update={"name": f"simulation-{self.name}", "adequacy": limits, "demand": demand})


STUDIES = Configs("study", "study", SimulatedStudy, "docs/how-to/certify.md")
