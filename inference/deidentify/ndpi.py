"""Hamamatsu NDPI: a TIFF with 64-bit offsets and one JPEG a level, which is copied byte by byte."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tifffile import TiffFile, TiffPage, TiffTag

from unmissed.datasets.basis.files import write_whole
from unmissed.inference.deidentify.jpeg_notes import notes_of
from unmissed.inference.deidentify.parts import anything_between, blank, copy_bytes
from unmissed.inference.deidentify.values import DeidentifyError

_MAKE, _OFFSET, _COUNT, _LENS = 271, 273, 279, 65421
# Size, bits, compression, colours, strip, resolution, YCbCr; format, lens, place on the glass, focal plane, restarts.
_KEPT = frozenset(
    (254, *range(256, 260), 262, 277, 278, 282, 283, 284, 296, *range(529, 533), *range(65420, 65425), 65426, 65432)
)
_NUMBERS = frozenset({3, 4, 5, 9, 10, 11, 12})  # types of TIFF 6.0: no text
_LONG = 4
_FEW = 8  # numbers in a tag, but for restarts
_RESTARTS = (65426, 65432)


def copy_ndpi(source: Path, target: Path) -> list[str]:
    """Write an NDPI with the levels (and focal planes) of a slide.

    Returns:
        What was found and is not in the copy, in words that quote nothing of it.

    Raises:
        DeidentifyError: When it is no NDPI of this kind, or the copy would be larger than 4 GiB.
        OutputError: When the copy cannot be written.
    """
    found = check_ndpi(source)
    with TiffFile(source, _multifile=False) as tiff, source.open("rb") as stream, write_whole(target, "wb") as out:
        out.write(struct.pack("<2sHQ", b"II", 42, 0))
        link = 4  # where the place of the next directory belongs
        for page in _levels(tiff, source):
            place, count = _strip(page, source)
            start = out.tell()
            copy_bytes(stream, out, place, count)
            for notes in notes_of(stream, [(place, count)]):
                blank(out, notes, start - place)
            values = [(tag.code, int(tag.dtype), tag.count, _value(stream, tag)) for tag in page.tags if _is_kept(tag)]
            values += [(_OFFSET, _LONG, 1, struct.pack("<I", start)), (_COUNT, _LONG, 1, struct.pack("<I", count))]
            link = _directory(out, link, sorted(values))
    return found


def check_ndpi(path: Path) -> list[str]:
    """What in an NDPI could say whose it is, in words, by kind.

    Raises:
        DeidentifyError: As of ``copy_ndpi``.
    """
    found: list[str] = []
    with TiffFile(path, _multifile=False) as tiff, path.open("rb") as stream:
        levels = {page.offset for page in _levels(tiff, path)}
        covered = [(0, 12)]
        for number, page in enumerate(_pages(tiff)):
            covered += _ranges(page)
            if page.offset not in levels:
                found.append(f"page {number}: a picture beside the slide (macro, map)")
                continue
            found += [
                f"page {number}: tag {tag.code} ({tag.name[:30]})"
                for tag in page.tags
                if tag.code not in (_OFFSET, _COUNT) and not _is_kept(tag)
            ]
            if any(notes_of(stream, [_strip(page, path)])):
                found.append(f"page {number}: a comment in the JPEG")
        if any(anything_between(path, covered)):
            found.append("bytes that belong to no page")
    return found


def _levels(tiff: TiffFile, path: Path) -> list[TiffPage]:
    """The pages that were taken through the lens; those of the overview camera have a negative one."""
    levels = [page for page in _pages(tiff) if page.tags.valueof(_LENS, -1) > 0]
    total = sum(_strip(page, path)[1] + sum(tag.valuebytecount for tag in page.tags) for page in levels)
    if not tiff.is_ndpi or not levels or total > 2**32 - 2**20:
        raise DeidentifyError(
            f"{path} is an NDPI of another kind, or of more than 4 GiB",
            expected="an NDPI with levels of a slide, below 4 GiB",
            fix="export the slide as a tiled TIFF",
        )
    return levels


def _pages(tiff: TiffFile) -> list[TiffPage]:
    return [page if isinstance(page, TiffPage) else page.aspage() for page in tiff.pages]


def _strip(page: TiffPage, path: Path) -> tuple[int, int]:
    """Place and length of the JPEG of a page."""
    offset, count = page.tags.get(_OFFSET), page.tags.get(_COUNT)
    if offset is None or count is None or (offset.count, count.count) != (1, 1):
        raise DeidentifyError(f"{path} has a level in several pieces", fix="export the slide as a tiled TIFF")
    return int(page.tags.valueof(_OFFSET)[0]), int(page.tags.valueof(_COUNT)[0])


def _is_kept(tag: TiffTag) -> bool:
    if tag.code == _MAKE:
        return tag.value == "Hamamatsu"  # programs look for it
    return tag.code in _KEPT and int(tag.dtype) in _NUMBERS and (tag.code in _RESTARTS or tag.count <= _FEW)


def _value(stream: IO[bytes], tag: TiffTag) -> bytes:
    stream.seek(tag.valueoffset)
    return stream.read(tag.valuebytecount)


def _directory(out: IO[bytes], link: int, entries: list[tuple[int, int, int, bytes]]) -> int:
    """Write a directory and its values, link it in; gives where the place of the next one belongs."""
    placed = []
    for tag, kind, count, value in entries:
        if len(value) > 4:
            out.write(bytes(out.tell() % 2))
            place = out.tell()
            out.write(value)
            value = struct.pack("<I", place)
        placed.append(struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0"))
    out.write(bytes(out.tell() % 2))
    start = out.tell()
    # After the place of the next directory come the upper halves of all values: zero below 4 GiB.
    out.write(struct.pack("<H", len(placed)) + b"".join(placed) + bytes(8 + 4 * len(placed)))
    end = out.tell()
    out.seek(link)
    out.write(struct.pack("<Q", start))
    out.seek(end)
    return start + 2 + 12 * len(placed)


def _ranges(page: TiffPage) -> Iterator[tuple[int, int]]:
    yield page.offset, page.offset + 10 + 16 * len(page.tags)
    for tag in page.tags:
        if tag.valuebytecount > 4:
            yield tag.valueoffset, tag.valueoffset + tag.valuebytecount
    place, length = int(page.tags.valueof(_OFFSET)[0]), int(page.tags.valueof(_COUNT)[0])
    yield place, place + length
