"""The header of a DICOM file: what it shows, how large, and in which tiles. Its pixels are not touched."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from unmissed.datasets.basis.words import one_line
from unmissed.datasets.slides.base import SlideError, cannot_read

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_SEGMENTATIONS = "1.2.840.10008.5.1.4.1.1.66."
_NOT_THE_GLASS = frozenset({"LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER"})  # ImageType, value 3
_LAST_TAG = 0x0048_0303  # (Total Pixel Matrix Focal Planes): what follows can be long, and nothing of it is needed
_TAGS = {
    "SOPClassUID": 0x0008_0016,
    "SOPInstanceUID": 0x0008_0018,
    "ImageType": 0x0008_0008,
    "SeriesInstanceUID": 0x0020_000E,
    "ConcatenationUID": 0x0020_9161,
    "DimensionOrganizationType": 0x0020_9311,
    "NumberOfFrames": 0x0028_0008,
    "Rows": 0x0028_0010,
    "Columns": 0x0028_0011,
    "TotalPixelMatrixColumns": 0x0048_0006,
    "TotalPixelMatrixRows": 0x0048_0007,
    "NumberOfOpticalPaths": 0x0048_0302,
    "TotalPixelMatrixFocalPlanes": _LAST_TAG,
}
_MAX_VALUE_BYTES = 2**24  # of a header; the longest are colour profiles
_MAX_READS = 100_000  # a header has some hundred fields


@dataclass(frozen=True, slots=True)
class DicomFile:
    """What the header of a DICOM file says.

    Attributes:
        path: the file.
        sop_class, what: kind of object, as UID and in words.
        series, instance: UIDs of its series and of itself; the series is the path when it is not given.
        kind: VOLUME for a level of the slide, LABEL, OVERVIEW ...; empty when not given.
        width_px, height_px: of the whole level; 0 for what is no picture.
        tile_width_px, tile_height_px: of a frame.
        frames: how many there are.
        planes: frames for each tile, of other focal planes and optical paths.
        layout: TILED_FULL when the frames are all tiles in order; else each frame has a place, or this is not given.
        concatenation: UID that the files have in common on which a level is spread; empty for a level in one file.
        is_resampled: it is a smaller level that was made from another.
    """

    path: Path
    sop_class: str
    what: str
    series: str
    instance: str
    kind: str
    width_px: int
    height_px: int
    tile_width_px: int
    tile_height_px: int
    frames: int
    planes: int
    layout: str
    concatenation: str
    is_resampled: bool = False

    @property
    def tiles(self) -> int:
        """How many tiles cover the level."""
        return -(-self.width_px // self.tile_width_px) * -(-self.height_px // self.tile_height_px)

    @property
    def is_level(self) -> bool:
        """Whether it is one resolution of a whole slide."""
        return self.sop_class == WHOLE_SLIDE and self.kind not in _NOT_THE_GLASS

    @property
    def is_picture(self) -> bool:
        """Whether it shows something that was seen; annotations, reports, overlays and directories do not."""
        return self.width_px > 0 and not self.sop_class.startswith(_SEGMENTATIONS)


def is_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM; False when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path) -> DicomFile:
    """Read what the header of a DICOM file says of series and size; its pixels are not touched.

    Raises:
        SlideError: When it cannot be read, or its header is damaged.
    """
    import pydicom  # only where there is DICOM: it takes half a second to import

    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # what matters of its complaints becomes our error
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pydicom.filereader.read_partial(
                _Bounded(stream),  # type: ignore[arg-type]
                stop_when=lambda tag, vr, length: tag > _LAST_TAG,
                specific_tags=list(_TAGS.values()),
            )
            values = {name: found.get(tag) and found[tag].value for name, tag in _TAGS.items()}
            sop_class = pydicom.uid.UID(str(values["SOPClassUID"] or found.file_meta["MediaStorageSOPClassUID"].value))
            image_type = [str(part).upper() for part in _listed(values["ImageType"])]
            tile = _number(values["Columns"], 0), _number(values["Rows"], 0)
            size = tuple(_number(values[f"TotalPixelMatrix{side}"], 0) for side in ("Columns", "Rows"))
            width, height = (whole or part for whole, part in zip(size, tile, strict=True))
            frames, paths, depths = (
                _number(values[name], 1)
                for name in ("NumberOfFrames", "NumberOfOpticalPaths", "TotalPixelMatrixFocalPlanes")
            )
            if sop_class == WHOLE_SLIDE and min(width, height, *tile, frames, paths, depths) <= 0:
                raise ValueError("it gives no size")
    except Exception as error:  # damaged files reach every corner of pydicom
        if isinstance(error, OSError) and error.errno is not None:
            raise cannot_read(path, error) from error
        raise SlideError(
            f"{path} has a damaged DICOM header ({one_line(error) or type(error).__name__})",
            expected="a DICOM file",
            fix="copy or export the slide again",
        ) from error
    return DicomFile(
        path,
        str(sop_class),
        sop_class.name,
        str(values["SeriesInstanceUID"] or path),
        str(values["SOPInstanceUID"] or path),
        "".join(image_type[2:3]),
        width,
        height,
        *tile,
        frames,
        paths * depths,
        str(values["DimensionOrganizationType"] or ""),
        str(values["ConcatenationUID"] or ""),
        image_type[3:4] == ["RESAMPLED"],
    )


def _listed(value: Any) -> list[Any]:
    """The parts of a value that may have several."""
    return [value] if isinstance(value, str | int) or value is None else list(value)


def _number(value: Any, default: int) -> int:
    """The first part of a value; the default when it is not given."""
    return int(_listed(value)[0]) if value not in (None, "") else default


class _Bounded:
    """A file that gives no long values and no end of short ones: its header may claim anything."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._reads = stream, 0
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        """As of a file; a ValueError beyond what a header holds, and for all of a file that is to be unpacked."""
        self._reads += 1
        if not 0 <= size <= _MAX_VALUE_BYTES or self._reads > _MAX_READS:
            raise ValueError("it is absurdly long, or deflated")
        return self._stream.read(size)
