"""Pictures of a result as DICOM objects: heat map, gallery, and the page as PDF."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from unmissed.inference.cytology.results.bethesda import colour_of
from unmissed.inference.cytology.results.pictures import fitted
from unmissed.inference.cytology.results.reading import HEATMAP_VALUES
from unmissed.inference.cytology.values import HeatMap
from unmissed.inference.exchange.dicom.common import Source, blank, coded, enclose
from unmissed.inference.exchange.report import ExchangeError

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_PX = 2048  # longer side of a heat map: the finest level would be gigabytes of what a finder never saw
_TILE_PX, _CAPTION_PX, _ACROSS = 160, 18, 8
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def heat_map(source: Source) -> "Dataset | None":
    """The heat map as a parametric map of bytes, tile by tile on the largest level of at most 2,048 px.

    None where the slide has no such level: viewers place a map well only on the grid of a level that is there.
    """
    from highdicom import VOILUTTransformation, pm
    from pydicom.sr.codedict import codes
    from pydicom.uid import RLELossless

    levels = [one for one in source.twin.levels if max(_size(one)) <= _MOST_PX]
    if not levels:
        return None
    result = source.report.result
    values = _picture(source.report.folder / HEATMAP_VALUES, cv2.IMREAD_GRAYSCALE)
    if values.shape != (result.heat_map.rows, result.heat_map.columns):
        raise ExchangeError(f"{HEATMAP_VALUES} of {result.slide} is of another size", fix="triage this slide again")
    scores = HeatMap(values.astype(np.float32) / 255, result.heat_map.cell_px)
    shown = fitted(scores, (result.width_px, result.height_px), _size(levels[0]))
    name = coded(source.table.local("heat_map"))
    return pm.ParametricMap(
        [levels[0]],
        shown[None].astype(np.uint16),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            pm.RealWorldValueMapping(
                "PROBABILITY", "Probability", codes.UCUM.NoUnits, (0, 255), 1 / 255, 0.0, None, name
            )
        ],
        voi_lut_transformations=[VOILUTTransformation(127.5, 255.0)],
        content_label="HEAT_MAP",
        transfer_syntax_uid=RLELossless,
        tile_pixel_array=True,
        dimension_organization_type="TILED_SPARSE",
        **source.identity("heat map", 3),
        **source.device(),
    )


def gallery(source: Source) -> "Dataset | None":
    """The crops of the first findings in one picture, each with its number, class and probability; None without any."""
    report = source.report
    crops = list(zip(report.result.gallery, report.result.findings, strict=False))
    if not crops:
        return None
    step = _TILE_PX + _CAPTION_PX
    sheet = np.full((-(-len(crops) // _ACROSS) * step, min(len(crops), _ACROSS) * _TILE_PX, 3), 255, np.uint8)
    for number, (name, finding) in enumerate(crops):
        top, left = number // _ACROSS * step, number % _ACROSS * _TILE_PX
        crop = cv2.resize(_picture(report.folder / name, cv2.IMREAD_COLOR)[..., ::-1], (_TILE_PX - 2, _TILE_PX - 2))
        sheet[top : top + _TILE_PX - 2, left : left + _TILE_PX - 2] = crop
        words, place = f"{number + 1} {finding.class_id} {finding.probability:.2f}", (left + 2, top + _TILE_PX + 11)
        cv2.putText(sheet, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour_of(finding.class_id), 1, cv2.LINE_AA)
    data = _document(source, "gallery", 4, _SECONDARY_CAPTURE, "OT")
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.Rows, data.Columns, data.SamplesPerPixel = *sheet.shape[:2], 3
    data.PhotometricInterpretation, data.PlanarConfiguration, data.PixelRepresentation = "RGB", 0, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelData = sheet.tobytes() + b"\0" * (sheet.size % 2)
    return data


def page(source: Source, pdf: bytes) -> "Dataset":
    """A printed page as an Encapsulated PDF.

    Args:
        source: of the slide.
        pdf: the file.
    """
    data = _document(source, "page", 5, _ENCAPSULATED_PDF, "DOC")
    data.AcquisitionDateTime = source.report.made.strftime("%Y%m%d%H%M%S+0000")
    data.ConceptNameCodeSequence = [source.concept("report")]
    enclose(data, pdf, f"Unmissed: {source.report.grade}")
    return data


def _document(source: Source, part: str, number: int, sop_class: str, modality: str) -> "Dataset":
    """What both kinds of secondary capture have."""
    identity = source.identity(part, number)
    data = blank(
        source.twin.levels[0],
        sop_class,
        modality,
        uid=identity["sop_instance_uid"],
        series=(identity["series_instance_uid"], identity["series_number"]),
    )
    data.ConversionType = "WSD"
    data.ContentDate = data.ContentTime = ""
    return data


def _size(level: "Dataset") -> tuple[int, int]:
    return int(level.TotalPixelMatrixColumns), int(level.TotalPixelMatrixRows)


def _picture(path: Path, kind: int) -> np.ndarray:
    try:
        found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), kind)
    except (OSError, cv2.error):
        found = None
    if found is None:
        raise ExchangeError(f"{path} is missing or damaged", fix="triage this slide again")
    return found
