"""The form of exam.json; a record of another form is refused."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, problems
from unmissed.inference.endoscopy.exam.kpis import Kpi
from unmissed.inference.endoscopy.values import ClockTimes, LesionLooks, Preparation, Seconds

EXAM_FILE = "exam.json"
_MOST_BYTES = 64 * 2**20

Share = Annotated[float, Field(ge=0, le=1)]


class ExamError(UnmissedError):
    """A stored examination is missing or damaged."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StoredProtocol(_Strict):
    """The protocol that the examination was assessed against."""

    name: str
    title: str
    title_zh: str
    organ: Literal["stomach", "colon"]
    source: str
    minimum_s: float
    minimum_of: Literal["examination", "withdrawal"]
    aim_s: float | None = None


class StoredSite(_Strict):
    """A site of the protocol; ``picture`` is relative to the folder, null without one."""

    code: str
    name: str
    name_zh: str
    region: str
    wall: str
    credit: Share
    seen: bool
    seconds: Seconds
    best_time_s: float | None
    picture: str | None


class StoredGap(_Strict):
    """A stretch without frames."""

    start_s: float
    end_s: float | None
    text: str


class StoredExam(_Strict):
    """Everything about an examination but its rows and pictures.

    While it is ``running`` the clocks may be missing; sites, figures and times are not reported yet.
    """

    schema_version: Literal[1] = 1
    status: Literal["running", "finished"]
    source: str
    protocol: StoredProtocol
    started_at: str
    duration_s: Seconds
    ended: str
    frames: dict[str, int]
    width_px: int
    height_px: int
    clocks: ClockTimes | None
    score: Annotated[float, Field(ge=0, le=100)] | None
    sites: tuple[StoredSite, ...]
    missing: tuple[str, ...] | None
    kpis: tuple[Kpi, ...]
    events: dict[str, int]
    gaps: tuple[StoredGap, ...]
    times_ms: dict[str, dict[str, float]]
    notes: tuple[str, ...]
    provenance: dict[str, Any]
    lesion_looks: LesionLooks | None = None
    preparation: Preparation | None = None
    regions_seen: tuple[str, ...] | None = None
    score_parts: dict[str, Share | None] = {}


def read_stored(folder: Path) -> StoredExam:
    """Read the examination of a folder, finished or not.

    Raises:
        ExamError: When it is missing or damaged.
    """
    path = folder / EXAM_FILE
    try:
        return StoredExam.model_validate_json(read_regular(path, _MOST_BYTES))
    except OSError as error:
        raise ExamError(f"cannot read {path}: {cause_of(error)}") from error
    except ValidationError as error:
        raise ExamError(f"{path} is damaged: {problems(error, 1)}", fix="watch the recording again") from error
