"""Which DICOM files are one slide: a series has a file for each level, and others for its label and overview."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from unmissed.datasets.basis.paths import by_suffix
from unmissed.datasets.slides.base import SlideError, cannot_read
from unmissed.datasets.slides.formats.dicom_header import WHOLE_SLIDE, DicomFile, is_dicom, read_header

SUFFIXES = frozenset({".dcm", ".dicom"})
"""Of DICOM files; those of an archive often have none, or are named after their UID."""

_NO_SUFFIX = re.compile(r"(\.\d*)?")


@dataclass(frozen=True)
class DicomSeries:
    """The files of one series that lie in one folder; there is at least one."""

    files: tuple[DicomFile, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        return tuple(file.path for file in self.files)

    @property
    def instances(self) -> frozenset[str]:
        """UIDs of its files: copies of a file have the same."""
        return frozenset(file.instance for file in self.files)

    @property
    def area_px(self) -> int:
        """Of the finest level; 0 without one."""
        return self.finest.width_px * self.finest.height_px if self.finest else 0

    @property
    def is_of_slide(self) -> bool:
        """Whether all of its files are of whole slides, if only labels."""
        return all(file.sop_class == WHOLE_SLIDE for file in self.files)

    @cached_property
    def finest(self) -> DicomFile | None:
        """The finest level: OpenSlide finds the others beside it. None when the series is no slide."""
        levels = [file for file in self.files if file.is_level]
        return max(levels, key=lambda file: (file.width_px, file.height_px), default=None)

    @property
    def why_no_slide(self) -> str:
        """What it is instead of a slide, in words."""
        if self.is_of_slide:
            return f"holds only {' and '.join(sorted({file.kind for file in self.files}))}, and no level of the slide"
        return f"is no whole slide: {', '.join(sorted({file.what for file in self.files if file.is_picture}))}"


@dataclass(frozen=True, slots=True)
class DicomFolder:
    """The DICOM files of a folder (not of its subfolders).

    Attributes:
        series: those with pictures.
        without_picture: annotations, reports, directories.
        damaged: file -> cause.
    """

    series: tuple[DicomSeries, ...] = ()
    without_picture: tuple[Path, ...] = ()
    damaged: dict[Path, str] = field(default_factory=dict)


def dicom_among(folder: Path, names: Mapping[str, Sequence[str]]) -> set[str]:
    """The names of DICOM files among names by suffix: by the suffix, or without one by the first bytes."""
    return {
        name
        for suffix, several in names.items()
        if suffix in SUFFIXES or _NO_SUFFIX.fullmatch(suffix)
        for name in several
        if suffix in SUFFIXES or is_dicom(folder / name)
    }


def read_folder(folder: Path) -> DicomFolder:
    """Read the headers of all DICOM files in a folder, and put the files of a series together.

    Raises:
        SlideError: When the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = by_suffix(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise cannot_read(folder, error) from error
    series: dict[str, list[DicomFile]] = {}
    others, damaged = [], {}
    for path in sorted(folder / name for name in dicom_among(folder, names)):
        try:
            file = read_header(path)
        except SlideError as error:
            damaged[path] = str(error)
            continue
        if file.is_picture:
            series.setdefault(file.series, []).append(file)
        else:
            others.append(path)
    return DicomFolder(tuple(DicomSeries(tuple(files)) for files in series.values()), tuple(others), damaged)
