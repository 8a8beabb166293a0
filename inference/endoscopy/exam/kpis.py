"""The quality figures of an examination, with their limits and where those come from."""

from dataclasses import dataclass
from typing import Literal

from unmissed.inference.endoscopy.exam.timeline import Timeline
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import EventKind, ExamResult, Preparation

COMPLETE = ("end", "stopped")
"""How an examination ends that was watched as long as the user wanted."""

_EFFECTIVE = (
    "Longer effective withdrawal is linked to more adenomas (Lui and Leung, 350 videos: odds ratio 1.49 a minute)."
)
_CAECUM = "Caecal intubation in at least 90 % of examinations, ESGE/UEG 2017; 95 %, ASGE/ACG 2024."
_COVERAGE = "Every site of the protocol."
_PREPARATION = (
    "No segment below 2 on the Boston scale (AGA; adequate in at least 90 % of examinations, ASGE/ACG 2024). "
    "Here thirds of the withdrawal, by time and not by place."
)
_SPEED = "Bands of the protocol, for information: no guideline has a limit."
_LIMITLESS = "For information: no guideline has a limit."


@dataclass(frozen=True, slots=True)
class Kpi:
    """A quality figure.

    Attributes:
        name: "withdrawal_s", "coverage" ...; see ``docs/reference/exam-results.md``.
        value: in ``unit``; None where it could not be measured.
        unit: "s" seconds, "share" 0..1, "count", or "time_s", a time of the stream.
        limit: least value that is asked for; None where there is none.
        met: whether it was reached; None without a limit, or where that cannot be said.
        source: of the limit, or of the figure.
        aim: what to aim at beyond the limit; None where nothing is named.
    """

    name: str
    value: float | None
    unit: Literal["s", "time_s", "share", "count"]
    limit: float | None = None
    met: bool | None = None
    source: str = _LIMITLESS
    aim: float | None = None


def kpis_of(result: ExamResult, protocol: Protocol, timeline: Timeline) -> tuple[Kpi, ...]:
    """The figures of an examination.

    What was cut short is not held against the examination: a limit that was not reached when the stream broke is
    "cannot be said", not "not met".

    Args:
        result: of the examination.
        protocol: it was watched with.
        timeline: of all its frames.
    """
    is_complete = result.ended in COMPLETE
    figures = [_time(result, protocol, is_complete), _effective(result)]
    if protocol.organ == "colon":
        caecum_s = result.clocks.caecum_s
        figures.append(Kpi("caecum", caecum_s, "time_s", None, True if caecum_s is not None else None, _CAECUM))
    if result.preparation is not None:
        figures.append(_prepared(result.preparation))
    if protocol.sites:
        figures.append(_coverage(result, is_complete))
    if protocol.speed is not None:
        figures += _speeds(result, timeline)
        figures.append(Kpi("slips", _count(result, EventKind.SLIP), "count"))
    if protocol.models.lesion:
        figures.append(Kpi("lesion_alerts", _count(result, EventKind.LESION), "count"))
    figures.append(Kpi("longest_illegible", round(timeline.longest_illegible_s, 3), "s"))
    return tuple(figures)


def withdrawal_span_s(result: ExamResult) -> tuple[float, float]:
    """Stream times between which the tip was drawn back; of the whole examination where there is no turning point."""
    left = [event.time_s for event in result.events if event.kind is EventKind.LEFT]
    end_s = left[-1] if left else float("inf")
    caecum_s = result.clocks.caecum_s
    return (0.0 if caecum_s is None else caecum_s, end_s)


def _time(result: ExamResult, protocol: Protocol, is_complete: bool) -> Kpi:
    is_withdrawal = protocol.minimum_of == "withdrawal"
    value = result.clocks.withdrawal_s if is_withdrawal else result.clocks.examination_s
    name = "withdrawal_s" if is_withdrawal else "examination_s"
    met = _reached(value, protocol.minimum_s, is_complete)
    return Kpi(name, value, "s", protocol.minimum_s, met, protocol.source, protocol.aim_s)


def _prepared(found: Preparation) -> Kpi:
    """Share of the assessed thirds that are 2 or 3; adequate when all three are."""
    scores = [third.score for third in found.thirds if third.score is not None]
    share = sum(score == 2 for score in scores) / len(scores) if scores else None
    return Kpi("preparation", share, "share", 1.0, found.adequate, _PREPARATION)


def _effective(result: ExamResult) -> Kpi:
    clocks = result.clocks
    base_s = clocks.examination_s if clocks.withdrawal_s is None else clocks.withdrawal_s
    share = min(1.0, clocks.effective_s / base_s) if base_s > 0 else None
    return Kpi("effective", share, "share", source=_EFFECTIVE)


def _coverage(result: ExamResult, is_complete: bool) -> Kpi:
    sites = result.coverage.sites
    if result.coverage.score is None or not sites:
        return Kpi("coverage", None, "share", 1.0, None, _COVERAGE)
    share = sum(site.seen for site in sites) / len(sites)
    return Kpi("coverage", share, "share", 1.0, _reached(share, 1.0, is_complete), _COVERAGE)


def _speeds(result: ExamResult, timeline: Timeline) -> list[Kpi]:
    seconds = timeline.seconds_by_state(*withdrawal_span_s(result))
    total = sum(seconds.values())
    shares = [
        Kpi(f"speed_{state}", seconds[state] / total if total else None, "share", source=_SPEED)
        for state in ("red", "amber", "grey")
    ]
    return [*shares, Kpi("speed_alarms", _count(result, EventKind.SPEED), "count", source=_SPEED)]


def _count(result: ExamResult, kind: EventKind) -> int:
    return sum(event.kind is kind for event in result.events)


def _reached(value: float | None, limit: float, is_complete: bool) -> bool | None:
    if value is None:
        return None
    if value >= limit:
        return True
    return False if is_complete else None
