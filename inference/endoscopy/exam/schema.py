"""The form of exam.json, checked when it is written and again when it is read."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.words import cause_of, problems

EXAM_FILE = "exam.json"

_MAX_BYTES = 16 * 2**20

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


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


class StoredClocks(_Strict):
    """The fields of ``ClockTimes``."""

    examination_s: Seconds
    withdrawal_s: Seconds | None
    therapy_s: Seconds
    effective_s: Seconds
    caecum_s: float | None
    frozen_s: Seconds
    illegible_s: Seconds


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


class StoredKpi(_Strict):
    """The fields of ``Kpi``."""

    name: str
    value: float | None
    unit: Literal["s", "time_s", "share", "count"]
    limit: float | None
    met: bool | None
    source: str


class StoredGap(_Strict):
    """A stretch without frames."""

    start_s: float
    end_s: float | None
    text: str


class StoredLooks(_Strict):
    """The fields of ``LesionLooks``."""

    looks: int
    frames: int
    frames_per_look: float | None
    median_ms: float | None
    interval_ms: float


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
    clocks: StoredClocks | None
    score: Annotated[float, Field(ge=0, le=100)] | None
    sites: tuple[StoredSite, ...]
    missing: tuple[str, ...] | None
    kpis: tuple[StoredKpi, ...]
    events: dict[str, int]
    gaps: tuple[StoredGap, ...]
    times_ms: dict[str, dict[str, float]]
    notes: tuple[str, ...]
    provenance: dict[str, Any]
    lesion_looks: StoredLooks | None = None


def read_exam(folder: Path) -> StoredExam:
    """Read and check ``exam.json`` of a folder.

    Raises
    ------
    ExamError
        When it is missing or damaged.
    """
    path = folder / EXAM_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ExamError(f"{path} is too large for an examination", expected=f"at most {_MAX_BYTES:,} bytes")
        return StoredExam.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExamError(f"{path} cannot be read: {cause_of(error)}", fix="watch the examination again") from error
    except ValidationError as error:
        raise ExamError(f"{path} is damaged: {problems(error, 1)}", fix="watch the examination again") from error
