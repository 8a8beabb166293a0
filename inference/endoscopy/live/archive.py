"""Examinations of a folder: what is on the disk of each, what doctors said of them, and quality over all."""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.clock import local_now
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.files import json_line, output_error
from unmissed.inference.endoscopy.exam.schema import EXAM_FILE, ExamError, StoredExam, read_stored
from unmissed.inference.endoscopy.live.clips import BEFORE_S, CLIPS
from unmissed.inference.endoscopy.live.examination import DOCTOR, PHOTOS
from unmissed.inference.endoscopy.values import EventKind
from unmissed.inference.endoscopy.watching.exam_folder import EVENTS_FILE

EDITS_FILE = "edits.jsonl"
_NAME = re.compile(r"\d{8}-\d{6}")
_VERDICTS = {"event": ("right", "wrong"), "site": ("seen", "missed")}
_MOST_LISTED = 2000
_MOST_MISSING = 10


class UnknownExaminationError(UnmissedError):
    """There is no such examination."""


class EditError(UnmissedError):
    """Something cannot be said of an examination."""


@dataclass(frozen=True, slots=True)
class PastExamination:
    """An examination of the archive.

    Attributes:
        name: of its folder.
        exam: what exam.json says.
        alerts: lesion events: number, time, words, name of the clip or "".
        photos: names of the files.
        edits: target ("event 3", "site A1") -> the last thing that was said of it: verdict, by, at.
    """

    name: str
    exam: StoredExam
    alerts: tuple[dict[str, Any], ...] = ()
    photos: tuple[str, ...] = ()
    edits: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Sites that were not seen, as the doctor left them."""
        return tuple(site.code for site in self.exam.sites if self._verdict(site.code, site.seen) == "missed")

    @property
    def true_alerts(self) -> int:
        """Alerts that nobody called wrong."""
        return sum(self.edits.get(f"event {one['number']}", {}).get("verdict") != "wrong" for one in self.alerts)

    @property
    def doctor(self) -> str:
        """Who examined; "" where nobody was named."""
        return str(self.exam.provenance.get(DOCTOR, ""))

    def _verdict(self, code: str, seen: bool) -> str:
        return self.edits.get(f"site {code}", {}).get("verdict") or ("seen" if seen else "missed")


@dataclass(frozen=True, slots=True)
class Quality:
    """Over several examinations; each figure is None where no examination can tell it.

    Attributes:
        examinations: finished ones.
        normal: colonoscopies with a turning point, without therapy and without an alert that stands.
        withdrawal_s: mean withdrawal of these.
        complete: share with the turning point (colon) or all sites (stomach, where they are assessed), of ``judged``.
        alerts_minute: lesion alerts a minute inside the body.
        missing: (site, in how many examinations it was missing), most frequent first.
    """

    examinations: int
    normal: int
    withdrawal_s: float | None
    judged: int
    complete: float | None
    alerts_minute: float | None
    missing: tuple[tuple[str, int], ...]


class Archive:
    """The folder that ``unmissed watch --live`` writes to.

    Args:
        output: it.
    """

    def __init__(self, output: Path) -> None:
        self._output = output

    def folder(self, name: str) -> Path:
        """Of an examination.

        Raises:
            UnknownExaminationError: When the name is none.
        """
        if not _NAME.fullmatch(name):
            raise UnknownExaminationError(f"there is no examination {name[:40]!r}")
        return self._output / name

    def one(self, name: str) -> PastExamination:
        """An examination.

        Raises:
            UnknownExaminationError: When it is not there, or cannot be read.
        """
        folder = self.folder(name)
        try:
            exam, events = read_stored(folder), _lines(folder / EVENTS_FILE)
        except (ExamError, OSError, ValueError) as error:
            raise UnknownExaminationError(f"the examination {name} is not there, or cannot be read") from error
        clips = {path.stem: f"{CLIPS}/{path.name}" for path in (folder / CLIPS).glob("*.mp4")}
        alerts = tuple(
            {"number": number, **event, "clip": _clip(clips, event["time_s"])}
            for number, event in enumerate(events)
            if event["kind"] == EventKind.LESION
        )
        photos = tuple(f"{PHOTOS}/{path.name}" for path in sorted((folder / PHOTOS).glob("*.jpg")))
        edits = {edit["target"]: edit for edit in _lines(folder / EDITS_FILE)}
        return PastExamination(name, exam, alerts, photos, edits)

    def all(self) -> list[PastExamination]:
        """Finished and running ones, the newest first; what cannot be read is left out."""
        names = sorted((path.parent.name for path in self._output.glob(f"*/{EXAM_FILE}")), reverse=True)
        found = []
        for name in names[:_MOST_LISTED]:
            try:
                found.append(self.one(name))
            except UnknownExaminationError:
                continue
        return found

    def edit(self, name: str, by: str, target: str, verdict: str) -> None:
        """Keep what a doctor says beside what the machine said; nothing is ever overwritten.

        Args:
            name: of the examination.
            by: who says it.
            target: "event NUMBER" or "site CODE".
            verdict: "right" or "wrong" of an event, "seen" or "missed" of a site.

        Raises:
            EditError: When there is no such thing in the examination.
            OutputError: When it cannot be written.
        """
        past = self.one(name)
        kind, _, what = target.partition(" ")
        events, sites = [str(one["number"]) for one in past.alerts], [one.code for one in past.exam.sites]
        there = events if kind == "event" else sites
        if verdict not in _VERDICTS.get(kind, ()) or what not in there:
            raise EditError(f"{verdict[:20]!r} cannot be said of {target[:40]!r}")
        line = json_line({"at": local_now(), "by": by, "target": target, "verdict": verdict}) + "\n"
        path = self.folder(name) / EDITS_FILE
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise output_error(path, error) from error


def quality(listed: list[PastExamination]) -> Quality:
    """Over finished examinations."""
    finished = [one for one in listed if one.exam.status == "finished" and one.exam.clocks]
    clocks = [(one, one.exam.clocks) for one in finished if one.exam.clocks]
    times = [
        times.withdrawal_s
        for one, times in clocks
        if times.withdrawal_s is not None and not times.therapy_s and not one.true_alerts
    ]
    judged = [
        times.caecum_s is not None if one.exam.protocol.organ == "colon" else not one.missing
        for one, times in clocks
        if one.exam.protocol.organ == "colon" or one.exam.missing is not None
    ]
    inside_s = sum(times.examination_s for _, times in clocks)
    missing = Counter(code for one in finished if one.exam.missing is not None for code in one.missing)
    return Quality(
        examinations=len(finished),
        normal=len(times),
        withdrawal_s=sum(times) / len(times) if times else None,
        judged=len(judged),
        complete=sum(judged) / len(judged) if judged else None,
        alerts_minute=60 * sum(len(one.alerts) for one in finished) / inside_s if inside_s else None,
        missing=tuple(missing.most_common(_MOST_MISSING)),
    )


def quality_by_doctor(listed: list[PastExamination]) -> dict[str, Quality]:
    """Over the finished examinations of each doctor who was named."""
    names = sorted({one.doctor for one in listed} - {""})
    return {name: quality([one for one in listed if one.doctor == name]) for name in names}


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _clip(clips: dict[str, str], time_s: float) -> str:
    """The clip that shows a moment; one of an alert just before may do so."""
    near = [stem for stem in clips if 0 <= time_s - float(stem) <= BEFORE_S]
    return clips[max(near)] if near else ""
