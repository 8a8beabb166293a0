"""Protocols of examinations: which sites, which models, which limits. YAML, found by name or by path."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unmissed.datasets.basis.configs import Configs
from unmissed.inference.endoscopy.values import Scene


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(_Part):
    """A place that should be seen."""

    code: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$", description="Short name, in results and files.")
    name: str = Field(min_length=1)
    name_zh: str = Field(min_length=1)
    region: str = Field("", description="Part of the organ; regions are drawn together on the map.")
    wall: str = Field("", description="anterior, posterior, lesser, greater, or nothing.")
    neighbours: tuple[str, ...] = Field((), description="Codes of sites that classifiers mistake it for.")


class PreparationClasses(_Part):
    """Which classes of a classifier mean badly or well prepared mucosa."""

    model: str | None = Field(None, description="A classifier of its own; null: the site model.")
    poor: tuple[str, ...] = Field(min_length=1, description="Classes that mean 0 or 1 on the Boston scale.")
    good: tuple[str, ...] = Field(min_length=1, description="Classes that mean 2 or 3.")


class ProtocolModels(_Part):
    """Models by task; a name of a shipped model or the path of an .onnx file, null for none."""

    site: str | None = Field(None, description="Classifier of sites and scenes.")
    sites: dict[str, tuple[str, ...]] = Field(
        {}, description="Site code -> classes of that model; a class shared by several sites counts for none of them."
    )
    scenes: dict[Scene, tuple[str, ...]] = Field({}, description="Scene -> classes of that model.")
    regions: dict[str, tuple[str, ...]] = Field(
        {}, description="Region of the sites -> classes of a coarser site model; used where the model has all of them."
    )
    preparation: PreparationClasses | None = Field(None, description="Null: bowel preparation is not assessed.")
    lesion: str | None = Field(None, description="Heat-map model of lesions.")


class SpeedLimits(_Part):
    """The gauge of withdrawal speed, 0..100. Bands as reported for the reference system; see docs."""

    amber: float = Field(44, ge=0, le=100)
    red: float = Field(60, ge=0, le=100)
    release: float = Field(5, ge=0, description="A band is left only this far below its limit.")
    persistence_s: float = Field(0.3, ge=0, description="Red is shown after the limit was exceeded for this long.")


class LesionLimits(_Part):
    """When a suspicious area becomes an alert."""

    threshold: float = Field(0.5, ge=0, le=1, description="Least score of a box.")
    persistence_frames: int = Field(6, ge=1, description="Frames (of 25 a second) that it has to be there.")
    repeat_s: float = Field(5.0, ge=0, description="The same area is not announced again within this time.")
    mild: tuple[str, ...] = Field(
        ("non-neoplastic",), description="Kinds of the lesion model whose alert is not called high risk."
    )
    kind_share: float = Field(
        0.85, gt=0.5, lt=1, description="Mean share of a kind over the frames from which it is said; below: high risk."
    )


class CoverageLimits(_Part):
    """When a site counts as seen."""

    credit: float = Field(0.5, gt=0, lt=1, description="Least credit of a site that was seen.")
    seconds: float = Field(1.0, gt=0, description="Clear view that makes a site seen.")


class CaecumLimits(_Part):
    """When the pictures alone start the clock of the withdrawal."""

    probability: float = Field(
        0.7, ge=0.5, lt=1, description="Least probability of the caecum in a frame that shows it."
    )
    seconds: float = Field(3.0, ge=1, description="Least time that the caecum is seen without a break.")
    share: float = Field(0.6, ge=0.5, lt=1, description="Least share of the frames of a longer, broken stay.")
    again: float = Field(2.0, ge=1, description="A later stay starts the clock anew if it is so many times as long.")


class PreparationLimits(_Part):
    """How frames become the score of a third of the withdrawal."""

    share: float = Field(0.5, gt=0, le=1, description="Least probability of poor and good together; below: no answer.")
    good: float = Field(0.4, gt=0, lt=1, description="Median probability of good from which a third is 2 or 3.")
    window_s: float = Field(3.0, gt=0, description="Assessable view that makes a window, of which the median is taken.")
    least_s: float = Field(6.0, gt=0, description="Assessable view without which a third is not assessed.")


class ScoreWeights(_Part):
    """Parts of the score of an examination; 0 leaves one out."""

    coverage: float = Field(1.0, ge=0, description="Share of the sites that were seen.")
    legible: float = Field(0.0, ge=0, description="Share of the time with a legible picture.")
    time: float = Field(0.0, ge=0, description="Time, as a share of aim_s, or else of minimum_s.")
    speed: float = Field(0.0, ge=0, description="Share of the measured time that was not too fast; fast counts half.")
    preparation: float = Field(0.0, ge=0, description="Share of the assessed thirds with 2 or 3.")


class Protocol(_Part):
    """An examination and what it should contain."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    title_zh: str
    organ: Literal["stomach", "colon"]
    source: str = Field(description="Where the list of sites and the minima come from.")
    minimum_s: float = Field(gt=0, description="Least time of the whole examination, or of the withdrawal.")
    minimum_of: Literal["examination", "withdrawal"]
    aim_s: float | None = Field(None, gt=0, description="What to aim at, where a guideline names that too.")
    sites: tuple[Site, ...] = ()
    models: ProtocolModels = ProtocolModels()
    speed: SpeedLimits | None = Field(None, description="Null: the speed is measured and not assessed.")
    lesion: LesionLimits = LesionLimits()
    coverage: CoverageLimits = CoverageLimits()
    caecum: CaecumLimits = CaecumLimits()
    preparation: PreparationLimits = PreparationLimits()
    score: ScoreWeights = ScoreWeights()

    @model_validator(mode="after")
    def _fits_together(self) -> "Protocol":
        codes = [site.code for site in self.sites]
        if len(set(codes)) != len(codes):
            raise ValueError("site codes repeat")
        strange = {name for site in self.sites for name in site.neighbours} | set(self.models.sites)
        strange -= set(codes)
        if strange:
            raise ValueError(f"unknown sites {', '.join(sorted(strange))}; the list has {', '.join(codes) or 'none'}")
        regions = {site.region for site in self.sites}
        if unknown := set(self.models.regions) - regions:
            raise ValueError(
                f"unknown regions {', '.join(sorted(unknown))}; the sites have {', '.join(sorted(regions))}"
            )
        if self.aim_s is not None and self.aim_s < self.minimum_s:
            raise ValueError(f"aim_s {self.aim_s:g} is less than minimum_s {self.minimum_s:g}")
        return self

    def site(self, code: str) -> Site:
        """The site of a code."""
        return next(site for site in self.sites if site.code == code)


_PROTOCOLS = Configs("protocols", "protocol", Protocol, "docs/reference/protocols.md")
protocol_names = _PROTOCOLS.names


def load_protocol(name: str) -> Protocol:
    """Read a protocol.

    Args:
        name: of a shipped protocol, or the path of a YAML file.

    Raises:
        ConfigError: When there is none of that name, or it is not valid.
    """
    return _PROTOCOLS.load(name)
