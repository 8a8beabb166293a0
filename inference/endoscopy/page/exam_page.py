"""The report of an examination: one page for the browser and A4 paper, English and Chinese, nothing from outside."""

from pathlib import Path, PurePath

from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.versions import version_of
from unmissed.inference.endoscopy.exam.kpis import withdrawal_span_s
from unmissed.inference.endoscopy.exam.schema import StoredExam
from unmissed.inference.endoscopy.exam.timeline import Timeline
from unmissed.inference.endoscopy.page import exam_parts
from unmissed.inference.endoscopy.page.colon_map import ColonMap, colon_map
from unmissed.inference.endoscopy.page.exam_strips import Strips
from unmissed.inference.endoscopy.page.stomach_map import stomach_views
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ExamResult
from unmissed.inference.reports import templates

_MOST_EVENTS = 120


def write_exam_page(path: Path, exam: StoredExam, protocol: Protocol, result: ExamResult, timeline: Timeline) -> None:
    """Write the report.

    Args:
        path: of the HTML file; whole or not at all.
        exam: the content of exam.json.
        protocol: the examination was held against.
        result: brings the best frames and the events.
        timeline: brings the signals over time.

    Raises:
        OutputError: When it cannot be written.
    """
    strips = Strips(timeline, result.duration_s)
    is_colon = protocol.organ == "colon"
    page = (
        exam_parts.environment()
        .get_template("exam.html")
        .render(
            exam=exam,
            protocol=protocol,
            file_name=PurePath(exam.source).name or exam.source,
            verdict=exam_parts.verdict(exam),
            ending=exam_parts.ending(exam),
            tiles=exam_parts.tiles(exam),
            sources=list(dict.fromkeys(kpi.source for kpi in exam.kpis if kpi.limit is None and kpi.name != "caecum")),
            missed=exam_parts.missed(exam),
            cards=exam_parts.cards(exam, result),
            views=stomach_views(exam) if timeline.frames and not is_colon else (),
            colon=_colon(result, strips) if is_colon and timeline.frames else None,
            strips=strips,
            is_empty=not timeline.frames,
            speed=strips.speed(),
            events=result.events[:_MOST_EVENTS],
            more_events=max(0, len(result.events) - _MOST_EVENTS),
            models=exam.provenance.get("models", {}),
            facts=[fact for fact in templates.facts(exam_parts.settings(exam)) if fact[1] not in (None, "")],
            script=templates.script(),
            version=version_of(),
        )
    )
    write_text(path, page)


def _colon(result: ExamResult, strips: Strips) -> ColonMap:
    """The withdrawal along the colon; the whole recording where the caecum was not recognised."""
    start_s, end_s = withdrawal_span_s(result)
    first_s, last_s = strips.start_s, strips.start_s + strips.duration_s
    start_s, end_s = max(start_s, first_s), min(end_s, last_s)
    return colon_map(strips.states(), start_s, end_s)
