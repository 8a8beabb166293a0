"""From a cohort to the folder of a study."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import make_folder, write_json, write_text
from unmissed.inference.reports.numbers import percent
from unmissed.inference.study.answers import checklist_of, checklist_of_exams
from unmissed.inference.study.checklist import write_checklist
from unmissed.inference.study.cohort import read_cohort, says_simulated
from unmissed.inference.study.exams.measure import holds_exams, study_of_exams
from unmissed.inference.study.page import render_exams, render_slides
from unmissed.inference.study.study import rules_of, study_of
from unmissed.inference.study.values import Study

REPORT, FIGURES, CHECKLIST = "report.html", "study.json", "stard-ai.csv"
SCHEMA = 1


def run_study(
    source: Path,
    output: Path,
    *,
    truth: Path | None = None,
    truth_column: str = "truth",
    thresholds: Sequence[float] = (),
    policy: str | None = None,
    readings: Path | None = None,
    title: str = "",
    simulated: bool = False,
    **minutes: float,
) -> list[str]:
    """Measure a cohort and write report.html, study.json and stard-ai.csv.

    Args:
        source: folder of a triage run, or a table of scored slides.
        output: folder of the report.
        truth, truth_column: table of the truth, and its column.
        thresholds, policy: further rules to measure.
        readings: what people said of the same slides.
        title, simulated: of the report; a column simulated in the table of the truth says so, too, and the
            note of a run of drawn or composed slides.
        minutes: human_min and machine_s, as of ``study_of``.

    Returns:
        The main figures in words.

    Raises:
        DatasetError: A table is wrong.
        ConfigError: Nothing says which slides would be screened out.
        OutputError: The folder cannot be written.
    """
    title = title or source.resolve().stem
    table = truth if source.is_dir() else source
    simulated = simulated or (table is not None and says_simulated(table))
    if holds_exams(source):
        return _exams(source, truth, output, title, simulated)
    cohort = read_cohort(source, truth, truth_column)
    found = study_of(
        cohort,
        rules_of(cohort, thresholds, policy),
        title=title,
        simulated=simulated or "note" in cohort.facts,
        readings=readings,
        **minutes,
    )
    items = checklist_of(found)
    make_folder(output)
    write_json(output / FIGURES, figures_of(found))
    write_checklist(output / CHECKLIST, items)
    write_text(output / REPORT, render_slides(found, items))
    return in_words(found)


def _exams(source: Path, truth: Path | None, output: Path, title: str, simulated: bool) -> list[str]:
    if truth is None:
        raise DatasetError(
            f"{source} has no truth of its own", expected="--truth TRUTH.csv, with exam and what is known"
        )
    found = study_of_exams(source, truth, title=title, simulated=simulated)
    items = checklist_of_exams(found)
    make_folder(output)
    write_json(output / FIGURES, {"schema_version": SCHEMA, "kind": "examinations", **asdict(found)})
    write_checklist(output / CHECKLIST, items)
    write_text(output / REPORT, render_exams(found, items))
    lines = [f"{'simulation: ' if simulated else ''}{len(found.exams)} of {found.received} examinations"]
    if found.accuracy.value is not None:
        lines.append(f"sites judged right: {percent(found.accuracy.value)}, the mean of the examinations")
    return lines + [
        f"{one.clock}: median error {one.median.value:.1f} s of {one.exams}"
        for one in found.clocks
        if one.median.value is not None
    ]


def figures_of(study: Study) -> dict[str, Any]:
    """The content of study.json."""
    return {"schema_version": SCHEMA, "kind": "triage", **asdict(study)}


def in_words(study: Study) -> list[str]:
    """The main figures."""
    first, kind = study.accuracy[0], "patients" if study.knows_patients else "slides"
    sensitivity = first.sensitivity
    lines = [
        f"{'simulation: ' if study.simulated else ''}{study.slides:,} slides, {study.patients:,} patients, "
        f"{study.positive_patients:,} positive",
        f"{study.rules[0][0]}: sensitivity {sensitivity.k:,} of {sensitivity.n:,} {kind}, proves "
        f"{'nothing' if first.proved is None else percent(first.proved)}",
    ]
    if first.excluded.value is not None:
        lines.append(f"screened out: {percent(first.excluded.value)} of all slides")
    if first.auc.value is not None:
        lines.append(f"area under the ROC curve {first.auc.value:.4f}")
    return lines
