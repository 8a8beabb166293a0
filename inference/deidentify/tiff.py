"""TIFF slides: levels are copied byte by byte with the few tags that show them; everything else stays behind."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from tifffile import TiffFile, TiffPage

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.slides.formats.tiff.layout import read_layout
from unmissed.datasets.slides.formats.tiff.metadata import Scale, is_aperio, scale_of
from unmissed.datasets.slides.formats.tiff.pages import find_slide_pages
from unmissed.inference.deidentify.jpeg_notes import notes_of
from unmissed.inference.deidentify.parts import anything_between, blank, copy_bytes
from unmissed.inference.deidentify.scn import scn_levels
from unmissed.inference.deidentify.values import DeidentifyError

_OFFSETS, _COUNTS = (324, 273), (325, 279)  # of tiles, of strips
_TABLES, _DESCRIPTION = 347, 270
# Size, bits, compression, colours, planes, rows of a strip, tiles, predictor, sample format, YCbCr: TIFF 6.0.
_KEPT = frozenset({256, 257, 258, 259, 262, 277, 278, 284, 317, 322, 323, 339, 529, 530, 531, 532})
_WRITTEN = frozenset({254, 282, 283, 296, _TABLES, _DESCRIPTION, *_OFFSETS, *_COUNTS}) | _KEPT
_FORMATS = {1: "B", 3: "H", 4: "I", 5: "I", 16: "Q"}  # of the types that are written
_APERIO = "Aperio Image Library"
_JPEG = 7  # compression
_Entry = tuple[int, int, int, bytes]  # tag, type, count, value


def copy_tiff(source: Path, target: Path) -> list[str]:
    """Write a BigTIFF with the levels of a slide.

    Returns:
        What was found and is not in the copy, in words that quote nothing of it.

    Raises:
        SlideError: When the slide cannot be read.
        DeidentifyError: When its pages are of a kind that only its scanner's software understands.
        OutputError: When the copy cannot be written.
    """
    found = check_tiff(source)
    with TiffFile(source, _multifile=False) as tiff, source.open("rb") as stream:
        levels = _levels(tiff, source)
        scale = _scale(tiff, levels[0], source)
        with write_whole(target, "wb") as out:
            out.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
            link = 8  # where the place of the next directory belongs
            for number, page in enumerate(levels):
                entries = [*_kept(page), _entry(254, 4, [int(number > 0)])]
                if scale.stated is not None:
                    factor = levels[0].imagewidth / page.imagewidth
                    sizes = scale.stated.x_um * factor, scale.stated.y_um * factor
                    entries += [
                        _entry(tag, 5, [round(1e9 / um), 100_000]) for tag, um in zip((282, 283), sizes, strict=True)
                    ]
                    entries.append(_entry(296, 3, [3]))
                if is_aperio(page):
                    power = f"|AppMag = {scale.objective_power:g}" if scale.objective_power and number == 0 else ""
                    size = f"|MPP = {scale.stated.x_um:g}" if scale.stated and number == 0 else ""
                    entries.append(_text(_DESCRIPTION, f"{_APERIO}{power}{size}"))
                tiles = page.is_tiled
                places = []
                for (place, count), notes in zip(_tiles(page), _notes(stream, page), strict=True):
                    places.append(out.tell() if count else 0)
                    copy_bytes(stream, out, place, count)
                    blank(out, notes, places[-1] - place)
                entries += [
                    _entry(_OFFSETS[not tiles], 16, places),
                    _entry(_COUNTS[not tiles], 16, page.databytecounts),
                ]
                link = _directory(out, link, entries)
    return found


def check_tiff(path: Path) -> list[str]:
    """What in a TIFF slide could say whose it is: pages, tags, and bytes that belong to none; in words, by kind.

    Raises:
        SlideError, DeidentifyError: As of ``copy_tiff``.
    """
    found: list[str] = []
    with TiffFile(path, _multifile=False) as tiff, path.open("rb") as stream:
        levels = {page.offset for page in _levels(tiff, path)}
        covered = [(0, 16 if tiff.is_bigtiff else 8)]
        for number, page in enumerate(tiff.pages):
            if not isinstance(page, TiffPage):
                page = page.aspage()
            covered += _ranges(page, tiff.is_bigtiff)
            if page.offset not in levels:
                found.append(f"page {number}: a picture beside the slide (label, overview, thumbnail)")
            for tag in page.tags:
                if tag.code not in _WRITTEN:
                    found.append(f"page {number}: tag {tag.code} ({tag.name[:30]})")
            words = page.tags.valueof(_DESCRIPTION, "")
            if words and not _is_plain(str(words)):
                found.append(f"page {number}: a description")
            tables = page.tags.valueof(_TABLES)
            if tables and _plain_tables(tables) != tables:
                found.append(f"page {number}: a comment in the JPEG tables")
            if page.offset in levels and (commented := sum(map(bool, _notes(stream, page)))):
                found.append(f"page {number}: a comment in {commented} JPEG tiles")
        if any(anything_between(path, covered)):
            found.append("bytes that belong to no page")
    return found


def _levels(tiff: TiffFile, path: Path) -> list[TiffPage]:
    """The pages that the reader of slides shows as levels, whose pixels it has compared; finest first."""
    try:
        if tiff.is_scn:
            return scn_levels(tiff)[0]
        sizes = {(one.level.width_px, one.level.height_px) for one in read_layout(path).levels}
        pages = find_slide_pages(tiff, path)
    except (TypeError, ValueError, IndexError, KeyError, StopIteration, struct.error) as error:
        raise DeidentifyError(f"{path} cannot be read whole", fix="export the slide as a tiled TIFF") from error
    return [one for one in (pages.finest, *pages.smaller) if (one.imagewidth, one.imagelength) in sizes]


def _scale(tiff: TiffFile, finest: TiffPage, path: Path) -> Scale:
    if tiff.is_scn:
        return Scale(scn_levels(tiff)[1], None, ())
    return scale_of(finest, find_slide_pages(tiff, path).ome)


def _tiles(page: TiffPage) -> list[tuple[int, int]]:
    """Place and length of its tiles or strips."""
    return list(zip(page.dataoffsets, page.databytecounts, strict=True))


def _notes(stream: IO[bytes], page: TiffPage) -> Iterator[list[tuple[int, int]]]:
    """Of each of its tiles, where comments are in it."""
    tiles = _tiles(page)
    return notes_of(stream, tiles) if page.compression == _JPEG else iter([[] for _ in tiles])


def _kept(page: TiffPage) -> Iterator[_Entry]:
    for tag in page.tags:
        if tag.code in _KEPT and int(tag.dtype) in _FORMATS:
            yield _entry(tag.code, int(tag.dtype), tag.value if isinstance(tag.value, tuple) else (int(tag.value),))
        elif tag.code == _TABLES:
            tables = _plain_tables(tag.value)
            yield tag.code, 7, len(tables), tables


def _plain_tables(tables: bytes) -> bytes:
    """JPEG tables without comments and application data; Adobe's marker stays, because it names the colours."""
    parts, position = [tables[:2]], 2
    while position + 4 <= len(tables) and tables[position + 1] != 0xD9:
        marker = tables[position + 1]
        end = position + 2 + int.from_bytes(tables[position + 2 : position + 4], "big")
        if marker not in {0xFE, *range(0xE0, 0xF0)} or (marker == 0xEE and end - position == 16):
            parts.append(tables[position:end])
        position = end
    return b"".join([*parts, b"\xff\xd9"])


def _is_plain(words: str) -> bool:
    head, *fields = words.split("|")
    return head == _APERIO and all(field.split(" = ")[0] in ("MPP", "AppMag") for field in fields) and len(words) < 80


def _entry(tag: int, kind: int, values: Sequence[Any]) -> _Entry:
    flat = [int(one) for one in values]
    return tag, kind, len(flat) // (2 if kind == 5 else 1), struct.pack(f"<{len(flat)}{_FORMATS[kind]}", *flat)


def _text(tag: int, words: str) -> _Entry:
    value = words.encode("ascii", "replace") + b"\0"
    return tag, 2, len(value), value


def _directory(out: IO[bytes], link: int, entries: Sequence[_Entry]) -> int:
    """Write a directory and its values, link it in; gives where the place of the next one belongs."""
    placed = []
    for tag, kind, count, value in sorted(entries):
        if len(value) > 8:
            place = out.tell()
            out.write(value)
            value = struct.pack("<Q", place)
        placed.append(struct.pack("<HHQ", tag, kind, count) + value.ljust(8, b"\0"))
    start = out.tell()
    out.write(struct.pack("<Q", len(placed)) + b"".join(placed) + bytes(8))
    end = out.tell()
    out.seek(link)
    out.write(struct.pack("<Q", start))
    out.seek(end)
    return end - 8


def _ranges(page: TiffPage, big: bool) -> Iterator[tuple[int, int]]:
    count, inline = len(page.tags), 8 if big else 4
    yield page.offset, page.offset + (16 + 20 * count if big else 6 + 12 * count)
    for tag in page.tags:
        if tag.valuebytecount > inline:
            yield tag.valueoffset, tag.valueoffset + tag.valuebytecount
    for place, length in _tiles(page):
        yield place, place + length
