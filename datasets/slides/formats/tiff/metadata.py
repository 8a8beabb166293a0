"""What a page says about its scale: Aperio's description, OME-XML, or the resolution tags; contradictions are named."""

import math
from dataclasses import dataclass

from tifffile import TiffPage

from unmissed.datasets.slides.base import StatedPixelSize
from unmissed.datasets.slides.formats.tiff.ome import OmeImage
from unmissed.datasets.slides.pixel_size import SAME_SIZE, is_plausible, parse_number
from unmissed.datasets.slides.scanner import scanner_name

_UM_PER_UNIT = {2: 25_400.0, 3: 10_000.0, 4: 1_000.0, 5: 1.0}  # ResolutionUnit: inch, cm, mm, um
_MAX_TEXT = 100_000  # a description of Aperio has a few hundred letters


@dataclass(frozen=True, slots=True)
class Scale:
    """What a page says about its scale.

    Attributes:
        stated: size of its pixels; None when it says nothing, or nothing that is a number.
        objective_power: such as 40; None when unknown.
        notes: what contradicts it.
    """

    stated: StatedPixelSize | None
    objective_power: float | None
    notes: tuple[str, ...]


def is_aperio(page: TiffPage) -> bool:
    """Whether Aperio's scanners, or programs that write the same, made the page."""
    return page.description.startswith("Aperio")


def scanner_of(page: TiffPage) -> str:
    """What made the page, as its tags or Aperio's description name it; empty when they do not."""
    named = [page.tags.valueof(tag, default="") for tag in ("Make", "Model")]
    if is_aperio(page):
        named += _aperio_texts(page, "ScanScope ID")[:1]
    return scanner_name(named)


def scale_of(page: TiffPage, ome: OmeImage | None) -> Scale:
    """Read the scale of the level of full resolution.

    Args:
        page: that level.
        ome: what an OME-XML says of it.
    """
    statements, power = [], None
    if is_aperio(page):
        sizes, powers = (_aperio_numbers(page, field) for field in ("MPP", "AppMag"))
        statements += [StatedPixelSize(um, um, "MPP of the Aperio description") for um in sizes]
        power = next(iter(powers), None)
    if ome is not None:
        power = power or ome.objective_power
        if ome.x_um is not None and ome.y_um is not None:
            statements.append(StatedPixelSize(ome.x_um, ome.y_um, "PhysicalSize of the OME-XML"))
    tags = _by_resolution_tags(page)
    # Beside a better statement, or in an Aperio file, tags may be those of the screen on which somebody edited it.
    if tags is not None and (is_plausible(tags) or not (statements or is_aperio(page))):
        statements.append(tags)
    first = statements[0] if statements else None
    notes = [
        f"the file says {first.x_um:g} um/px ({first.where}) and {other.x_um:g} ({other.where}); the first was taken"
        for other in statements[1:]
        if first is not None and not math.isclose(first.x_um, other.x_um, rel_tol=SAME_SIZE)
    ]
    return Scale(first, power, tuple(notes))


def _by_resolution_tags(page: TiffPage) -> StatedPixelSize | None:
    values = page.tags.valueof("XResolution"), page.tags.valueof("YResolution")
    unit = _UM_PER_UNIT.get(page.tags.valueof("ResolutionUnit", default=2))
    x, y = (_ratio(value) for value in values)
    if unit is None or x is None or y is None:
        return None
    return StatedPixelSize(unit / x, unit / y, "the TIFF's resolution tags")


def _aperio_numbers(page: TiffPage, field: str) -> list[float]:
    """All numbers that a description gives for a field: files that were cut out of others hold several descriptions."""
    numbers = map(parse_number, _aperio_texts(page, field))
    return [number for number in numbers if number is not None]


def _aperio_texts(page: TiffPage, field: str) -> list[str]:
    pairs = (part.partition("=") for part in page.description[:_MAX_TEXT].split("|")[1:])
    return [value for name, _, value in pairs if name.strip() == field]


def _ratio(value: object) -> float | None:
    """A TIFF rational, as tifffile gives it: (numerator, denominator)."""
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[0]) / float(value[1])
