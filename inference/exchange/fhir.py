"""A slide's report as a FHIR bundle: DiagnosticReport and Observations, in fields that R4, R4B and R5 have alike.

HL7's own pages of the three versions: https://hl7.org/fhir/R4/diagnosticreport.html, R4B, R5.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from unmissed.datasets.basis.versions import version_of
from unmissed.inference.cytology.values import Finding
from unmissed.inference.exchange.codes import Code, CodeTable
from unmissed.inference.exchange.identity import uuid_of
from unmissed.inference.exchange.report import Model, SlideReport

MOST_FINDINGS = 200
"""That are written one by one; the others are in the counts, and all of them in the files of triage."""


def bundle(report: SlideReport, table: CodeTable) -> dict[str, Any]:
    """A slide's report as a FHIR Bundle of plain values.

    Args:
        report: of the slide. Nothing in it names a patient: the receiver finds the specimen by the slide's name.
        table: codes that the site may use.
    """
    result, status = report.result, "final" if report.is_final else "preliminary"
    signer = [{"display": report.signature.reader}] if report.signature else []
    grade: dict[str, Any] = {"status": status, "valueCodeableConcept": concept(table, report.grade)}
    if signer:
        grade |= {"performer": signer, "note": [{"text": f"Class of the software: {result.grade}"}]}
    count = {
        "score": quantity(round(result.score, 6)),
        "cells": quantity(result.adequacy.cells),
        "findings": quantity(len(result.findings)),
        "abnormal_found": quantity(report.abnormal),
    }
    observations = {
        "grade": grade,
        "adequacy": {"valueCodeableConcept": concept(table, result.adequacy.verdict)},
        **{name: {"valueQuantity": value} for name, value in count.items()},
    }
    findings = {f"finding {at}": _finding(one, table) for at, one in enumerate(result.findings[:MOST_FINDINGS])}
    device = urn(report.digest, "device")
    entries = [
        {
            "resourceType": "Observation",
            "status": "preliminary",
            "code": concept(table, part.split()[0]),
            "specimen": _specimen(report),
            "effectiveDateTime": report.made.isoformat(),
            "device": {"reference": device},
            "method": {"text": "Software; no person has looked at this" if not report.is_final else "Software"},
            **fields,
        }
        for part, fields in (observations | findings).items()
    ]
    if report.is_final:
        entries[0]["method"] = {"text": "Review of the slide by a person who saw the software's findings"}
    left = len(result.findings) - len(findings)
    head = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:unmissed:result", "value": report.digest}],
        "status": status,
        "code": concept(table, "report"),
        "effectiveDateTime": report.made.isoformat(),
        "issued": report.signature.at if report.signature else report.made.isoformat(),
        **({"resultsInterpreter": signer} if signer else {}),
        "specimen": [_specimen(report)],
        "result": [{"reference": urn(report.digest, part)} for part in observations | findings],
        "conclusion": " ".join(
            [
                f"{report.grade}; {result.adequacy.verdict}.",
                "" if report.is_final else "Preliminary: made by software, signed by nobody. Not a diagnosis.",
                f"{left} more findings are in the files of the run." if left else "",
                *result.notes,
            ]
        ).strip(),
        "conclusionCode": [concept(table, report.grade)],
    }
    resources = dict(zip(observations | findings, entries, strict=True))
    return collection(report.digest, report.made, {"report": head, **resources, "device": maker(report.models)})


def collection(digest: str, made: datetime, resources: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A Bundle of resources by their part, which names each of them (``urn``)."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:unmissed:result", "value": digest},
        "timestamp": made.isoformat(),
        "entry": [{"fullUrl": urn(digest, part), "resource": one} for part, one in resources.items()],
    }


def urn(digest: str, part: str) -> str:
    """The address of a part within a bundle, derived from what is told."""
    return f"urn:uuid:{uuid_of(digest, f'fhir {part}')}"


def maker(models: Sequence[Model], *more: str) -> dict[str, Any]:
    """The Device that made a report: the program, its models with their hashes, and what else shaped it."""
    named = [f"{one.role}: {one.name} {one.version}, SHA-256 {one.sha256}" for one in models]
    words = [f"unmissed {version_of()}", *more, *named]
    return {"resourceType": "Device", "manufacturer": "Unmissed", "version": [{"value": one} for one in words]}


def concept(table: CodeTable, name: str) -> dict[str, Any]:
    """A concept with all codes that the site may use, as a CodeableConcept."""
    codes = table.codes(name)
    return {"coding": [_coding(code) for code in codes], "text": codes[-1].meaning}


def quantity(value: float, unit: str = "1", shown: str = "") -> dict[str, Any]:
    """A number with its unit of UCUM."""
    return {"value": value, "unit": shown or unit, "system": "http://unitsofmeasure.org", "code": unit}


def _coding(code: Code) -> dict[str, str]:
    return {"system": code.url, "code": code.value, "display": code.meaning}


def _specimen(report: SlideReport) -> dict[str, Any]:
    return {"identifier": {"value": report.result.slide}, "display": report.result.slide}


def _finding(finding: Finding, table: CodeTable) -> dict[str, Any]:
    numbers = {
        "x_px": quantity(finding.x_px, shown="px"),
        "y_px": quantity(finding.y_px, shown="px"),
        **{name: quantity(getattr(finding, name)) for name in ("probability", "abnormal", "finder_score")},
    }
    return {
        "valueCodeableConcept": concept(table, finding.class_id),
        "component": [{"code": concept(table, name), "valueQuantity": value} for name, value in numbers.items()],
    }
