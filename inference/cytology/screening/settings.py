"""How a slide is screened: a preset sets how much is examined, and names the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from unmissed.datasets.basis.configs import Configs
from unmissed.inference.cytology.policy.policy import AdequacyLimits, GradeRule
from unmissed.inference.runtimes.variants import Choice


class Preset(BaseModel):
    """How much of a slide is looked at; ``configs/presets``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    finder: str = Field("nucleus-finder-coarse", description="Walks over the whole slide.")
    max_crops: int = Field(4000, ge=1, le=100_000, description="Most candidates that are judged.")
    min_score: float = Field(0.02, ge=0, le=1, description="Lowest finder score of a candidate.")
    sampler: str = Field("nucleus-finder", description="The finder that searches what was not judged, by sample.")
    sample_share: float = Field(0.01, ge=0, le=1, description="Share of what was not judged that is searched; 0: none.")
    judge: str = "cell-bethesda"
    slide_score: str = "slide-score"


_PRESETS = Configs("presets", "preset", Preset, "docs/concepts/triage.md")
preset_names, load_preset = _PRESETS.names, _PRESETS.load


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """What a screener needs to know; can be sent to another process.

    Attributes:
        preset: how much is looked at, and the models by name or path.
        adequacy: what the preparation has to show.
        grade: how the grade follows from the findings.
        runtime: what runs the models.
        threads: how many read and run at the same time; None takes all physical cores.
        chosen: model -> the file of it that was chosen for the whole run; other models are chosen where they are
            loaded.
        elsewhere: models are loaded on another machine than the one that chose them: it looks for the files itself,
            and asks them for their known answers.
    """

    preset: Preset
    adequacy: AdequacyLimits
    grade: GradeRule
    runtime: str = "onnx-cpu"
    threads: int | None = None
    chosen: Mapping[str, Choice] = field(default_factory=dict)
    elsewhere: bool = False
