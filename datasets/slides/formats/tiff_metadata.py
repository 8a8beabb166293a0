"""What TIFF files say about their scale: Aperio's description, OME-XML, or the resolution tags."""

import re

from tifffile import TiffPage

from unmissed.datasets.slides.base import StatedPixelSize
from unmissed.datasets.slides.pixel_size import parse_number

_UM_PER_UNIT = {2: 25_400.0, 3: 10_000.0, 4: 1_000.0, 5: 1.0}  # ResolutionUnit: inch, cm, mm, um
_OME_UNITS = {"": 1.0, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
_APERIO_FIELD = re.compile(r"\|\s*(MPP|AppMag)\s*=\s*([0-9.eE+-]+)")
_OME_ATTRIBUTE = re.compile(r'\b(PhysicalSize[XY](?:Unit)?|NominalMagnification)\s*=\s*"([^"]*)"')
_MAX_TEXT = 1_000_000  # an OME-XML of a slide is a few kilobytes


def _is_aperio(page: TiffPage) -> bool:
    """Whether Aperio's scanners, or programs that write the same, made the page."""
    return page.description.startswith("Aperio")


def pixel_size_of(page: TiffPage) -> StatedPixelSize | None:
    """What the page says about the size of its pixels; None when it says nothing, or nothing that is a number.

    Args:
        page: the level of full resolution.
    """
    if _is_aperio(page):
        # Aperio files carry no resolution tags, or those of the screen on which somebody edited them.
        um = parse_number(_aperio_fields(page).get("MPP"))
        return None if um is None else StatedPixelSize(um, um, "MPP of the Aperio description")
    ome = _ome_attributes(page)
    x, y = (_ome_length(ome, axis) for axis in "XY")
    if x is not None and y is not None:
        return StatedPixelSize(x, y, "PhysicalSize of the OME-XML")
    return _by_resolution_tags(page)


def objective_power_of(page: TiffPage) -> float | None:
    """Magnification of the scanner's objective, such as 40; None when unknown."""
    if _is_aperio(page):
        return parse_number(_aperio_fields(page).get("AppMag"))
    return parse_number(_ome_attributes(page).get("NominalMagnification"))


def _by_resolution_tags(page: TiffPage) -> StatedPixelSize | None:
    values = page.tags.valueof("XResolution"), page.tags.valueof("YResolution")
    unit = _UM_PER_UNIT.get(page.tags.valueof("ResolutionUnit", default=2))
    x, y = (_ratio(value) for value in values)
    if unit is None or x is None or y is None:
        return None
    return StatedPixelSize(unit / x, unit / y, "the TIFF's resolution tags")


def _aperio_fields(page: TiffPage) -> dict[str, str]:
    return dict(_APERIO_FIELD.findall(page.description[:_MAX_TEXT]))


def _ome_attributes(page: TiffPage) -> dict[str, str]:
    """Attributes of the first image; a pattern finds them without an XML parser, which hostile text could choke."""
    text = page.description[:_MAX_TEXT]
    found: dict[str, str] = {}
    if "<OME" in text:
        for name, value in _OME_ATTRIBUTE.findall(text):
            found.setdefault(name, value)
    return found


def _ome_length(attributes: dict[str, str], axis: str) -> float | None:
    value = parse_number(attributes.get(f"PhysicalSize{axis}"))
    unit = _OME_UNITS.get(attributes.get(f"PhysicalSize{axis}Unit", ""))
    return None if value is None or unit is None else value * unit


def _ratio(value: object) -> float | None:
    """A TIFF rational, as tifffile gives it: (numerator, denominator)."""
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[0]) / float(value[1])
