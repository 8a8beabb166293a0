"""How a slide is screened: a preset says how much is looked at, and the models say with what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.policy import AdequacyLimits, GradeRule
from unmissed.inference.runtimes.variants import Choice

_MOST_BYTES = 100_000


class FineSearch(StrEnum):
    """Where the finder looks a second time, at its finer pixel size."""

    NOWHERE = "nowhere"
    """The coarse map is all there is: the fastest."""
    WHERE_IT_MATTERS = "where_it_matters"
    """At the places that the coarse map ranks highest: for every day."""
    EVERYWHERE = "everywhere"
    """Over the whole slide, without a coarse map: the slowest and surest."""


class Preset(BaseModel):
    """How much of a slide is looked at; ``configs/presets``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    fine_search: FineSearch
    fine_share: float = Field(
        0.04,
        gt=0,
        le=1,
        description="Largest share of the slide that is looked at again, at most 3 places a crop (where_it_matters).",
    )
    max_crops: int = Field(2500, ge=1, le=100_000, description="Most candidates that are judged.")
    min_score: float = Field(0.02, ge=0, le=1, description="Lowest finder score of a candidate.")
    coarse_finder: str = "nucleus-finder-coarse"
    finder: str = "nucleus-finder"
    judge: str = "cell-bethesda"
    slide_score: str = "slide-score"


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """What a screener needs to know; can be sent to another process.

    Attributes
    ----------
    preset : how much is looked at, and the models by name or path.
    adequacy : what the preparation has to show.
    grade : how the grade follows from the findings.
    runtime : what runs the models.
    device : number of the accelerator; None for the first.
    threads : how many read and run at the same time; None takes all physical cores.
    gallery : how many crops are kept for the pages.
    chosen : model -> the file of it that was chosen for the whole run; other models are chosen where they are loaded.
    """

    preset: Preset
    adequacy: AdequacyLimits
    grade: GradeRule
    runtime: str = "onnx-cpu"
    device: str | None = None
    threads: int | None = None
    gallery: int = 48
    chosen: Mapping[str, Choice] = field(default_factory=dict)


def preset_names() -> list[str]:
    """Names of the presets that come with the project."""
    folder = files("unmissed.configs") / "presets"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_preset(name: str) -> Preset:
    """Read a preset by name, or from a YAML file.

    Raises
    ------
    ConfigError
        When there is no such preset, or a field is unknown or wrong.
    """
    if name in preset_names():
        text = (files("unmissed.configs") / "presets" / f"{name}.yaml").read_text("utf-8")
    elif Path(name).suffix in {".yaml", ".yml"} and Path(name).is_file():
        with Path(name).open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8", errors="replace")
    else:
        raise ConfigError(
            f"there is no preset {name!r}",
            expected=f"one of {', '.join(preset_names())}, or the path of a .yaml file",
            fix="correct the name",
        )
    try:
        return Preset.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"the preset {name} is not valid YAML: {error}", fix="correct the file") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise ConfigError(f"the preset {name} is wrong: {wrong}", fix="correct the fields") from error
