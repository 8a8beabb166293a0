"""From an examination to its exam.json."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from pydantic import ValidationError

from unmissed.datasets.basis.files import plain_values
from unmissed.datasets.basis.names import readable
from unmissed.datasets.basis.words import problems
from unmissed.inference.endoscopy.exam.kpis import Kpi
from unmissed.inference.endoscopy.exam.schema import ExamError, StoredExam, StoredGap, StoredProtocol
from unmissed.inference.endoscopy.exam.score import score_of
from unmissed.inference.endoscopy.exam.timeline import Timeline
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, ExamResult


def record(result: ExamResult, protocol: Protocol, kpis: Iterable[Kpi], pictures: Mapping[str, str]) -> StoredExam:
    """Bring a result into the form of exam.json.

    Args:
        result, protocol, kpis: of the examination.
        pictures: site code -> path of its best frame, relative to the folder.

    Raises:
        ExamError: When a value cannot be (a share of 2, a time that is not a number).
    """
    coverage, kpis = result.coverage, tuple(kpis)
    score, parts = score_of(kpis, protocol.score)
    is_assessed = coverage.score is not None
    try:
        return StoredExam.model_validate(
            {
                "status": "finished",
                "source": without_password(result.source),
                "protocol": _protocol(protocol),
                "started_at": result.started_at,
                "duration_s": round(result.duration_s, 3),
                "ended": result.ended,
                "frames": dict(result.frames),
                "width_px": result.width_px,
                "height_px": result.height_px,
                "clocks": _clocks(result.clocks),
                "score": score,
                "score_parts": parts,
                "sites": [
                    {
                        **protocol.site(site.code).model_dump(include={"name", "name_zh", "region", "wall"}),
                        "code": site.code,
                        "credit": float(site.credit),
                        "seen": bool(site.seen),
                        "seconds": round(float(site.seconds), 3),
                        "best_time_s": site.best_time_s,
                        "picture": pictures.get(site.code),
                    }
                    for site in coverage.sites
                ],
                "missing": coverage.missing if is_assessed else None,
                "kpis": [asdict(kpi) for kpi in kpis],
                "events": _kinds(result.events),
                "gaps": _gaps(result.events),
                "times_ms": {
                    stage: {name: value for name, value in times.items() if math.isfinite(value)}
                    for stage, times in result.times_ms.items()
                },
                "notes": result.notes,
                "provenance": plain_values(dict(result.provenance)),
                "lesion_looks": None if result.lesion_looks is None else asdict(result.lesion_looks),
                "preparation": None if result.preparation is None else asdict(result.preparation),
                "regions_seen": result.regions_seen,
            }
        )
    except ValidationError as error:
        raise ExamError(
            f"the result of {without_password(result.source)} is invalid: {problems(error, 1)}",
            fix="this is a defect of Unmissed; signals.csv and events.jsonl are complete, please report it",
        ) from error


def running(
    started_at: str, protocol: Protocol, timeline: Timeline, events: Sequence[Event], clocks: ClockTimes | None
) -> StoredExam:
    """What is known of an examination that is still watched.

    Args:
        started_at: local time, ISO 8601.
        protocol, timeline, events: of the examination so far.
        clocks: the current ones; None where they are not reported.
    """
    stretches = timeline.stretches
    return StoredExam(
        status="running",
        source="",
        protocol=_protocol(protocol),
        started_at=started_at,
        duration_s=round(stretches[-1].end_s - stretches[0].start_s, 3) if stretches else 0.0,
        ended="",
        frames={"analysed": timeline.frames, "legible": timeline.legible},
        width_px=0,
        height_px=0,
        clocks=None if clocks is None else _clocks(clocks),
        score=None,
        sites=(),
        missing=None,
        kpis=(),
        events=_kinds(events),
        gaps=_gaps(events),
        times_ms={},
        notes=(),
        provenance={},
    )


def without_password(source: str) -> str:
    """The name of a stream without user and password, which addresses of cameras often carry."""
    scheme, mark, rest = readable(source).partition("://")
    if not mark:
        return scheme
    host, slash, way = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{way}"


def _protocol(protocol: Protocol) -> StoredProtocol:
    return StoredProtocol(**{name: getattr(protocol, name) for name in StoredProtocol.model_fields})


def _clocks(clocks: ClockTimes) -> dict[str, float | str | None]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(clocks).items()}


def _kinds(events: Sequence[Event]) -> dict[str, int]:
    return dict(Counter(event.kind.value for event in events))


def _gaps(events: Sequence[Event]) -> tuple[StoredGap, ...]:
    return tuple(
        StoredGap(start_s=event.time_s, end_s=event.data.get("end_s"), text=event.text)
        for event in events
        if event.kind is EventKind.GAP
    )
