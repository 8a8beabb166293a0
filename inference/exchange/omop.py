"""Rows for a research database of OMOP CDM 5.4: tables ``measurement`` and ``note``.

Persons and concepts are the database's own: ``person_id`` is left open, concepts are 0 ("no matching concept") with our
names as source values, and ``note_source_value`` is the slide, by which the import finds the person.
Columns: https://ohdsi.github.io/CommonDataModel/cdm54.html
"""

import csv
import io
from collections.abc import Iterable, Mapping
from uuid import UUID

from unmissed.datasets.basis.names import table_cell
from unmissed.inference.exchange.identity import uuid_of
from unmissed.inference.exchange.report import SlideReport

MEASUREMENT = (
    *("measurement_id", "person_id", "measurement_concept_id", "measurement_date", "measurement_datetime"),
    *("measurement_time", "measurement_type_concept_id", "operator_concept_id", "value_as_number"),
    *("value_as_concept_id", "unit_concept_id", "range_low", "range_high", "provider_id", "visit_occurrence_id"),
    *("visit_detail_id", "measurement_source_value", "measurement_source_concept_id", "unit_source_value"),
    *("unit_source_concept_id", "value_source_value", "measurement_event_id", "meas_event_field_concept_id"),
)
NOTE = (
    *("note_id", "person_id", "note_date", "note_datetime", "note_type_concept_id", "note_class_concept_id"),
    *("note_title", "note_text", "encoding_concept_id", "language_concept_id", "provider_id"),
    *("visit_occurrence_id", "visit_detail_id", "note_source_value", "note_event_id", "note_event_field_concept_id"),
)


def measurements(reports: Iterable[SlideReport]) -> str:
    """``measurement.csv``: class, adequacy, score and counts of each slide; the event of a row is the slide's note."""
    rows = []
    for report in reports:
        result = report.result
        values: dict[str, str | float] = {
            "grade": report.grade,
            "adequacy": result.adequacy.verdict.value,
            "score": result.score,
            "cells": result.adequacy.cells,
            "findings": len(result.findings),
            "abnormal_found": report.abnormal,
        }
        for name, value in values.items():
            rows.append(
                {
                    "measurement_id": _number(report, name),
                    "measurement_concept_id": 0,
                    "measurement_date": report.made.date(),
                    "measurement_datetime": report.made.replace(tzinfo=None),
                    "measurement_type_concept_id": 0,
                    "measurement_source_value": f"unmissed {name}",
                    "value_source_value": value,
                    "measurement_event_id": _number(report, "note"),
                    **({"value_as_number": value} if not isinstance(value, str) else {"value_as_concept_id": 0}),
                }
            )
    return _table(MEASUREMENT, rows)


def notes(reports: Iterable[SlideReport]) -> str:
    """``note.csv``: a few sentences for each slide, with who signed it, or that nobody has."""
    rows = []
    for report in reports:
        result, signed = report.result, report.signature
        words = [
            f"Class {report.grade}, {result.adequacy.verdict}, score {result.score:.4f}.",
            f"{report.abnormal} of {len(result.findings)} findings are abnormal.",
            f"Signed by {signed.reader}, {signed.at}; the software's class was {result.grade}."
            if signed
            else "Preliminary: made by software, signed by nobody. Not a diagnosis.",
            *(f"{one.role}: {one.name} {one.version}, SHA-256 {one.sha256}." for one in report.models),
            *result.notes,
        ]
        rows.append(
            {
                "note_id": _number(report, "note"),
                "note_date": report.made.date(),
                "note_datetime": report.made.replace(tzinfo=None),
                **dict.fromkeys(NOTE[4:6], 0),
                "note_title": "Cervical cytology, Unmissed",
                "note_text": table_cell(" ".join(words)),
                **dict.fromkeys(NOTE[8:10], 0),
                "note_source_value": table_cell(result.slide),
            }
        )
    return _table(NOTE, rows)


def _number(report: SlideReport, part: str) -> int:
    """A key of 63 bits (bigint) that is the same for the same result."""
    return UUID(uuid_of(report.digest, f"omop {part}")).int >> 65


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, [*columns], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
