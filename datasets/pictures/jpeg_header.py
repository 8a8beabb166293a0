"""The header of a JPEG, read by hand: a tenth of what Pillow takes."""

from dataclasses import dataclass
from typing import Literal

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.kinds import READABLE

_NO_SIZE_MARKERS = frozenset({0xC4, 0xC8, 0xCC})  # DHT, JPG, DAC are among the SOFn markers
_PICTURES_TAG = 0xB001  # of a multi-picture file (CIPA DC-007): how many there are


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Size, offset of the first scan, and how many pictures the file says that it holds."""

    width_px: int
    height_px: int
    scan: int
    pictures: int


def without_metadata(data: bytes) -> bytes:
    """What of a JPEG decides its pixels: all but comments, EXIF, profiles and thumbnails."""
    position, kept = 2, [data[:2]]
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        marker, end = data[position + 1], position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if not (0xE0 <= marker <= 0xED or marker in (0xEF, 0xFE)):  # what remains, Adobe's 0xEE, is about colours
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, data[position:]])


def read_jpeg_header(data: bytes, name: str) -> JpegHeader:
    """Read it up to the first scan.

    Raises:
        ImageError: It is damaged or cut off, or the picture is CMYK or has more than 8 bits per channel.
    """
    position, size, pictures = 2, (0, 0), 1
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise _damaged(name, "its header lacks a required marker")
        marker = data[position + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:  # fill byte, or a marker without a length
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            if size == (0, 0):
                raise _damaged(name, "its header gives no size")
            return JpegHeader(*size, position, pictures)
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE_MARKERS:
            frame = data[position + 4 : position + 10]
            if len(frame) < 6:
                break
            depth, channels = frame[0], frame[5]
            size = (int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
            if depth != 8:
                raise _unsupported(name, f"{depth} bits per channel")
            if channels not in (1, 3):
                raise _unsupported(name, "CMYK colours" if channels == 4 else f"{channels} channels")
        elif marker == 0xE2 and data[position + 4 : position + 8] == b"MPF\0":
            pictures = _pictures(data[position + 8 : position + 2 + length])
        position += 2 + length
    raise ImageError(
        f"{name} is cut off inside its header",
        expected="a complete JPEG file",
        fix="copy or download the file again",
    )


def _pictures(index: bytes) -> int:
    """The number of pictures in the index of a multi-picture file; 1 where it gives none."""
    order: Literal["little", "big"] = "little" if index[:2] == b"II" else "big"
    start = int.from_bytes(index[4:8], order)
    for entry in range(int.from_bytes(index[start : start + 2], order)):
        field = index[start + 2 + 12 * entry : start + 14 + 12 * entry]
        if int.from_bytes(field[:2], order) == _PICTURES_TAG:
            return int.from_bytes(field[8:12], order)
        if len(field) < 12:
            break
    return 1


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(f"{name} is damaged: {cause}", expected="an intact picture", fix="copy or download it again")


def _unsupported(name: str, what: str) -> ImageError:
    return ImageError(f"{name} has {what}", expected=READABLE, fix="convert the file to 8-bit RGB")
