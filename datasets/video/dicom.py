"""The video inside a DICOM file: an MPEG stream in the fragments of its pixel data (PS3.5, A.4 and 8.2)."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from unmissed.datasets.basis.errors import VideoError

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_TRANSFER_SYNTAX, _PIXEL_DATA, _ITEM, _END = 0x00020010, 0x7FE00010, 0xFFFEE000, 0xFFFEE0DD
_MPEG = "1.2.840.10008.1.2.4.1"  # .100 to .108: MPEG-2, MPEG-4 AVC/H.264, HEVC/H.265
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_MOST_ELEMENTS = 100_000  # files of unknown origin may go on for ever


def video_in(path: Path, source: str) -> BinaryIO | None:
    """The MPEG stream in a DICOM file, which closes with it; None for other files.

    Raises:
        VideoError: When it is DICOM without such a stream.
    """
    stream = path.open("rb")
    stream.seek(_PREAMBLE_BYTES)
    if stream.read(len(_MAGIC)) != _MAGIC:
        stream.close()
        return None
    try:
        return io.BufferedReader(_Fragments(stream, _video_fragments(stream, source)))
    except VideoError:
        stream.close()
        raise


class _Fragments(io.RawIOBase):
    """Stretches (start, bytes) of a file, one after another, as a file of its own."""

    def __init__(self, stream: BinaryIO, parts: list[tuple[int, int]]) -> None:
        self._stream, self._parts, self._at = stream, parts, 0
        self._size = sum(size for _, size in parts)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        start = 0
        for place, size in self._parts:
            if self._at < start + size:
                self._stream.seek(place + self._at - start)
                data = self._stream.read(min(len(buffer), start + size - self._at))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            start += size
        return 0

    def close(self) -> None:
        self._stream.close()
        super().close()


def _video_fragments(stream: BinaryIO, source: str) -> list[tuple[int, int]]:
    syntax = "unknown"
    for tag, size in _elements(stream):
        if tag == _TRANSFER_SYNTAX and size <= 64:
            syntax = stream.read(size).decode("ascii", "replace").strip("\0 ")
            if not syntax.startswith(_MPEG):
                break
            stream.seek(-size, io.SEEK_CUR)
        elif tag == _PIXEL_DATA and size == _UNDEFINED:
            parts = list(_items(stream))[1:]  # the first is the table of offsets
            if parts:
                return parts
            break
    raise VideoError(
        f"{source} is a DICOM file without an MPEG video (transfer syntax {syntax})",
        expected="a DICOM video of MPEG-2, H.264 or HEVC, or a plain video file",
        fix="have the archive export it as MP4",
    )


def _elements(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Tag and size of the elements, those in sequences too; the stream is at the value, and goes on behind it."""
    for _ in range(_MOST_ELEMENTS):
        head = stream.read(8)
        if len(head) < 8:
            return
        group, element, kind, size = struct.unpack("<HH2sH", head)
        tag = group << 16 | element
        if group == _ITEM >> 16:
            size = struct.unpack("<I", head[4:])[0]
        elif kind in _LONG:
            size = int.from_bytes(stream.read(4), "little")
        at = stream.tell()
        yield tag, size
        goes_inside = kind == b"SQ" or tag == _ITEM or size == _UNDEFINED
        stream.seek(at if goes_inside else at + size)


def _items(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Place and size of the items of encapsulated pixel data."""
    for _ in range(_MOST_ELEMENTS):
        head = stream.read(8)
        if len(head) < 8:
            return
        group, element, size = struct.unpack("<HHI", head)
        if group << 16 | element != _ITEM:
            return
        at = stream.tell()
        yield at, size
        stream.seek(at + size)
