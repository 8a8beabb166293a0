"""What OpenSlide leaves out of the TIFFs of scanners: it shows one focal plane of several."""

import re
from pathlib import Path

import tifffile
from tifffile import TiffFile

from unmissed.datasets.slides.formats.tiff.pages import SPECIAL, find_slide_pages

_Z_OFFSET, _MAGNIFICATION = 65424, 65421  # NDPI: of the focal plane, and of the lens (negative: macro and map)
_MAX_PAGES = 4096
_FOCAL_PLANES = re.compile(r'\b(?:sizeZ|Z-layers)="(\d{1,6})"')  # Leica SCN, Ventana BIF


def notes_on_special_tiff(path: Path) -> tuple[str, ...]:
    """Notes on what of a TIFF is not shown when OpenSlide reads it.

    Raises:
        SlideError: When a TIFF of no special kind holds several planes or scans.
    """
    with TiffFile(path, _multifile=False) as tiff:
        first = tiff.pages.first
        if not any(getattr(first, f"is_{kind}") for kind in SPECIAL):
            return find_slide_pages(tiff, path).notes
        if first.is_ndpi:
            pages = [page for page in tiff.pages[:_MAX_PAGES] if isinstance(page, tifffile.TiffPage)]
            lenses = ((page.tags.valueof(_MAGNIFICATION, 0), page.tags.valueof(_Z_OFFSET, 0)) for page in pages)
            planes = len({offset for magnification, offset in lenses if magnification > 0})
        else:
            planes = max([int(number) for number in _FOCAL_PLANES.findall(first.description)] or [1])
    return (focal_planes(planes),) if planes > 1 else ()


def focal_planes(planes: int) -> str:
    """The note on several focal planes."""
    return f"the file holds {planes} focal planes, and only one was read"
