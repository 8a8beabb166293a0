"""A watched examination as a FHIR bundle: clocks, caecum, preparation and every site."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from unmissed.inference.endoscopy.exam.schema import StoredExam, read_stored
from unmissed.inference.exchange.codes import CodeTable
from unmissed.inference.exchange.fhir import collection, concept, maker, quantity, urn
from unmissed.inference.exchange.identity import digest_of
from unmissed.inference.exchange.report import ExchangeError, Model, models_of

_CLOCKS = ("examination_s", "withdrawal_s", "effective_s")


@dataclass(frozen=True)
class ExamReport:
    """A finished examination and the folder that it is stored in; nobody signs one, so it stays preliminary."""

    folder: Path
    exam: StoredExam

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The models that watched."""
        return models_of(self.exam.provenance)

    @cached_property
    def digest(self) -> str:
        """Of the whole examination, but for how long the machine took."""
        return digest_of(self.exam.model_dump(mode="json", exclude={"times_ms", "lesion_looks", "provenance"}))

    @property
    def name(self) -> str:
        """Of the folder: the stream may have no name."""
        return self.folder.absolute().name

    @property
    def started(self) -> datetime:
        """When it began; without a time zone it is taken for UTC.

        Raises:
            ExchangeError: When that is no time.
        """
        try:
            found = datetime.fromisoformat(self.exam.started_at).replace(microsecond=0)
        except ValueError as error:
            raise ExchangeError(f"{self.name} began at {self.exam.started_at!r}, which is no time") from error
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_exam(folder: Path) -> ExamReport:
    """Read a finished examination.

    Raises:
        ExamError: When it is missing or damaged.
        ExchangeError: When it is still running.
    """
    exam = read_stored(folder)
    if exam.status != "finished":
        raise ExchangeError(f"the examination in {folder} is still running, or was cut off", fix="wait until it ends")
    return ExamReport(folder, exam)


def exam_bundle(report: ExamReport, table: CodeTable) -> dict[str, Any]:
    """The examination as a FHIR Bundle of plain values, in fields that R4, R4B and R5 have alike.

    Args:
        report: of the examination.
        table: codes that the site may use.
    """
    exam = report.exam
    values: dict[str, dict[str, Any]] = {}
    if exam.clocks:
        for name in _CLOCKS:
            if (seconds := getattr(exam.clocks, name)) is not None:
                values[name] = {"valueQuantity": quantity(round(seconds, 1), "s")}
        if exam.protocol.organ == "colon":
            values["caecum"] = _caecum(exam, table)
    if exam.preparation:
        values["preparation"] = _preparation(exam, table)
    for site in exam.sites:
        values[f"site {site.code}"] = {
            "valueBoolean": site.seen,
            "bodySite": {"text": site.name},
            "component": [{"code": concept(table, "seconds"), "valueQuantity": quantity(round(site.seconds, 1), "s")}],
        }
    device, kind = urn(report.digest, "device"), "colonoscopy" if exam.protocol.organ == "colon" else "gastroscopy"
    head = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:unmissed:result", "value": report.digest}],
        "status": "preliminary",
        "code": concept(table, kind),
        "effectiveDateTime": report.started.isoformat(),
        "result": [{"reference": urn(report.digest, part)} for part in values],
        "conclusion": " ".join([_conclusion(exam), *exam.notes]),
    }
    entries = [
        {
            "resourceType": "Observation",
            "status": "preliminary",
            "code": concept(table, part.split()[0]),
            "effectiveDateTime": report.started.isoformat(),
            "device": {"reference": device},
            "method": {"text": "Software; no person has looked at this"},
            **fields,
        }
        for part, fields in values.items()
    ]
    software = maker(report.models, f"protocol {exam.protocol.name}")
    resources = {"report": head, **dict(zip(values, entries, strict=True)), "device": software}
    return collection(report.digest, report.started, resources)


def _caecum(exam: StoredExam, table: CodeTable) -> dict[str, Any]:
    """Never "not reached": that it was not recognised does not say so."""
    at = exam.clocks.caecum_s if exam.clocks else None
    if at is None:
        return {"dataAbsentReason": {"text": "The caecum was not recognised; that does not say it was not reached"}}
    by = {"picture": "recognised in the picture", "key": "marked by a person"}.get(
        str(exam.clocks and exam.clocks.caecum_by), ""
    )
    return {
        "valueBoolean": True,
        **({"note": [{"text": by}]} if by else {}),
        "component": [{"code": concept(table, "time_s"), "valueQuantity": quantity(round(at, 1), "s")}],
    }


def _preparation(exam: StoredExam, table: CodeTable) -> dict[str, Any]:
    """By thirds of the withdrawal: no Boston score, which goes by place, and so without its code."""
    found = exam.preparation
    if found is None or found.adequate is None:
        reason = found.reason if found else ""
        return {"dataAbsentReason": {"text": f"Preparation was not assessed: {reason or 'a third is missing'}"}}
    thirds = [
        {"code": concept(table, f"third_{number}"), "valueQuantity": quantity(third.score)}
        for number, third in enumerate(found.thirds, 1)
        if third.score is not None
    ]
    return {"valueBoolean": found.adequate, **({"component": thirds} if thirds else {})}


def _conclusion(exam: StoredExam) -> str:
    missing = "not assessed" if exam.missing is None else ", ".join(exam.missing) or "none"
    return (
        f"{exam.protocol.title}; sites not seen: {missing}. "
        "Preliminary: made by software, signed by nobody. Not a diagnosis."
    )
