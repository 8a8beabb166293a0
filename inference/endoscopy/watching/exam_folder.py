"""The folder of an examination: tables that grow while it is watched, and the report at its end."""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

from unmissed.datasets.basis.clock import local_now
from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import json_line, make_folder, output_error, plain_values, write_bytes, write_json
from unmissed.datasets.basis.jpeg import jpeg
from unmissed.inference.endoscopy.exam.kpis import kpis_of
from unmissed.inference.endoscopy.exam.record import record, running
from unmissed.inference.endoscopy.exam.schema import EXAM_FILE
from unmissed.inference.endoscopy.exam.timeline import Timeline
from unmissed.inference.endoscopy.page.exam_page import write_exam_page
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, ExamResult, FrameSignals, SpeedState
from unmissed.inference.endoscopy.watching.line_file import LineFile

SIGNALS_FILE = "signals.csv"
EVENTS_FILE = "events.jsonl"
REPORT_FILE = "report.html"
SITES_FOLDER = "sites"

COLUMNS = (
    *("time_s", "legible", "reason", "clarity", "similarity", "expansion", "rotation"),
    *("speed", "speed_state", "speed_blur", "speed_similarity", "speed_motion"),
    *("scene", "site", "site_probability", "lesion_score", "lesion_kind", "lesion_time_s"),
)


class ExamFolder(Closing):
    """Where an examination is kept while it is watched.

    ``signals.csv`` and ``events.jsonl`` grow by whole lines, so whatever ends the program, they hold what was watched
    so far; ``exam.json`` is renewed every ten seconds and at the end; the pictures and the report come last.

    Args:
        output: the folder; made when it is not there.
        protocol: of the examination.
        clocks: gives the current clocks, for the ``exam.json`` of a running examination.
        overwrite: forget an earlier examination in that folder.
        checkpoint_s: ``exam.json`` is renewed after so much time of the clock on the wall.

    Raises:
        OutputError: When the folder cannot be written, or holds an examination already.
    """

    def __init__(
        self,
        output: Path,
        protocol: Protocol,
        *,
        clocks: Callable[[], ClockTimes] | None = None,
        overwrite: bool = False,
        checkpoint_s: float = 10.0,
    ) -> None:
        self._output, self._protocol, self._clocks = make_folder(output), protocol, clocks
        self._started_at = local_now()
        self._clear(overwrite)
        self._timeline = Timeline()
        self._events: list[Event] = []
        self._checkpoint_s, self._kept_at_s = checkpoint_s, monotonic()
        self._signals = LineFile(self._output / SIGNALS_FILE)
        self._event_lines = LineFile(self._output / EVENTS_FILE)
        self._signals.add(_csv_line(COLUMNS))

    def add(self, signals: FrameSignals) -> None:
        """Append the row of an analysed frame; it is on the disk when this returns.

        Raises:
            OutputError: When the disk is full and the like; the rows before are kept.
        """
        self._signals.add(_csv_line(_row(signals)))
        self._timeline.add(signals)
        if monotonic() - self._kept_at_s >= self._checkpoint_s:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Renew ``exam.json``.

        Raises:
            OutputError: As in ``add``.
        """
        clocks = None if self._clocks is None else self._clocks()
        exam = running(self._started_at, self._protocol, self._timeline, self._events, clocks)
        write_json(self._output / EXAM_FILE, exam)
        self._kept_at_s = monotonic()

    def add_event(self, event: Event) -> None:
        """Append an event; it is on the disk when this returns.

        Raises:
            OutputError: As in ``add``.
        """
        fields = {
            "time_s": round(event.time_s, 3),
            "kind": event.kind.value,
            "text": event.text,
            "text_zh": event.text_zh,
            "data": plain_values(dict(event.data)),
        }
        self._event_lines.add(json_line(fields) + "\n")
        self._events.append(event)

    def finish(self, result: ExamResult) -> Path:
        """Write the pictures, ``exam.json`` and the report.

        Args:
            result: of the examination, also of one that was cut short.

        Returns:
            Path: The report.

        Raises:
            OutputError, ExamError: When a file cannot be written, or a value cannot be.
        """
        self.close()
        pictures = self._write_pictures(result)
        kpis = kpis_of(result, self._protocol, self._timeline)
        exam = record(result, self._protocol, kpis, pictures)
        write_json(self._output / EXAM_FILE, exam)
        report = self._output / REPORT_FILE
        write_exam_page(report, exam, self._protocol, result, self._timeline)
        return report

    def close(self) -> None:
        """Close the two tables."""
        self._signals.close()
        self._event_lines.close()

    def _clear(self, overwrite: bool) -> None:
        sites = self._output / SITES_FOLDER
        mine = [self._output / name for name in (REPORT_FILE, EXAM_FILE, SIGNALS_FILE, EVENTS_FILE)]
        mine += [sites / f"{site.code}.jpg" for site in self._protocol.sites]
        there = [path for path in mine if path.exists()]
        if there and not overwrite:
            raise OutputError(
                f"{self._output} holds an examination already: {there[0].name}",
                fix="name another folder with -o, or add --overwrite",
            )
        for path in there:
            try:
                path.unlink()
            except OSError as error:
                raise output_error(path, error) from error

    def _write_pictures(self, result: ExamResult) -> dict[str, str]:
        """Write the best frames; site code -> path relative to the folder."""
        written = {}
        for site in result.coverage.sites:
            if site.best is not None:
                name = f"{SITES_FOLDER}/{self._protocol.site(site.code).code}.jpg"
                write_bytes(self._output / name, jpeg(site.best, 90))
                written[site.code] = name
        return written


def _row(signals: FrameSignals) -> list[object]:
    speed, sight, clarity = signals.speed, signals.sight, signals.clarity
    is_assessed = speed.state is not SpeedState.GREY
    gauges = (speed.blur, speed.similarity, speed.motion)
    return [
        f"{signals.time_s:.3f}",
        int(clarity.legible),
        clarity.reason.value,
        f"{clarity.score:.4f}",
        f"{signals.similarity:.4f}",
        f"{signals.motion.expansion_s:.4f}",
        f"{signals.motion.rotation_deg_s:.2f}",
        _gauge(speed.speed if is_assessed else None),
        speed.state.value,
        *(_gauge(value if is_assessed else None) for value in gauges),
        sight.scene.value,
        sight.site,
        f"{sight.site_probability:.4f}",
        f"{signals.lesions[0].score if signals.lesions else 0.0:.4f}",
        signals.lesions[0].kind if signals.lesions else "",
        "" if signals.lesion_time_s is None else f"{signals.lesion_time_s:.3f}",
    ]


def _gauge(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
