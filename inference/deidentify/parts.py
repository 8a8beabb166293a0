"""What copies of TIFF files of every kind need: pieces of files copied, blanked, and looked for between others."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from unmissed.inference.deidentify.values import DeidentifyError

_PIECE = 2**24


def copy_bytes(source: IO[bytes], out: IO[bytes], place: int, count: int) -> None:
    """Copy some bytes of a file to where the other stands.

    Raises:
        DeidentifyError: When the file ends before.
    """
    source.seek(place)
    while count and (piece := source.read(min(count, _PIECE))):
        out.write(piece)
        count -= len(piece)
    if count:
        raise DeidentifyError("the slide ends in the middle of a tile", fix="copy it again from the scanner")


def blank(out: IO[bytes], notes: Sequence[tuple[int, int]], moved: int) -> None:
    """Put zeros in the place of notes, which are so much further in the copy; the copy stands at its end again."""
    end = out.tell()
    for place, count in notes:
        out.seek(place + moved)
        out.write(bytes(count))
    out.seek(end)


def anything_between(path: Path, covered: Sequence[tuple[int, int]]) -> Iterator[bool]:
    """Whether each stretch that belongs to nothing holds anything but zeros."""
    end, size = 0, path.stat().st_size
    with path.open("rb") as stream:
        for start, stop in [*sorted(covered), (size, size)]:
            if start > end:
                stream.seek(end)
                left = start - end
                while left > 0 and (piece := stream.read(min(left, _PIECE))):
                    left -= len(piece)
                    # One byte before an odd place is padding.
                    yield start - end > 1 and piece.strip(b"\0") != b""
            end = max(end, stop)
