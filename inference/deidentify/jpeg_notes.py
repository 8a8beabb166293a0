"""Comments and application data inside JPEG streams: where they are, so that zeros can stand in their place."""

from collections.abc import Iterator, Sequence
from typing import IO

_START_OF_SCAN, _COMMENT, _APPLICATION = 0xDA, 0xFE, range(0xE0, 0xF0)
_JFIF, _ADOBE = (0xE0, 14, b"JFIF\0"), (0xEE, 12, b"Adobe")  # marker, length and start: they say how colours are stored
_MOST_SEGMENTS = 1000


def notes_of(stream: IO[bytes], tiles: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Of each JPEG, place and length of what its comments and application data hold; what is all zeros holds nothing.

    Args:
        stream: the file.
        tiles: place and length of every JPEG.
    """
    for place, count in tiles:
        yield list(_notes(stream, place, place + count))


def _notes(stream: IO[bytes], place: int, end: int) -> Iterator[tuple[int, int]]:
    at = place + 2
    for _ in range(_MOST_SEGMENTS):
        stream.seek(at)
        head = stream.read(4)
        if at + 4 > end or len(head) < 4 or head[0] != 0xFF or head[1] == _START_OF_SCAN:
            return
        marker, length = head[1], int.from_bytes(head[2:], "big") - 2
        if marker == _COMMENT or marker in _APPLICATION:
            value = stream.read(max(0, min(length, end - at - 4)))
            harmless = any(
                marker == one and len(value) == n and value.startswith(start) for one, n, start in (_JFIF, _ADOBE)
            )
            if value.strip(b"\0") and not harmless:
                yield at + 4, len(value)
        at += 4 + max(0, length)
