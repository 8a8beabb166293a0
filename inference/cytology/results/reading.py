"""A slide's result as stored on disk: checked when it is written and again when it is read."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.words import cause_of, problems
from unmissed.datasets.pictures.appearance import Reason
from unmissed.inference.cytology.values import (
    Adequacy,
    Finding,
    Positive,
    Share,
    SlideReading,
    StageSeconds,
    ThreadSeconds,
    Unseen,
)

RESULT_FILE = "result.json"
FINDINGS_TABLE = "findings.csv"
FINDINGS_GEOJSON = "findings.geojson"
HEATMAP = "heatmap.png"
HEATMAP_VALUES = "heatmap-values.png"
OVERLAY = "overlay.png"
THUMBNAIL = "thumbnail.jpg"
GALLERY = "gallery"

_MAX_BYTES = 64 * 2**20  # some thousand findings take 1 or 2 MB


class ResultError(UnmissedError):
    """A stored result is missing or damaged."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StoredPixelSize(_Strict):
    """Micrometres per level-0 pixel, and how we know it."""

    um_per_px: Positive
    source: str
    warning: str = ""


class StoredLikeness(_Strict):
    """How the slide compares with the training fields, as ``Likeness``."""

    ratio: Annotated[float, Field(ge=0)]
    reason: Reason
    nearest: str
    pictures: Annotated[int, Field(gt=0)]

    @property
    def is_unlike(self) -> bool:
        """Whether the slide is unlike all of them."""
        return self.ratio > 1


class StoredHeatMap(_Strict):
    """Size of ``heatmap-values.png``; its entries are ``cell_px`` level-0 pixels wide."""

    rows: Annotated[int, Field(gt=0)]
    columns: Annotated[int, Field(gt=0)]
    cell_px: Positive


class StoredSize(_Strict):
    """Size of a picture."""

    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]


class StoredResult(_Strict):
    """Everything of a ``SlideResult`` but its pictures; ``gallery`` names the crops of the first findings, in order."""

    schema_version: Literal[3] = 3
    slide: str
    path: str
    sha256: str | None
    reader: str
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]
    pixel_size: StoredPixelSize
    score: Share
    grade: str
    adequacy: Adequacy
    notes: tuple[str, ...]
    likeness: StoredLikeness | None
    unseen: Unseen | None
    reading: SlideReading
    times_s: StageSeconds
    thread_s: ThreadSeconds
    counts: dict[str, float]
    features: dict[str, float]
    provenance: dict[str, Any]
    heat_map: StoredHeatMap
    thumbnail: StoredSize
    # The page makes addresses of these names, so nothing may lead out of the folder.
    gallery: tuple[Annotated[str, Field(pattern=r"^gallery/[A-Za-z0-9_.-]+\.jpg$")], ...]
    findings: tuple[Finding, ...]


def read_slide_result(folder: Path) -> StoredResult:
    """Read and check the ``result.json`` of a slide's folder.

    Raises:
        ResultError: When it is missing, too large, damaged or of another version.
    """
    path = folder / RESULT_FILE
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ResultError(f"cannot read {path}: {cause_of(error)}", fix="triage this slide again") from error
    if len(text) > _MAX_BYTES:
        raise ResultError(f"{path} is larger than {_MAX_BYTES >> 20} MB", fix="triage this slide again")
    try:
        return StoredResult.model_validate_json(text)
    except ValidationError as error:
        if any(problem["loc"] == ("schema_version",) for problem in error.errors(include_url=False)):
            raise ResultError(
                f"{path} was written by another version of Unmissed",
                expected=f"schema_version {StoredResult.model_fields['schema_version'].default}",
                fix="triage this slide again",
            ) from error
        raise ResultError(
            f"{path} is damaged: {problems(error, 1)}", expected="a result as written", fix="triage this slide again"
        ) from error
