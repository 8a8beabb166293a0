"""What the OME-XML in a TIFF's description says of its images; hostile XML is refused, not parsed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from unmissed.datasets.basis.reading import name_of, parse_xml
from unmissed.datasets.slides.pixel_size import parse_number

_MAX_TEXT = 4_000_000  # an OME-XML of a slide is a few kilobytes, of one with a line for every tile a megabyte
_IS_OME = re.compile(r"<(?:[\w.-]+:)?OME[\s>]")
_MANGLED_MICRO = re.compile(r"[^\x00-\x7f]+m")  # the letter has two codes, and is mangled by wrong encodings
_UM_PER_UNIT = {
    **dict.fromkeys(("", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **{"nm": 1e-3, "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6, "pm": 1e-6, "å": 1e-4, "in": 25_400.0},
}


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image of an OME-XML.

    Attributes:
        name: as the file gives it; "" without one.
        width_px, height_px: 0 when not given.
        planes: focal planes, time points and channels that are planes of their own, multiplied.
        x_um, y_um: size of a pixel; None when it is not given in a unit of length.
        objective_power: None when not given.
        first_page: number of its first page in the file; None when not given.
        is_elsewhere: it names another file for its pixels.
    """

    name: str
    width_px: int
    height_px: int
    planes: int
    x_um: float | None
    y_um: float | None
    objective_power: float | None
    first_page: int | None
    is_elsewhere: bool


def is_ome(description: str) -> bool:
    """Whether a description claims to be OME-XML."""
    return _IS_OME.search(description[:_MAX_TEXT]) is not None


def read_ome(description: str) -> tuple[OmeImage, ...]:
    """Parse an OME-XML.

    Raises:
        ValueError: When it is too long, is no XML, or declares entities (with which a few lines fill the memory).
    """
    if len(description) > _MAX_TEXT:
        raise ValueError(f"it has more than {_MAX_TEXT:,} letters")
    root = parse_xml(description)
    powers = {
        element.get("ID", ""): parse_number(element.get("NominalMagnification")) for element in _all(root, "Objective")
    }
    images = [_image(image, pixels, powers) for image in _all(root, "Image") for pixels in _all(image, "Pixels")]
    return tuple(images)


def _image(image: ElementTree.Element, pixels: ElementTree.Element, powers: dict[str, float | None]) -> OmeImage:
    objective = next((element.get("ID", "") for element in _all(image, "ObjectiveSettings")), None)
    only = next(iter(powers.values())) if len(powers) == 1 else None
    data = list(_all(pixels, "TiffData"))
    first = next((_whole(element.get("IFD")) for element in data), None)
    channels = list(_all(pixels, "Channel"))
    together = [_whole(channel.get("SamplesPerPixel")) or 1 for channel in channels]
    sizes = {axis: _whole(pixels.get(f"Size{axis}")) for axis in "XYZCT"}
    # Channels that are stored pixel by pixel are one plane; without a <Channel> nothing says that they are not.
    planes_of_channels = len(together) if together else 1
    if together and (sizes["C"] or 0) > sum(together):
        planes_of_channels = sizes["C"] or 1
    return OmeImage(
        name=image.get("Name", ""),
        width_px=sizes["X"] or 0,
        height_px=sizes["Y"] or 0,
        planes=(sizes["Z"] or 1) * (sizes["T"] or 1) * planes_of_channels,
        x_um=_length_um(pixels, "X"),
        y_um=_length_um(pixels, "Y"),
        objective_power=only if objective is None else powers.get(objective),
        first_page=first,
        is_elsewhere=any(element.get("FileName") for element in _all(pixels, "UUID")),
    )


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Elements of that name, whatever their namespace."""
    return (one for one in element.iter() if name_of(one) == name)


def _length_um(pixels: ElementTree.Element, axis: str) -> float | None:
    value = parse_number(pixels.get(f"PhysicalSize{axis}"))
    unit = _UM_PER_UNIT.get(_MANGLED_MICRO.sub("um", pixels.get(f"PhysicalSize{axis}Unit", "").strip().lower()))
    return None if value is None or unit is None else value * unit


def _whole(text: str | None) -> int | None:
    number = parse_number(text)
    return int(number) if number is not None and 0 <= number < 2**31 else None
