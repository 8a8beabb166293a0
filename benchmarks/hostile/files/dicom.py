"""DICOM files (explicit VR, little endian) from elements, right or wrong; written after PS3.5 and PS3.10."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from unmissed.benchmarks.hostile.files.pixels import encoded, stained

_LONG = {"OB", "OW", "OF", "SQ", "UT", "UN", "UC", "UR"}
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
UNDEFINED = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Element:
    """A data element; ``length`` is what the file claims (None: the truth)."""

    tag: int
    vr: str
    value: bytes
    length: int | None = None

    def bytes(self) -> bytes:
        """As it is stored."""
        value = self.value + (b"\0" if self.vr in ("UI", "OB") else b" ") * (len(self.value) % 2)
        length = len(value) if self.length is None else self.length
        head = struct.pack("<HH", self.tag >> 16, self.tag & 0xFFFF) + self.vr.encode()
        if self.vr in _LONG:
            return head + struct.pack("<HI", 0, length) + value
        return head + struct.pack("<H", length & 0xFFFF) + value


def text(tag: int, vr: str, value: str) -> Element:
    """An element of characters."""
    return Element(tag, vr, value.encode())


def number(tag: int, value: int, vr: str = "US") -> Element:
    """An element with one whole number, US or UL."""
    return Element(tag, vr, struct.pack("<H" if vr == "US" else "<I", value))


def sequence(tag: int, *items: bytes) -> Element:
    """A sequence; items and sequence have defined lengths."""
    return Element(tag, "SQ", b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items))


def frames(pieces: Sequence[bytes]) -> Element:
    """Encapsulated pixel data with an empty offset table."""
    pieces = [b"", *(piece + b"\0" * (len(piece) % 2) for piece in pieces)]
    value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(piece)) + piece for piece in pieces)
    return Element(0x7FE00010, "OB", value + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), UNDEFINED)


def slide(
    tile: int = 256, columns: int = 2, rows: int = 2, series: str = "1.2.3.4", uid: str = "1.2.3.4.5"
) -> dict[int, Element]:
    """Elements of a level of a whole slide with JPEG tiles, by tag."""
    image = stained(tile * columns, tile * rows)
    pieces = [
        encoded(image[y : y + tile, x : x + tile], "JPEG", subsampling=1)
        for y in range(0, tile * rows, tile)
        for x in range(0, tile * columns, tile)
    ]
    measures = sequence(0x00289110, text(0x00280030, "DS", "0.00025\\0.00025").bytes()).bytes()
    elements = [
        text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
        text(0x00080016, "UI", WHOLE_SLIDE),
        text(0x00080018, "UI", uid),
        text(0x00080060, "CS", "SM"),
        text(0x0020000D, "UI", "1.2.3"),
        text(0x0020000E, "UI", series),
        text(0x00209311, "CS", "TILED_FULL"),
        number(0x00280002, 3),
        text(0x00280004, "CS", "YBR_FULL_422"),
        number(0x00280006, 0),
        text(0x00280008, "IS", str(columns * rows)),
        number(0x00280010, tile),
        number(0x00280011, tile),
        number(0x00280100, 8),
        number(0x00280101, 8),
        number(0x00280102, 7),
        number(0x00280103, 0),
        number(0x00480006, tile * columns, "UL"),
        number(0x00480007, tile * rows, "UL"),
        sequence(0x52009229, measures),
        frames(pieces),
    ]
    return {element.tag: element for element in elements}


def build(elements: dict[int, Element], syntax: str = JPEG_BASELINE, *, uid: str = "1.2.3.4.5") -> bytes:
    """The file: preamble, file meta information, data set in the order of the tags."""
    meta = b"".join(
        element.bytes()
        for element in (
            Element(0x00020001, "OB", b"\0\1"),
            text(0x00020002, "UI", WHOLE_SLIDE),
            text(0x00020003, "UI", uid),
            text(0x00020010, "UI", syntax),
        )
    )
    head = bytes(128) + b"DICM" + number(0x00020000, len(meta), "UL").bytes() + meta
    return head + b"".join(elements[tag].bytes() for tag in sorted(elements))
