"""The values that pass between the stages of a watched examination (long: one vocabulary). Times: stream seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unmissed.inference.reports.words import Word

Seconds = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the whole frame: left upper corner and sides."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameView:
    """A frame cut to what the endoscope sees, with what several stages need of it.

    Attributes:
        time_s: of the frame.
        content: where the picture of the endoscope is in the frame.
        image: uint8 (height, width, 3) RGB, that rectangle at full resolution.
        grey: uint8 (height, width), the same.
        small: uint8 (h, w), grey, the longer side ``SMALL_PX``: for motion and similarity.
        small_mask: uint8 (h, w), 255 where ``small`` shows tissue; 0 on black corners, burnt-in text, a picture in the
            picture. The same array as long as the content stays where it is.
    """

    time_s: float
    content: Box
    image: np.ndarray
    grey: np.ndarray
    small: np.ndarray
    small_mask: np.ndarray


SMALL_PX = 240


class Reason(StrEnum):
    """Why a frame is not legible; the value is used in signals.csv."""

    NONE = ""
    """It is legible."""
    DARK = "dark"
    """Black, or too dark to see a fold."""
    OVEREXPOSED = "overexposed"
    """Too much of it is burnt out."""
    BLUR = "blur"
    """Out of focus, or smeared by motion."""
    WALL = "wall"
    """The tip touches the wall: red-out."""
    WATER = "water"
    """Washing: water, bubbles or foam before the lens."""
    SMOKE = "smoke"
    """A veil without contrast."""
    OUTSIDE = "outside"
    """The endoscope is not in the body."""
    GAP = "gap"
    """There was no picture."""


@dataclass(frozen=True, slots=True)
class Clarity:
    """How clear a frame is: ``score`` 0..1 (the probability that it is legible), the decision and its reason."""

    score: float
    legible: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Motion:
    """How the picture moved since a frame shortly before, by parts; all 0 where it cannot be assessed.

    Attributes:
        expansion_s: axial motion in lumen radii a second; positive while the tip is drawn back. It is a rate of the
            picture: no mm/s without a scale.
        rotation_deg_s: roll about the axis of the view, degrees a second.
        trust: 0..1, share of the tracked points that agree with it.
        features: named figures for the gauges.
        past_s: between the two frames; 0 where nothing was measured at this frame, and the motion before is repeated.
    """

    expansion_s: float
    rotation_deg_s: float
    trust: float
    features: Mapping[str, float] = field(default_factory=dict)
    past_s: float = 0.0


class SpeedState(StrEnum):
    """What the speed gauge shows."""

    GREEN = "green"
    """Safe."""
    AMBER = "amber"
    """Fast."""
    RED = "red"
    """Too fast: the alarm."""
    NOT_ASSESSED = "not_assessed"
    """Measured, but the protocol has no limits to judge it by."""
    GREY = "grey"
    """Not measurable: the picture is not legible, frozen, or outside."""


@dataclass(frozen=True, slots=True)
class WithdrawalSpeed:
    """Withdrawal speed, 0..100, rising with the true speed; the last three are each gauge alone.

    ``speed`` is what the monitor shows (the fused gauge); None in all of them while the state is grey.
    """

    speed: float | None
    state: SpeedState
    blur: float | None
    similarity: float | None
    motion: float | None
    slipped: bool = False


class Scene(StrEnum):
    """Where the tip is and what is done; the value is used in signals.csv."""

    OUTSIDE = "outside"
    """Not in the body."""
    INSIDE = "inside"
    """In the body, nothing special."""
    CAECUM = "caecum"
    """The caecum or the ileum: the turning point of a colonoscopy."""
    INSTRUMENT = "instrument"
    """A tool is in the view: therapy."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Output of the classifiers for one frame.

    Attributes:
        scene: where the tip is.
        probabilities: site code of the protocol -> probability; they may add up to less than 1 (no site of the list).
        regions: region of the sites -> probability, of a model that tells only regions.
        preparation: 0..1, probability that the mucosa is well prepared; None where the frame does not show that.
    """

    scene: Scene
    probabilities: Mapping[str, float]
    regions: Mapping[str, float] = field(default_factory=dict)
    preparation: float | None = None

    @property
    def site(self) -> str:
        """Code of the most probable site; "" where nothing was recognised."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default="")

    @property
    def site_probability(self) -> float:
        """Probability of that site."""
        return max(self.probabilities.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class Lesion:
    """A suspicious area of one frame.

    Attributes:
        score: of the finder, 0..1.
        kind: what it looks like in this frame, such as "neoplastic"; "" of a finder that does not distinguish.
        kind_share: 0..1, of the kind in the score.
        area_kind: what its area looks like over the frames so far, once it has persisted; tone "warn" where the
            protocol calls that mild. None where that is not clear.
    """

    box: Box
    score: float
    kind: str = ""
    kind_share: float = 1.0
    area_kind: Word | None = None


@dataclass(frozen=True, slots=True)
class FrameSignals:
    """Everything that was detected in one analysed frame: a row of signals.csv.

    Attributes:
        frozen: the picture is frozen: clocks stop.
        similarity: 0..1, to the frames before.
        lesions: boxes, highest score first; ``alert`` says whether they have persisted, ``mild`` whether all that have
            look like a kind that the protocol calls mild.
        lesion_time_s: of the frame that the boxes lie in: this one, or in real time one before; None where the lesion
            model was not asked, or its answer is too old.
    """

    time_s: float
    clarity: Clarity
    frozen: bool
    similarity: float
    motion: Motion
    speed: WithdrawalSpeed
    sight: Sight
    lesions: tuple[Lesion, ...]
    alert: bool
    lesion_time_s: float | None = None
    mild: bool = False


class EventKind(StrEnum):
    """What can happen in an examination; the value is used in events.jsonl."""

    STARTED = "started"
    ENTERED = "entered"
    """The tip is in the body: the examination clock starts."""
    CAECUM = "caecum"
    """The turning point: the withdrawal clock starts."""
    LEFT = "left"
    """The tip is out: the clocks stop."""
    SITE = "site"
    """A site was credited."""
    SPEED = "speed"
    """The speed gauge turned red (or back)."""
    SLIP = "slip"
    """The picture jumped: the tip slipped, go back and look."""
    LESION = "lesion"
    """High risk, look carefully."""
    FROZEN = "frozen"
    ILLEGIBLE = "illegible"
    """No clear view for a while."""
    THERAPY = "therapy"
    """A tool came into the view, or left it."""
    GAP = "gap"
    CHANGED = "changed"
    """The picture changed its size."""
    COLOUR = "colour"
    """The picture has no plausible colour: inside or outside cannot be judged."""
    UNLIKE = "unlike"
    """The pictures look unlike those that a classifier was trained on."""
    SHORT = "short"
    """The withdrawal ended before its minimum."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        time_s: when.
        text, text_zh: for the doctor, in English and Chinese.
        data: further facts, plain JSON values.
    """

    time_s: float
    kind: EventKind
    text: str
    text_zh: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClockTimes:
    """The clocks of an examination, in seconds, stored as they are; None where the turning point was never found.

    Attributes:
        examination_s: inside the body, frozen stretches and gaps left out.
        withdrawal_s: from the turning point to the exit, therapy, frozen stretches and gaps left out.
        therapy_s: with a tool in the view, during the withdrawal (or the examination where there is no turning point).
        effective_s: legible observation during the withdrawal (or the examination).
        caecum_s: stream time of the turning point.
        frozen_s, illegible_s: inside the body.
        caecum_by: "picture" where the turning point was recognised, "key" where it was marked.
    """

    examination_s: Seconds
    withdrawal_s: Seconds | None
    therapy_s: Seconds
    effective_s: Seconds
    caecum_s: float | None
    frozen_s: Seconds
    illegible_s: Seconds
    caecum_by: Literal["picture", "key"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SiteCredit:
    """What is known of one site.

    Attributes:
        code: of the protocol.
        credit: 0..1, probability that it was seen well.
        seen: the decision.
        seconds: clear view of it.
        best_time_s: of its best frame; None without one.
        best: uint8 (h, w, 3) RGB, that frame (the content, longest side at most 640); None without one.
    """

    code: str
    credit: float
    seen: bool
    seconds: float
    best_time_s: float | None
    best: np.ndarray | None


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Which sites were seen: in the order of the protocol. ``score`` is 0..100, None where sites are not assessed."""

    sites: tuple[SiteCredit, ...]
    score: float | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Codes of the sites that were not seen."""
        return tuple(site.code for site in self.sites if not site.seen)


@dataclass(frozen=True, slots=True)
class PreparedThird:
    """Preparation in a third of the withdrawal, by time and not by place. Stored as it is.

    Attributes:
        start_s, end_s: stream times.
        score: 2 means 2 or 3 on the Boston scale, 1 means less; None where it is not assessed.
        good: 0..1, median over the windows of the last pass of the probability that the mucosa is well prepared.
        seconds: assessable view in those windows.
    """

    start_s: float
    end_s: float
    score: Literal[1, 2] | None
    good: float | None
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Preparation:
    """Preparation of the bowel. Stored as it is.

    Attributes:
        thirds: of the withdrawal; none without a turning point.
        adequate: no third below 2; None where that cannot be said.
        reason: why something is not assessed: "no_caecum", "few_frames" or "".
    """

    thirds: tuple[PreparedThird, ...]
    adequate: bool | None
    reason: Literal["", "no_caecum", "few_frames"]


@dataclass(frozen=True, slots=True)
class LesionLooks:
    """How often the lesion model looked in real time. Stored as it is.

    Attributes:
        looks: frames that it looked at.
        frames: analysed frames that show the inside of the body.
        frames_per_look: frames / looks; None before the first look.
        median_ms: what a look took; None before the first one.
        interval_ms: between two frames of the stream.
    """

    looks: int
    frames: int
    frames_per_look: float | None
    median_ms: float | None
    interval_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class ExamResult:
    """A watched examination as a whole.

    Attributes:
        source: as the user named it.
        started_at: local time, ISO 8601.
        duration_s: stream time that was watched.
        ended: "end" of the stream, "stopped" by the user, or what went wrong.
        frames: "read", "analysed", "dropped", "legible".
        width_px, height_px: of the last frame.
        clocks, coverage: what was measured.
        events: in time order.
        times_ms: stage ("content", "clarity", "motion", "lesion", "site", "total" ...) -> "p50", "p95", "p99", "max".
        notes: what was assumed or could not be assessed, for the user.
        provenance: protocol, models with hashes, versions, settings.
        lesion_looks: None where every frame was looked at for certain (a whole file), or there is no lesion model.
        preparation: None where no model tells it.
        regions_seen: by a site model that tells only regions; None without one.
    """

    source: str
    started_at: str
    duration_s: float
    ended: str
    frames: Mapping[str, int]
    width_px: int
    height_px: int
    clocks: ClockTimes
    coverage: Coverage
    events: tuple[Event, ...]
    times_ms: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    lesion_looks: LesionLooks | None = None
    preparation: Preparation | None = None
    regions_seen: tuple[str, ...] | None = None
