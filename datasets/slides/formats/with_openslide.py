"""OpenSlide: NDPI, MRXS, DICOM, Philips, Leica, Ventana and whatever else it knows beside plain TIFFs."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmissed.datasets.slides.base import UnsupportedSlideError
from unmissed.datasets.slides.formats.areas import AreaSlide
from unmissed.datasets.slides.formats.dicom_header import is_dicom
from unmissed.datasets.slides.formats.dicom_levels import check_levels
from unmissed.datasets.slides.formats.mirax import check_mirax
from unmissed.datasets.slides.formats.tiff.reader import is_tiff
from unmissed.datasets.slides.formats.tiff.special import focal_planes, notes_on_special_tiff
from unmissed.datasets.slides.pixel_size import parse_number

_PLANES = re.compile(r"\.(Size[ZT]|Z-layers|TotalPixelMatrixFocalPlanes|NumberOfOpticalPaths)$", re.IGNORECASE)
_MIRAX_NAME = re.compile(r"^mirax\.HIERARCHICAL\.(HIER_\d+)_NAME$")


class OpenSlideSlide(AreaSlide):
    """Any slide that OpenSlide opens."""

    reader = "openslide"

    def __init__(self, path: Path) -> None:
        self._left_out = check_levels(path) if is_dicom(path) else ()
        super().__init__(path)

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """What OpenSlide recognises; any file when OpenSlide is missing, so that ``open`` can say so."""
        if not path.is_file():
            return False
        if path.suffix.lower() == ".mrxs":
            return True  # without its folder OpenSlide does not know it, and ``open`` says what is missing
        try:
            return _library().OpenSlide.detect_format(path) is not None
        except UnsupportedSlideError:
            return True
        except Exception:  # the file cannot be read; opening will say why
            return True

    @classmethod
    def _open_handle(cls, path: Path) -> Any:
        library = _library()
        if path.suffix.lower() == ".mrxs":
            check_mirax(path)
        return library.OpenSlide(path)

    def _notes(self, properties: Mapping[str, str]) -> tuple[str, ...]:
        found = notes_on_special_tiff(self.path) if is_tiff(self.path) else ()
        return tuple(dict.fromkeys((*self._left_out, *found, *_unread_planes(properties))))


def _unread_planes(properties: Mapping[str, str]) -> list[str]:
    notes = []
    for name, value in properties.items():
        mirax = _MIRAX_NAME.match(name)
        if mirax and re.search("focus|filter", value, re.IGNORECASE):
            notes += _several(value, properties.get(f"mirax.HIERARCHICAL.{mirax[1]}_COUNT"))
        elif _PLANES.search(name):
            notes += _several(name.rpartition(".")[2], value)
    return notes


def _several(what: str, count: str | None) -> list[str]:
    planes = int(parse_number(count) or 1)
    if planes <= 1:
        return []
    is_focus = re.search("focus|focal|Z", what) is not None
    return [focal_planes(planes) if is_focus else f"the file holds {planes} layers ({what}), and only one was read"]


def _library() -> Any:
    try:
        return importlib.import_module("openslide")
    except (ImportError, OSError) as error:  # OSError: the package is there, its C library is not
        raise UnsupportedSlideError(
            f"OpenSlide is not installed ({error})", fix="pip install openslide-python openslide-bin"
        ) from error
