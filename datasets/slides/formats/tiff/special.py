"""What OpenSlide leaves out of the TIFFs of scanners: it shows one focal plane of several."""

import re
from pathlib import Path

from tifffile import TiffFile, TiffPage

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.tiff.pages import SPECIAL, find_slide_pages

_Z_OFFSET, _MAGNIFICATION = 65424, 65421  # NDPI: of the focal plane, and of the lens (negative: macro and map)
_MAX_PAGES = 4096
_Z_OF_DIMENSION = re.compile(r'<dimension\b[^>]*\bz="(\d{1,6})"')  # Leica SCN, counted from 0


def notes_on_special_tiff(path: Path) -> tuple[str, ...]:
    """Notes on what of a TIFF is not shown when OpenSlide reads it.

    Raises:
        SlideError: When a TIFF of no special kind holds several planes or scans.
    """
    try:
        with TiffFile(path, _multifile=False) as tiff:
            first = tiff.pages.first
            if not any(getattr(first, f"is_{kind}") for kind in SPECIAL):
                return find_slide_pages(tiff, path).notes
            planes = _ndpi_planes(tiff) if first.is_ndpi else _scn_planes(first.description)
    except SlideError:
        raise
    except Exception as error:  # damaged files reach every corner of a parser
        return (f"its pages could not be checked for focal planes ({error or type(error).__name__})",)
    return (focal_planes(planes),) if planes > 1 else ()


def _ndpi_planes(tiff: TiffFile) -> int:
    pages = [page for page in tiff.pages[:_MAX_PAGES] if isinstance(page, TiffPage)]
    lenses = ((page.tags.valueof(_MAGNIFICATION, 0), page.tags.valueof(_Z_OFFSET, 0)) for page in pages)
    return len({offset for magnification, offset in lenses if magnification > 0})


def _scn_planes(description: str) -> int:
    return 1 + max((int(number) for number in _Z_OF_DIMENSION.findall(description)), default=0)


def focal_planes(planes: int) -> str:
    """The note on several focal planes."""
    return f"the file holds {planes} focal planes, and only one was read"
