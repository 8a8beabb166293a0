"""The best frame of every site as a VL Endoscopic Image, and the page as PDF, in the examination's study."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from unmissed.datasets.basis.files import make_folder
from unmissed.inference.exchange.dicom.common import blank, enclose, save
from unmissed.inference.exchange.exams import ExamReport
from unmissed.inference.exchange.identity import digest_of, uid_of
from unmissed.inference.exchange.printing import print_page
from unmissed.inference.exchange.report import ExchangeError

if TYPE_CHECKING:
    from pydicom import Dataset

_ENDOSCOPIC, _PDF = "1.2.840.10008.5.1.4.1.1.77.1.1", "1.2.840.10008.5.1.4.1.1.104.1"


def write_stills(folder: Path, report: ExamReport, study: Path | None) -> list[str]:
    """Write ``SITE.dcm`` for every site with a picture, and ``page.dcm``.

    Args:
        folder: of this examination's objects.
        report: of the examination.
        study: any DICOM file of the study that they belong to; None where the examination was watched from one.

    Returns:
        What was left out and why, in words.

    Raises:
        ExchangeError: When there is no such file, or a picture is missing.
        OutputError: When a file cannot be written.
    """
    like = _study(study or Path(report.exam.source))
    make_folder(folder)
    for number, site in enumerate((one for one in report.exam.sites if one.picture), 1):
        data = _object(report, like, site.code, _ENDOSCOPIC, "ES", number)
        picture = _jpeg(report.folder / str(site.picture))
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ExchangeError(f"{report.folder / str(site.picture)} is damaged", fix="watch the recording again")
        data.ImageType, data.ImageComments = ["DERIVED", "SECONDARY"], f"{site.code} {site.name} {site.name_zh}"
        data.Rows, data.Columns, data.SamplesPerPixel = image.shape[0], image.shape[1], 3
        data.PhotometricInterpretation, data.PlanarConfiguration, data.PixelRepresentation = "RGB", 0, 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.LossyImageCompression, data.LossyImageCompressionMethod = "01", "ISO_10918_1"
        data.LossyImageCompressionRatio = f"{image.size / len(picture):.1f}"
        data.PixelData = image[..., ::-1].tobytes() + b"\0" * (image.size % 2)
        data.AcquisitionContextSequence = []
        save(folder / f"{site.code}.dcm", data)
    pdf = print_page(report.folder / "report.html", report.started)
    if isinstance(pdf, str):
        return [f"no page: {pdf}"]
    data = _object(report, like, "page", _PDF, "DOC", 1)
    enclose(data, pdf, report.exam.protocol.title[:64])
    data.ConceptNameCodeSequence = []
    save(folder / "page.dcm", data)
    return []


def _object(report: ExamReport, like: "Dataset", part: str, sop_class: str, modality: str, number: int) -> "Dataset":
    digest = digest_of([report.digest, str(like.StudyInstanceUID)])
    series = uid_of(digest, f"series {modality}"), 20_001 + (modality == "DOC")
    data = blank(like, sop_class, modality, uid=uid_of(digest, f"still {part}"), series=series, number=number)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ContentDate, data.ContentTime = report.started.strftime("%Y%m%d"), report.started.strftime("%H%M%S")
    data.AcquisitionDateTime = report.started.strftime("%Y%m%d%H%M%S%z")
    if modality == "DOC":
        data.ConversionType = "WSD"
    return data


def _study(path: Path) -> "Dataset":
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pydicom.dcmread(path, stop_before_pixels=True)
        if found.get("StudyInstanceUID"):
            return found
    except (OSError, pydicom.errors.InvalidDicomError, ValueError, NotImplementedError):
        pass
    raise ExchangeError(
        f"{path.name} is not there, or no DICOM file with a study: stills have to belong to one",
        expected="any DICOM file of the examination's study",
        fix="name it with --twin; UIDs are not invented",
    )


def _jpeg(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExchangeError(f"{path} is missing", fix="watch the recording again") from error
