"""Leica SCN: which pages are the scanned area. The copy is a plain TIFF of it, without the overview and the XML."""

from tifffile import TiffFile, TiffPage

from unmissed.datasets.basis.reading import name_of, parse_xml
from unmissed.datasets.slides.base import StatedPixelSize
from unmissed.inference.deidentify.values import DeidentifyError

_MAX_TEXT = 1_000_000
_NM_PER_UM = 1000


def scn_levels(tiff: TiffFile) -> tuple[list[TiffPage], StatedPixelSize]:
    """The levels of the scanned area, finest first, and the size of a pixel of the finest.

    Raises:
        DeidentifyError: When there are several areas, focal planes or channels: a plain TIFF cannot hold them.
        ValueError: When the description cannot be understood.
    """
    root = parse_xml(tiff.pages.first.description[:_MAX_TEXT])
    collection = next(one for one in root.iter() if name_of(one) == "collection")
    whole = collection.attrib["sizeX"], collection.attrib["sizeY"]
    areas = []
    for image in (one for one in collection.iter() if name_of(one) == "image"):
        view = next(one for one in image.iter() if name_of(one) == "view").attrib
        if (view["sizeX"], view["sizeY"]) != whole:  # the overview shows the whole glass
            areas.append((view, [one.attrib for one in image.iter() if name_of(one) == "dimension"]))
    if len(areas) != 1 or any(one.get(axis, "0") != "0" for one in areas[0][1] for axis in ("z", "c")):
        raise DeidentifyError(
            f"this SCN holds {len(areas)} scanned areas, or several focal planes or channels",
            expected="one area of a bright-field slide",
            fix="export the area as a tiled TIFF first",
        )
    view, dimensions = areas[0]
    pages = [page if isinstance(page, TiffPage) else page.aspage() for page in tiff.pages]
    levels = sorted((pages[int(one["ifd"])] for one in dimensions), key=lambda page: -page.imagewidth)
    width, height = (int(view[side]) / _NM_PER_UM for side in ("sizeX", "sizeY"))
    return levels, StatedPixelSize(width / levels[0].imagewidth, height / levels[0].imagelength, "SCN")
