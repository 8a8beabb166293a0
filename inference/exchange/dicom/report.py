"""The slide in a few lines as a structured report (TID 1500): class, adequacy, counts, and what made them."""

from typing import TYPE_CHECKING, Any

from unmissed.datasets.basis.versions import version_of
from unmissed.inference.exchange.dicom.common import Source, person

if TYPE_CHECKING:
    from pydicom import Dataset


def structured_report(source: Source) -> "Dataset":
    """Preliminary and unverified until a person has signed; then final, verified by that person."""
    from highdicom import sr
    from pydicom.sr.codedict import codes

    report, result, finest = source.report, source.report.result, source.twin.levels[0]
    program = sr.ObserverContext(
        codes.DCM.Device,
        sr.DeviceObserverIdentifyingAttributes(
            source.uid("device"), "unmissed", "Unmissed", f"unmissed {version_of()}", source.models[0][:64]
        ),
    )
    reader = None
    if report.signature:
        name = sr.PersonObserverIdentifyingAttributes(person(report.signature.reader))
        reader = sr.ObserverContext(codes.DCM.Person, name)
    numbers = {
        "score": result.score,
        "cells": result.adequacy.cells,
        "findings": len(result.findings),
        "abnormal_found": report.abnormal,
    }
    group = sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(source.uid("slide"), result.slide),
        finding_type=source.concept("report"),
        algorithm_id=sr.AlgorithmIdentification("unmissed", version_of(), source.models),
        measurements=[
            sr.Measurement(source.concept(part), value, codes.UCUM.NoUnits) for part, value in numbers.items()
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(source.concept("grade"), source.concept(report.grade)),
            sr.QualitativeEvaluation(source.concept("adequacy"), source.concept(result.adequacy.verdict)),
        ],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(finest)],
    )
    content = sr.MeasurementReport(
        sr.ObservationContext(observer_person_context=reader, observer_device_context=program),
        source.concept("report"),
        [group],
        title=codes.DCM.ImagingMeasurementReport,
    )
    signed: dict[str, Any] = (
        {
            "verifying_observer_name": person(report.signature.reader),
            "verifying_organization": str(finest.get("InstitutionName") or "not stated"),
        }
        if report.signature
        else {}
    )
    return sr.ComprehensiveSR(
        [finest],
        content,
        is_complete=True,
        is_final=report.is_final,
        is_verified=report.is_final,
        **signed,
        **source.identity("report", 2),
    )
