"""The DICOM slide that objects refer to: the slide itself, or a DICOM copy of it that the user names."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmissed.datasets.slides.formats.dicom import read_folder
from unmissed.datasets.slides.formats.dicom_header import is_dicom, read_header
from unmissed.inference.exchange.report import ExchangeError, SlideReport

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True, slots=True)
class Twin:
    """The levels of a DICOM slide without their pixels, finest first."""

    levels: "tuple[Dataset, ...]"


def find_twin(report: SlideReport, folder: Path | None = None) -> Twin:
    """Read the headers of the slide's levels.

    Args:
        report: of the slide.
        folder: where a DICOM copy of it is; None where the slide is DICOM itself.

    Raises:
        ExchangeError: When there is none, or it is of another size.
        SlideError: When it cannot be read.
    """
    import pydicom

    slide = Path(report.result.path)
    place = folder or (slide if slide.is_dir() else slide.parent)
    if folder is None and not slide.is_dir() and not is_dicom(slide):
        raise ExchangeError(
            f"{slide.name} is not there, or no DICOM slide: an annotation has to name the images it belongs to",
            expected="a DICOM slide, or a DICOM copy of it",
            fix="convert the slide (wsidicomizer does) and name the copy's folder with --twin; UIDs are not invented",
        )
    size = report.result.width_px, report.result.height_px
    own = read_header(slide).series if folder is None and slide.is_file() else None
    for series in read_folder(place).series:
        finest = series.finest
        if finest and (finest.width_px, finest.height_px) == size and own in (None, series.files[0].series):
            files = sorted((one for one in series.files if one.is_level), key=lambda one: -one.width_px)
            logging.getLogger("pydicom").setLevel(logging.CRITICAL)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = [pydicom.dcmread(one.path, stop_before_pixels=True) for one in files]
            return Twin(tuple(read))
    raise ExchangeError(
        f"{place} holds no DICOM slide of {size[0]} x {size[1]} px",
        expected="a copy with the same level 0 as the slide that was screened",
        fix="convert the slide again without cropping or rescaling it",
    )
