"""How right the machine was: sites, blind spots, clocks, alerts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import first_few, one_line
from unmissed.inference.endoscopy.exam.schema import EXAM_FILE, StoredExam
from unmissed.inference.reports.models import models_in_words
from unmissed.inference.study.exams.truth import CLOCKS, ExamTruth, read_exams, read_truth
from unmissed.inference.study.exams.values import ClockError, ExamRow, ExamStudy, SiteRow
from unmissed.inference.study.numbers import Estimate, ratio, resampled


def holds_exams(folder: Path) -> bool:
    """Whether a folder is one of watched examinations."""
    return folder.is_dir() and next(folder.glob(f"*/{EXAM_FILE}"), None) is not None


def study_of_exams(folder: Path, truth: Path, *, title: str, simulated: bool = False) -> ExamStudy:
    """Measure watched examinations.

    Args:
        folder: with a folder for each examination, as `unmissed watch -o FOLDER/NAME` makes them.
        truth: CSV with exam, and what is known of it: seen (codes of the sites), clocks in seconds, patient.
        title, simulated: of the report.

    Raises:
        DatasetError: The table is wrong, an examination has no truth, or none of the table is there.
    """
    known = read_truth(truth)
    found, damaged = read_exams(folder)
    without = sorted(found.keys() - known.keys())
    if without:
        raise DatasetError(
            f"{truth.name} has no row for {len(without)} of the examinations: {first_few(without)}",
            expected="the truth of every examination that was watched",
            fix="add these rows; what is left out by hand would make the figures worthless",
        )
    names = [name for name in known if name in found and found[name].status == "finished"]
    if not names:
        raise DatasetError(f"no examination of {truth.name} is finished in {folder}", fix="check names and folder")
    told = {clock for one in known.values() for clock in one.clocks}
    rows = [_row(name, found[name], known[name], truth) for name in names]
    groups = np.unique([known[name].patient for name in names], return_inverse=True)[1]
    assessed = [i for i, row in enumerate(rows) if row.sites]
    own, some = groups[assessed], [rows[i] for i in assessed]
    return ExamStudy(
        title=title,
        simulated=simulated,
        received=len(known),
        no_result=tuple(name for name in known if name not in names),
        patients=int(groups.max()) + 1,
        knows_patients=any(one.patient != name for name, one in known.items()),
        protocols=dict(sorted(Counter(found[name].protocol.name for name in names).items())),
        exams=tuple(rows),
        sites=_sites([found[name] for name in names], [known[name] for name in names]),
        clocks=tuple(_clock(clock, names, found, known, rows, groups) for clock in CLOCKS if clock in told),
        accuracy=_ratio([(row.right or 0) / (row.sites or 1) for row in some], [1.0] * len(some), own),
        blind_spots=_ratio([row.unseen for row in some], [row.sites for row in some], own),
        blind_spots_reported=_ratio([row.reported for row in some], [row.sites for row in some], own),
        recall=_ratio([row.confirmed for row in some], [row.unseen for row in some], own),
        precision=_ratio([row.confirmed for row in some], [row.reported for row in some], own),
        alerts_a_minute=_ratio([row.alerts for row in rows], [row.minutes for row in rows], groups, is_share=False),
        speed_alarms_a_minute=_ratio(
            [row.speed_alarms for row in rows], [row.minutes for row in rows], groups, is_share=False
        ),
        facts=_facts(found[names[0]]),
        notes=_notes(damaged, len(names) - len(some)),
    )


def _row(name: str, exam: StoredExam, truth: ExamTruth, table: Path) -> ExamRow:
    seen = truth.seen
    sites = right = unseen = reported = confirmed = None
    if seen is not None and exam.missing is not None:
        codes = {site.code: site.seen for site in exam.sites}
        if unknown := sorted(seen - codes.keys()):
            raise DatasetError(
                f"{table.name}, line {truth.line}: {one_line(unknown[0], 40)} is no site of the protocol",
                expected=f"codes such as {', '.join(list(codes)[:6])}",
                fix="correct that row",
            )
        sites = len(codes)
        right = sum(found == (code in seen) for code, found in codes.items())
        unseen, reported = sites - len(seen), sum(not found for found in codes.values())
        confirmed = sum(not found and code not in seen for code, found in codes.items())
    pairs = {clock: (_found(exam, clock), true) for clock, true in truth.clocks.items()}
    errors = {clock: None if made is None or true is None else made - true for clock, (made, true) in pairs.items()}
    return ExamRow(
        name=name,
        minutes=exam.duration_s / 60,
        sites=sites,
        right=right,
        unseen=unseen,
        reported=reported,
        confirmed=confirmed,
        clocks=errors,
        alerts=exam.events.get("lesion", 0),
        speed_alarms=exam.events.get("speed", 0),
    )


def _found(exam: StoredExam, clock: str) -> float | None:
    return None if exam.clocks is None else getattr(exam.clocks, clock)


def _clock(
    clock: str,
    names: Sequence[str],
    found: Mapping[str, StoredExam],
    known: Mapping[str, ExamTruth],
    rows: Sequence[ExamRow],
    groups: np.ndarray,
) -> ClockError:
    at = [i for i, name in enumerate(names) if clock in known[name].clocks]
    pairs = [(_found(found[names[i]], clock), known[names[i]].clocks[clock]) for i in at]
    both = [i for i in at if rows[i].clocks[clock] is not None]
    errors = np.array([rows[i].clocks[clock] for i in both], float)
    apart, own = np.abs(errors), groups[both]
    return ClockError(
        clock=clock,
        exams=len(both),
        lost=sum(machine is None and true is not None for machine, true in pairs),
        false=sum(machine is not None and true is None for machine, true in pairs),
        bias=_ratio(errors.tolist(), [1.0] * len(both), own, is_share=False),
        median=resampled(lambda weights: _medians(apart, weights), own),
        p90=float(np.percentile(apart, 90)) if len(apart) else None,
        largest=float(apart.max()) if len(apart) else None,
        points=tuple((float(known[names[i]].clocks[clock] or 0), float(rows[i].clocks[clock] or 0)) for i in both),
    )


def _medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.array([np.median(np.repeat(values, row.astype(int))) if row.any() else np.nan for row in weights])


def _ratio(
    tops: Sequence[float | None], bottoms: Sequence[float | None], groups: np.ndarray, *, is_share: bool = True
) -> Estimate:
    top, bottom = (np.array([value or 0.0 for value in values], float) for values in (tops, bottoms))
    return ratio(top, bottom, groups, is_share=is_share)


def _sites(exams: Sequence[StoredExam], truths: Sequence[ExamTruth]) -> tuple[SiteRow, ...]:
    rows: dict[str, SiteRow] = {}
    for exam, truth in zip(exams, truths, strict=True):
        if truth.seen is None or exam.missing is None:
            continue
        for site in exam.sites:
            old = rows.get(site.code, SiteRow(site.code, site.name, site.name_zh, 0, 0, 0, 0))
            seen = site.code in truth.seen
            rows[site.code] = SiteRow(
                *(old.code, old.name, old.name_zh, old.exams + 1, old.seen + seen),
                *(old.reported + site.seen, old.agreed + (seen == site.seen)),
            )
    return tuple(rows.values())


def _facts(exam: StoredExam) -> dict[str, str]:
    version = exam.provenance.get("unmissed")
    return models_in_words(exam.provenance.get("models")) | ({"Unmissed": str(version)} if version else {})


def _notes(damaged: Sequence[str], not_assessed: int) -> tuple[tuple[str, str], ...]:
    notes = []
    if damaged:
        n, shown = len(damaged), first_few(damaged)
        notes.append((f"Examinations that cannot be read: {shown}.", f"{n} 次检查无法读取：{shown}。"))
    if not_assessed:
        notes.append(
            (
                f"Examinations without sites assessed, or without their truth: {not_assessed}; they count for clocks.",
                f"{not_assessed} 次检查未评估部位或真值中无部位：仅计入计时。",
            )
        )
    return tuple(notes)
