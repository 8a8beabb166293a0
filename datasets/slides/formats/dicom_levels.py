"""Whether the files of a DICOM slide hold all of it; asked first, because OpenSlide shows what is missing as glass."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from unmissed.datasets.slides.base import SlideError, cannot_read
from unmissed.datasets.slides.formats.dicom import read_folder
from unmissed.datasets.slides.formats.dicom_header import DicomFile, read_header
from unmissed.datasets.slides.limits import MAX_TILES

_PIXELS = b"\xe0\x7f\x10\x00"  # (7FE0,0010)
_PLACE = re.compile(  # (0048,021E) and (0048,021F), column and row of a frame, with or without their type
    rb"\x48\x00\x1e\x02(?:SL\x04\x00|\x04\x00\x00\x00)(.{4})\x48\x00\x1f\x02(?:SL\x04\x00|\x04\x00\x00\x00)(.{4})",
    re.DOTALL,
)
_PLACE_BYTES = 24
_CHUNK_BYTES = 2**20


def check_levels(path: Path) -> tuple[str, ...]:
    """Compare what the files of a slide list with the size that they claim.

    Args:
        path: one of its files; the others lie beside it.

    Returns:
        Notes on tiles that the levels leave out.

    Raises:
        SlideError: When a header is damaged, a level lacks frames, or levels are not of one slide.
    """
    named = read_header(path)
    beside = (file for series in read_folder(path.parent).series for file in series.files)
    levels = [named, *(file for file in beside if file.series == named.series and file.path != named.path)]
    levels = sorted((file for file in levels if file.is_level), key=lambda file: (-file.width_px, -file.height_px))
    for level in levels:
        if not is_level_of(level, levels[0]):
            raise SlideError(
                f"{levels[0].path.name} ({levels[0].width_px} x {levels[0].height_px} px) and {level.path.name} "
                f"({level.width_px} x {level.height_px} px) of one DICOM series differ in their proportions",
                expected="levels that show the same glass",
                fix="keep the files of one slide in a folder of their own",
            )
    spread: dict[str, list[DicomFile]] = {}
    for level in levels:
        spread.setdefault(level.concatenation or str(level.path), []).append(level)
    return tuple(note for files in spread.values() for note in _missing(files))


def is_level_of(level: DicomFile, finest: DicomFile) -> bool:
    """Whether one may be the other, shrunk; the last tiles of a level may be filled up."""
    least, most = 1.0, float("inf")
    for whole, side, tile in (
        (finest.width_px, level.width_px, level.tile_width_px),
        (finest.height_px, level.height_px, level.tile_height_px),
    ):
        least, most = max(least, whole / (side + 1)), min(most, whole / max(side - tile, 1))
    return least <= most


def _missing(files: Sequence[DicomFile]) -> Iterator[str]:
    """What of a level has no frame; usually it is one file.

    Raises:
        SlideError: When that is not as intended.
    """
    level, frames = files[0], sum(file.frames for file in files)
    expected = level.tiles * level.planes
    if level.layout == "TILED_FULL":
        counted = f"lists {frames:,} frames for {expected:,} tiles"
        if frames < expected:
            part = ", a part of a level whose other files are missing," if level.concatenation else ""
            raise _incomplete(f"{level.path}{part} {counted}")
        if frames > expected:
            yield f"{level.path.name} {counted}, and the others were not read"
        return
    places = len({place for file in files for place in _places(file.path)})
    if places == 0 and not level.layout:
        places = frames  # OpenSlide then takes them in order
    if places == 0:
        raise _incomplete(f"{level.path} says of none of its {frames:,} frames where it belongs")
    if places < level.tiles:
        missing = level.tiles - places
        yield f"{missing:,} of {level.tiles:,} places of {level.path.name} have no tile, and were read as glass"


def _places(path: Path) -> set[bytes]:
    """Columns and rows at which the frames lie.

    They are searched for in the bytes before the pixels: pydicom takes 0.2 ms a frame, 20 s for 100,000.
    """
    found: set[bytes] = set()
    data = b""
    try:
        with path.open("rb") as stream:
            while len(found) < MAX_TILES and (more := stream.read(_CHUNK_BYTES)):
                data = data[1 - _PLACE_BYTES :] + more
                end = data.find(_PIXELS)
                found.update(match[1] + match[2] for match in _PLACE.finditer(data, 0, end if end >= 0 else len(data)))
                if end >= 0:
                    break
    except OSError as error:
        raise cannot_read(path, error) from error
    return found


def _incomplete(found: str) -> SlideError:
    return SlideError(
        found, expected="a frame for each tile", fix="copy all files of the slide again, or export it again"
    )
