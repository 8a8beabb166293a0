"""What a study of examinations finds."""

from collections.abc import Mapping
from dataclasses import dataclass

from unmissed.inference.study.numbers import Estimate


@dataclass(frozen=True)
class ExamRow:
    """One examination.

    Attributes:
        name: of its folder.
        minutes: length of the stream.
        sites: judged against the truth; right: of those. Both None where sites or truth are not assessed.
        unseen, reported, confirmed: sites truly not seen, reported as not seen, and both.
        clocks: clock -> found less true, s; None where only one of the two has a time.
        alerts, speed_alarms: suspicious areas, and how often the withdrawal was too fast.
    """

    name: str
    minutes: float
    sites: int | None
    right: int | None
    unseen: int | None
    reported: int | None
    confirmed: int | None
    clocks: Mapping[str, float | None]
    alerts: int
    speed_alarms: int


@dataclass(frozen=True)
class SiteRow:
    """A site over all examinations: how often it was truly seen, reported seen, and both agree."""

    code: str
    name: str
    name_zh: str
    exams: int
    seen: int
    reported: int
    agreed: int


@dataclass(frozen=True)
class ClockError:
    """A clock over all examinations, seconds.

    Attributes:
        clock: of ``CLOCKS``.
        exams: with both times; lost: truth has a time and the machine none; false: the reverse.
        bias: mean of found less true. median, p90, largest: of the absolute error.
        points: true time, found less true.
    """

    clock: str
    exams: int
    lost: int
    false: int
    bias: Estimate
    median: Estimate
    p90: float | None
    largest: float | None
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ExamStudy:
    """Everything that the report of examinations shows.

    Attributes:
        title, simulated: of the report.
        received: rows of the truth table; no_result: names of those without a finished examination.
        patients: how many; knows_patients: whether the table names them.
        protocols: name of the protocol -> examinations.
        exams, sites, clocks: one by one.
        accuracy: share of sites judged right, the mean of the examinations.
        blind_spots, blind_spots_reported: share of sites not seen, in truth and as reported.
        recall, precision: of the sites truly not seen, how many are reported; of the reported, how many are right.
        alerts_a_minute, speed_alarms_a_minute: over all minutes.
        facts, notes: as of the study of slides.
    """

    title: str
    simulated: bool
    received: int
    no_result: tuple[str, ...]
    patients: int
    knows_patients: bool
    protocols: Mapping[str, int]
    exams: tuple[ExamRow, ...]
    sites: tuple[SiteRow, ...]
    clocks: tuple[ClockError, ...]
    accuracy: Estimate
    blind_spots: Estimate
    blind_spots_reported: Estimate
    recall: Estimate
    precision: Estimate
    alerts_a_minute: Estimate
    speed_alarms_a_minute: Estimate
    facts: Mapping[str, str]
    notes: tuple[tuple[str, str], ...]
