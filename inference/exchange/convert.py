"""From stored results to the files of other systems, slide by slide; one that fails does not stop the others."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.datasets.basis.files import json_text, make_folder, read_json, write_json, write_text
from unmissed.datasets.basis.names import folder_name
from unmissed.inference.endoscopy.exam.schema import EXAM_FILE
from unmissed.inference.exchange import fhir, hl7, omop, qupath
from unmissed.inference.exchange.codes import CODES, CodeTable
from unmissed.inference.exchange.exams import exam_bundle, read_exam
from unmissed.inference.exchange.report import ExchangeError, SlideReport, read_reports

FORMATS = ("dicom", "fhir", "hl7", "omop", "qupath")
EXAM_FORMATS = ("dicom", "fhir")
RECORD = "converted.json"


@dataclass(frozen=True, slots=True)
class Converted:
    """How many slides or examinations were written; slide -> what was left out of it; slide -> why it failed."""

    slides: int
    left_out: dict[str, list[str]]
    failed: dict[str, str]


def formats_of(words: str) -> tuple[str, ...]:
    """The formats of "dicom,fhir".

    Raises:
        ConfigError: When there is another one, or none.
        ModuleNotFoundError: For dicom without its extra.
    """
    found = tuple(dict.fromkeys(word.strip().lower() for word in words.split(",") if word.strip()))
    if unknown := [word for word in found if word not in FORMATS] or ([] if found else [words]):
        raise ConfigError(f"there is no format {unknown[0]!r}", expected=", ".join(FORMATS), fix="name some of these")
    if "dicom" in found:
        import highdicom  # noqa: F401  (its absence is said before anything is made)
    return found


def convert(
    place: Path,
    formats: Sequence[str],
    output: Path,
    *,
    codes: str = "default",
    twin: Path | None = None,
    database: str | None = None,
) -> Converted:
    """Write the slides of a run, or one slide, or watched examinations, for other systems.

    A slide that was written as final, with a signature, is not written again without it.

    Args:
        place: output of triage, or the folder of one slide in it; an examination, or a folder of them.
        formats: some of ``FORMATS``.
        output: folder; a folder for each format is made in it.
        codes: table of codes, by name or path.
        twin: for slides that are not DICOM the folder of a DICOM copy (or one with a folder for each slide, by name);
            for examinations any DICOM file of their study.
        database: of the review desk, where it is not beside the results.

    Raises:
        ExchangeError: When there is no result.
        DeskError: When there is no desk in the database, or it does not answer.
        ConfigError: When the codes are not valid.
        OutputError: When a file cannot be written.
    """
    table = CODES.load(codes)
    if exams := _exams(place):
        return _convert_exams(exams, formats, make_folder(output), table, twin)
    found = read_reports(place, database)
    failed = {slide: str(error) for slide, error in found.failed.items()}
    left_out: dict[str, list[str]] = {}
    record = _read_record(make_folder(output) / RECORD)
    good: list[SlideReport] = []
    for report in found.slides:
        slide = report.result.slide
        try:
            _check_signature(record, report)
            left_out[slide] = _write_slide(report, formats, output, table, twin)
        except UnmissedError as error:
            failed[slide] = str(error)
        else:
            good.append(report)
            record[slide] = {"final": report.is_final, "result": report.digest}
    if any(_lost_signature(record, report) for report in found.slides):
        formats = [one for one in formats if one not in ("omop", "qupath")]  # which hold that slide as signed, too
    if "qupath" in formats:
        qupath.write_project(output / "qupath", good)
    if "omop" in formats:
        write_text(output / "omop" / "measurement.csv", omop.measurements(good))
        write_text(output / "omop" / "note.csv", omop.notes(good))
    write_json(output / RECORD, record)
    return Converted(len(good), {slide: why for slide, why in left_out.items() if why}, failed)


def _exams(place: Path) -> list[Path]:
    """The folder itself, or those in it, that hold an examination."""
    return [place] if (place / EXAM_FILE).is_file() else sorted(path.parent for path in place.glob(f"*/{EXAM_FILE}"))


def _convert_exams(
    folders: Sequence[Path], formats: Sequence[str], output: Path, table: CodeTable, study: Path | None
) -> Converted:
    if other := [one for one in formats if one not in EXAM_FORMATS]:
        raise ConfigError(f"an examination is not written as {other[0]}", expected=", ".join(EXAM_FORMATS))
    left_out: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    for folder in folders:
        name = folder.absolute().name
        try:
            report = read_exam(folder)
            if "fhir" in formats:
                write_text(output / "fhir" / f"{name}.json", json_text(exam_bundle(report, table)) + "\n")
            if "dicom" in formats:
                from unmissed.inference.exchange.dicom.stills import write_stills

                left_out[name] = write_stills(output / "dicom" / name, report, study)
        except UnmissedError as error:
            failed[name] = str(error)
    return Converted(len(folders) - len(failed), {name: why for name, why in left_out.items() if why}, failed)


def _write_slide(
    report: SlideReport, formats: Sequence[str], output: Path, table: CodeTable, twin: Path | None
) -> list[str]:
    name = folder_name(report.result.slide)
    if "fhir" in formats:
        write_text(output / "fhir" / f"{name}.json", json_text(fhir.bundle(report, table)) + "\n")
    if "hl7" in formats:
        write_text(output / "hl7" / f"{name}.hl7", hl7.message(report, table))
    if "dicom" in formats:
        from unmissed.inference.exchange.dicom.objects import write_objects

        own = twin / name if twin and (twin / name).is_dir() else twin
        return write_objects(output / "dicom" / name, report, table, own)
    return []


def _check_signature(record: dict[str, Any], report: SlideReport) -> None:
    if _lost_signature(record, report):
        raise ExchangeError(
            f"{report.result.slide} was written here as signed, and the signature is not found now",
            expected="the review desk of the run (review/desk.sqlite in its folder, or --database)",
            fix="name the desk, or name another output folder; the signed files are kept",
        )


def _lost_signature(record: dict[str, Any], report: SlideReport) -> bool:
    before = record.get(report.result.slide)
    return isinstance(before, dict) and bool(before.get("final")) and not report.is_final


def _read_record(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = read_json(path)
    except (OSError, json.JSONDecodeError, ValueError) as error:
        raise ExchangeError(f"{path} is damaged: {error}", fix="name another output folder") from error
    return found if isinstance(found, dict) else {}
