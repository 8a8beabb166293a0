"""The files that together are one slide, and whether all of them have arrived."""

import re
from collections.abc import Iterator
from pathlib import Path

from unmissed.datasets.basis.paths import suffix_of
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats import dicom, mirax
from unmissed.datasets.slides.formats.deep_zoom_folder import FOLDER
from unmissed.datasets.slides.formats.dicom_header import is_dicom

_MIRAX_FILE = re.compile(r"^\s*(?:INDEXFILE|FILE_\d+)\s*=\s*(\S+?)\s*$", re.MULTILINE)
_MOST_BYTES = 4_000_000


def parts_of(slide: Path) -> list[Path]:
    """The files of a slide as a search finds it: itself, and the folder or the DICOM series that belongs to it.

    Raises:
        SlideError: When parts are missing: data files of a MIRAX slide, or the finest level of a DICOM series.
        OSError: When a folder or its description cannot be read.
    """
    suffix = suffix_of(slide.name)
    if slide.is_dir():
        return list(_files(slide))
    if suffix == ".mrxs":
        return [slide, *_of_mirax(slide.with_suffix(""))]
    if suffix == ".dzi":
        return [slide, *_files(slide.with_name(slide.stem + FOLDER))]
    return _of_dicom(slide) if is_dicom(slide) else [slide]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _of_mirax(folder: Path) -> list[Path]:
    """The files of the folder; its description names those that have to be there."""
    found = list(_files(folder))
    text = read_regular(folder / mirax.DESCRIPTION, _MOST_BYTES).decode("utf-8", "replace")
    missing = set(_MIRAX_FILE.findall(text)) - {path.name for path in found}
    if missing:
        raise SlideError(f"{folder} lacks {min(missing)} and {len(missing) - 1} other files", fix="copy all files")
    return found


def _of_dicom(slide: Path) -> list[Path]:
    """The files of its series; scanners may send the smaller levels first, which alone would pass for a slide."""
    for series in dicom.read_folder(slide.parent).series:
        if slide in series.paths:
            levels = [file for file in series.files if file.is_level]
            if levels and all(file.is_resampled for file in levels):
                raise SlideError(f"the DICOM series of {slide} lacks its finest level", fix="copy all files")
            return list(series.paths)
    return [slide]
