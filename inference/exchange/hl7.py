"""A slide's report as one HL7 v2.5.1 message ORU^R01; segments end with a carriage return, text is UTF-8."""

from collections.abc import Iterable

from unmissed.datasets.basis.versions import version_of
from unmissed.inference.exchange.codes import Code, CodeTable
from unmissed.inference.exchange.fhir import MOST_FINDINGS
from unmissed.inference.exchange.identity import uuid_of
from unmissed.inference.exchange.report import SlideReport

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "}


def message(report: SlideReport, table: CodeTable) -> str:
    """The message of a slide. It names no patient: the receiver finds the order by the slide's name (OBR-3).

    Args:
        report: of the slide.
        table: codes that the site may use.
    """
    result, when = report.result, report.made.strftime("%Y%m%d%H%M%S%z")
    status = "F" if report.is_final else "P"
    signer = f"^{_escaped(report.signature.reader)}" if report.signature else ""
    lines = _Observations(table)
    lines.coded("grade", report.grade, status=status, observer=signer)
    lines.coded("adequacy", result.adequacy.verdict)
    lines.number("score", result.score)
    lines.number("cells", result.adequacy.cells)
    lines.number("findings", len(result.findings))
    lines.number("abnormal_found", report.abnormal)
    for number, finding in enumerate(result.findings[:MOST_FINDINGS], 1):
        lines.coded("finding", finding.class_id, number)
        for name in ("x_px", "y_px", "probability", "abnormal", "finder_score"):
            lines.number(name, getattr(finding, name), number)
    left = len(result.findings) - MOST_FINDINGS
    notes = [
        *(() if report.is_final else ("Preliminary: made by software, signed by nobody. Not a diagnosis.",)),
        *((f"Class of the software: {result.grade}",) if report.is_final else ()),
        f"unmissed {version_of()}",
        *(f"{one.role}: {one.name} {one.version}, SHA-256 {one.sha256}" for one in report.models),
        *((f"{left} more findings are in the files of the run",) if left > 0 else ()),
        *result.notes,
    ]
    control = uuid_of(report.digest, "hl7").replace("-", "")[:20]  # MSH-10 has room for 20 characters
    name = _escaped(result.slide)
    segments = [
        f"MSH|^~\\&|UNMISSED||||{when}||ORU^R01^ORU_R01|{control}|P|2.5.1||||||UNICODE UTF-8",
        f"OBR|1||{name}|{_coded(table.codes('report'))}|||{when}|||||||||||||||{when}|||{status}",
        *(f"NTE|{number}|L|{_escaped(text)}" for number, text in enumerate(notes, 1)),
        *lines.segments,
    ]
    return "\r".join(segments) + "\r"


class _Observations:
    """OBX segments, numbered as they come."""

    def __init__(self, table: CodeTable) -> None:
        self._table, self.segments = table, list[str]()

    def coded(self, name: str, value: str, sub: int | str = "", *, status: str = "P", observer: str = "") -> None:
        """One whose value is a concept."""
        self._add("CWE", name, sub, _coded(self._table.codes(value)), status, observer)

    def number(self, name: str, value: float, sub: int | str = "") -> None:
        """One whose value is a number without a unit."""
        self._add("NM", name, sub, f"{value:.6f}".rstrip("0").rstrip("."), "P", "")

    def _add(self, kind: str, name: str, sub: int | str, value: str, status: str, observer: str) -> None:
        code = _coded(self._table.codes(name))
        fields = [len(self.segments) + 1, kind, code, sub, value, "", "", "", "", "", status, "", "", "", "", observer]
        self.segments.append("OBX|" + "|".join(map(str, fields)).rstrip("|"))


def _coded(codes: Iterable[Code]) -> str:
    """The first code and our own behind it, as CE and CWE have room for two."""
    kept = list(codes)
    kept = kept if len(kept) == 1 else [kept[0], kept[-1]]
    return "^".join(_escaped(part) for code in kept for part in (code.value, code.meaning, code.scheme))


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)
