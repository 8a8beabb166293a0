"""All DICOM objects of a slide, written into a folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from unmissed.inference.exchange.codes import CodeTable
from unmissed.inference.exchange.dicom.annotations import annotations
from unmissed.inference.exchange.dicom.common import Source, save, stamp
from unmissed.inference.exchange.dicom.pictures import gallery, heat_map, page
from unmissed.inference.exchange.dicom.report import structured_report
from unmissed.inference.exchange.dicom.twin import find_twin
from unmissed.inference.exchange.printing import print_page
from unmissed.inference.exchange.report import SlideReport

if TYPE_CHECKING:
    pass


def write_objects(folder: Path, report: SlideReport, table: CodeTable, twin: Path | None = None) -> list[str]:
    """Write annotations, structured report, heat map, gallery and page, each as one file.

    Args:
        folder: of this slide's objects.
        report: of the slide.
        table: codes that the site may use.
        twin: folder of a DICOM copy of the slide; None where the slide is DICOM.

    Returns:
        What was left out and why, in words.

    Raises:
        ExchangeError: When there is no DICOM slide to refer to, or the result names no models.
        OutputError: When a file cannot be written.
        ModuleNotFoundError: Without the extra ``dicom`` (``formats_of`` finds out first).
    """
    source = Source(report, find_twin(report, twin), table)
    objects = {
        "annotations": annotations(source),
        "report": structured_report(source),
        "heat-map": heat_map(source),
        "gallery": gallery(source),
    }
    reasons = {
        "annotations": "no findings",
        "heat-map": "the slide has no level of at most 2,048 px to lay it on",
        "gallery": "no findings",
    }
    left_out = [f"no {name}: {reasons[name]}" for name, data in objects.items() if data is None]
    pdf = print_page(report.folder / "index.html", report.made)
    if isinstance(pdf, str):
        left_out.append(f"no page: {pdf}")
    else:
        objects["page"] = page(source, pdf)
    for name, data in objects.items():
        if data is not None:
            save(folder / f"{name}.dcm", stamp(data, source))
    return left_out
