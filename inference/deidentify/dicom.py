"""DICOM slides: what shows the picture is carried over, with new UIDs; patient, dates, texts are not."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.slides.formats.dicom_header import WHOLE_SLIDE, read_header
from unmissed.inference.deidentify.values import DeidentifyError, Key

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

# Kinds of values that hold words, names, dates or anything at all (PS3.5, 6.2). UIDs are replaced.
_SPEAKING = frozenset({"PN", "LO", "LT", "ST", "UT", "UC", "UR", "SH", "DA", "DT", "TM", "AS", "AE", "UN"})
_CODES = frozenset({"CodeValue", "CodingSchemeDesignator", "CodeMeaning", "OpticalPathIdentifier"})
_KEPT = frozenset(
    (
        *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
        *("ImageType", "Modality", "DimensionOrganizationType", "DimensionOrganizationSequence"),
        *("DimensionIndexSequence", "ConcatenationUID", "SOPInstanceUIDOfConcatenationSource"),
        *("InConcatenationNumber", "InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "VolumetricProperties"),
        *("InstanceNumber", "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PyramidUID"),
    )
)
_GROUPS = frozenset({0x0028, 0x0048})  # the picture, and what of the slide it is
_UNIVERSAL = "1.2.840.10008."  # UIDs of the standard itself


def copy_dicom(source: Path, target: Path, key: Key) -> list[str]:
    """Write a level of a slide without what says whose it is; its pixel data are the same bytes.

    Returns:
        What was found and is not in the copy, by kind.

    Raises:
        SlideError: When the header is damaged.
        DeidentifyError: When it is no level of a slide (a label, another kind of object).
        OutputError: When the copy cannot be written.
    """
    header = read_header(source)
    if header.sop_class != WHOLE_SLIDE or not header.is_level:
        raise DeidentifyError(f"{source} is no level of a slide ({header.kind or header.what})", fix="it is left out")
    from pydicom.dataset import FileMetaDataset

    data = _read(source)
    found = [*_speaking(data)]
    for element in list(data):
        if not _is_kept(element):
            del data[element.tag]
    _clean(data, key)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    data.file_meta, data.preamble = meta, bytes(128)
    for name in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "AccessionNumber",
        "PositionReferenceIndicator",
    ):
        setattr(data, name, "")
    data.PatientIdentityRemoved, data.DeidentificationMethod = "YES", "Unmissed: only what shows the picture is kept"
    with write_whole(target, "wb") as stream:
        data.save_as(stream, enforce_file_format=True)
    return found


def check_dicom(path: Path) -> list[str]:
    """What in a DICOM file could say whose it is, by kind.

    Raises:
        SlideError: When it is damaged.
    """
    header = read_header(path)
    return [*_speaking(_read(path)), *([] if header.is_level else [f"a picture that is no level ({header.kind})"])]


def _read(path: Path) -> "Dataset":
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path)
    except Exception as error:  # damaged files reach every corner of pydicom
        raise DeidentifyError(f"{path} cannot be read whole", fix="export it again") from error


def _is_kept(element: "DataElement") -> bool:
    tag = element.tag
    if tag.is_private or element.keyword == "ICCProfile":
        return False
    return element.keyword in _KEPT or (tag.group in _GROUPS and element.VR not in _SPEAKING)


def _clean(data: "Dataset", key: Key) -> None:
    """Inside sequences, too: private tags, words and dates go, UIDs are replaced."""
    for element in list(data):
        if element.VR == "SQ":
            for one in element.value:
                _clean(one, key)
        elif element.VR == "UI":
            values = element.value if element.VM > 1 else [element.value]
            new = [str(uid) if str(uid).startswith(_UNIVERSAL) or not uid else key.uid(str(uid)) for uid in values]
            element.value = new if len(new) > 1 else new[0]
        elif element.tag.is_private or element.keyword == "ICCProfile" or _speaks(element):
            del data[element.tag]


def _speaks(element: "DataElement") -> bool:
    return element.VR in _SPEAKING and element.keyword not in _CODES


def _speaking(data: "Dataset", where: str = "") -> Iterator[str]:
    if not where and data.preamble and data.preamble.strip(b"\0"):
        yield "bytes in the preamble"
    for element in data:
        name = f"{where}{element.keyword or element.tag}"
        if element.tag.is_private:
            yield f"private tag {where}{element.tag}"
        elif element.keyword == "ICCProfile":
            yield f"{name}, which may hold texts"
        elif element.VR == "SQ":
            for one in element.value:
                yield from _speaking(one, f"{name}.")
        elif _speaks(element) and element.value not in (None, "") and element.keyword != "DeidentificationMethod":
            yield name
