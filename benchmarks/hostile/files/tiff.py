"""TIFF and BigTIFF from tags of any type, count and value, right or wrong."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from unmissed.benchmarks.hostile.files.pixels import encoded, stained

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
_FORMS = {BYTE: "B", SHORT: "H", LONG: "I", LONG8: "Q", 13: "I", 18: "Q", 11: "f", 12: "d"}

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 273, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, SOFTWARE, PREDICTOR = 282, 283, 284, 296, 305, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, SUB_IFDS, JPEG_TABLES = 322, 323, 324, 325, 330, 347


class Tag(NamedTuple):
    """A tag; ``values`` are numbers or raw bytes, ``claimed`` is the count that the file claims (None: the truth).

    ``place`` is an offset that is written instead of the one where the values are.
    """

    kind: int
    values: tuple[float, ...] | bytes
    claimed: int | None = None
    place: int | None = None


@dataclass
class Page:
    """A page: its tags, the tiles or strips they point to, its sub-pages, and where the next page is said to be."""

    tags: dict[int, Tag]
    pieces: list[bytes] = field(default_factory=list)
    subs: list["Page"] = field(default_factory=list)
    following: int | None = None

    def without(self, *tags: int) -> "Page":
        """This page lacking some tags."""
        kept = {number: tag for number, tag in self.tags.items() if number not in tags}
        return Page(kept, self.pieces, self.subs, self.following)

    def having(self, **tags: Tag) -> "Page":
        """This page with tags replaced, as ``t256=Tag(...)``."""
        changed = {int(name[1:]): tag for name, tag in tags.items()}
        return Page({**self.tags, **changed}, self.pieces, self.subs, self.following)


def tiled_page(width: int = 512, height: int = 512, tile: int = 256, seed: int = 0, description: str = "") -> Page:
    """A page of JPEG tiles in RGB, 0.25 um/px by its resolution tags."""
    image = stained(-(-width // tile) * tile, -(-height // tile) * tile, seed)
    corners = [(x, y) for y in range(0, height, tile) for x in range(0, width, tile)]
    pieces = [encoded(image[y : y + tile, x : x + tile], "JPEG", quality=85, subsampling=0) for x, y in corners]
    tags = {
        WIDTH: Tag(LONG, (width,)),
        HEIGHT: Tag(LONG, (height,)),
        BITS: Tag(SHORT, (8, 8, 8)),
        COMPRESSION: Tag(SHORT, (7,)),
        PHOTOMETRIC: Tag(SHORT, (6,)),
        SAMPLES: Tag(SHORT, (3,)),
        X_RESOLUTION: Tag(RATIONAL, (40_000, 1)),
        Y_RESOLUTION: Tag(RATIONAL, (40_000, 1)),
        RESOLUTION_UNIT: Tag(SHORT, (3,)),
        TILE_WIDTH: Tag(SHORT, (tile,)),
        TILE_HEIGHT: Tag(SHORT, (tile,)),
    }
    if description:
        tags[DESCRIPTION] = Tag(ASCII, description.encode() + b"\0")
    return Page(tags, pieces)


def build(pages: Sequence[Page], *, big: bool = False, order: str = "<", first: int | None = None) -> bytes:
    """The file: header, then for each page its pieces, the values of its tags, and its directory.

    Args:
        pages: in the order of the chain.
        big: BigTIFF.
        order: "<" little or ">" big endian.
        first: offset of the first page as the header claims it; None is the truth.
    """
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
    out = bytearray(mark + head)
    pointer = 8 if big else 4  # where the offset of the next page belongs
    for page in pages:
        start, end = _write_page(out, page, big, order)
        _patch(out, pointer, start if first is None else first, big, order)
        first, pointer = None, end
    if pages and pages[-1].following is not None:
        _patch(out, pointer, pages[-1].following, big, order)
    return bytes(out)


def _write_page(out: bytearray, page: Page, big: bool, order: str) -> tuple[int, int]:
    """Append a page; returns where its directory begins and where its pointer to the next page is."""
    subs = []
    for sub in page.subs:
        start, end = _write_page(out, sub, big, order)
        if sub.following is not None:
            _patch(out, end, sub.following, big, order)
        subs.append(start)
    offsets = []
    for piece in page.pieces:
        offsets.append(len(out))
        out += piece
    word = LONG8 if big else LONG
    tiled = TILE_WIDTH in page.tags
    derived = {(TILE_OFFSETS if tiled else STRIP_OFFSETS): Tag(word, tuple(offsets))} if offsets else {}
    if offsets:
        derived[TILE_COUNTS if tiled else STRIP_COUNTS] = Tag(word, tuple(len(piece) for piece in page.pieces))
    if subs:
        derived[SUB_IFDS] = Tag(word, tuple(subs))
    tags = sorted({**derived, **page.tags}.items())
    inline, size = (8, "Q") if big else (4, "I")
    entries = []
    for number, tag in tags:
        data, count = _values(tag, order)
        if tag.place is not None:
            value = struct.pack(order + size, tag.place)
        elif len(data) <= inline:
            value = data.ljust(inline, b"\0")
        else:
            out += b"\0" * (len(out) % 2)
            value = struct.pack(order + size, len(out))
            out += data
        entries.append(
            struct.pack(order + "HH" + size, number, tag.kind, count if tag.claimed is None else tag.claimed) + value
        )
    out += b"\0" * (len(out) % 2)
    start = len(out)
    out += struct.pack(order + ("Q" if big else "H"), len(entries)) + b"".join(entries)
    end = len(out)
    out += bytes(inline)
    return start, end


def _values(tag: Tag, order: str) -> tuple[bytes, int]:
    if isinstance(tag.values, bytes):
        return tag.values, len(tag.values)
    form = _FORMS.get(tag.kind, "I")
    numbers = tuple(tag.values) if form in "fd" else tuple(int(value) for value in tag.values)
    return struct.pack(f"{order}{len(numbers)}{form}", *numbers), len(numbers) // (2 if tag.kind == RATIONAL else 1)


def _patch(out: bytearray, at: int, value: int, big: bool, order: str) -> None:
    data = struct.pack(order + ("Q" if big else "I"), value)
    out[at : at + len(data)] = data
