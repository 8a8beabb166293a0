"""PNG files are checked before they are decoded: Pillow stops at the last pixel, and what is damaged there passes."""

import zlib

from unmissed.datasets.basis.errors import ImageError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = _SIGNATURE + b"\0\0\0\x0dIHDR"
_MOST_CHUNKS = 50_000  # 8 kB each, as libpng writes them, are more than the largest picture that is read
_NO_FRAMES = "the header of its animation is invalid"


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header; None where it is no PNG, or begins as no PNG does."""
    if not data.startswith(_HEADER) or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def check_png(data: bytes, name: str) -> None:
    """Look at every chunk, as libpng does: its length, the checksum of those that decide pixels, and the end.

    Raises:
        ImageError: The file is cut off or damaged, or has too many chunks.
    """
    view = memoryview(data)
    position, animations = len(_SIGNATURE), 0
    for _ in range(_MOST_CHUNKS):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(data):
            raise ImageError(
                f"{name} is cut off: its end marker is missing",
                expected="a complete PNG file",
                fix="copy or download the file again",
            )
        is_needed = kind[0] & 0x20 == 0 or kind in (b"tRNS", b"acTL")
        if is_needed and zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise _damaged(name, f"the checksum of a part is wrong ({kind.decode('latin-1')!a})")
        if kind == b"IEND":
            return
        if kind == b"acTL":
            animations += 1
            if (
                animations > 1
                or length != 8
                or not 0 < int.from_bytes(data[position + 8 : position + 12], "big") < 2**31
            ):
                raise _damaged(name, _NO_FRAMES)
        position = end + 4
    raise ImageError(
        f"{name} has more than {_MOST_CHUNKS:,} parts",
        expected="a picture as programs write it",
        fix="open it in an image viewer and save it again, as PNG",
    )


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(f"{name} is damaged: {cause}", expected="an intact picture", fix="copy or download it again")
