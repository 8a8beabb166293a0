"""JPEG inside of a TIFF: damage to it goes through libtiff without a word, so it is looked at first."""

import simplejpeg
from PIL.TiffImagePlugin import TiffImageFile

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.jpeg_header import read_jpeg_header

_COMPRESSION, _JPEG = 259, 7
_ROWS, _TILE_WIDTH, _TILE_HEIGHT, _TABLES = 278, 322, 323, 347
_PLACES = ((324, 325), (273, 279))  # where tiles are and how long; where strips are
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression")  # how libjpeg's warnings on pixels begin


def check_tiff_jpeg(image: TiffImageFile, data: bytes, name: str) -> None:
    """Decode the JPEG strips or tiles of a TIFF at an eighth of their size, for the sake of libjpeg's warnings.

    Raises:
        ImageError: One of them is damaged, cut off, or larger than the TIFF says.
    """
    tags = image.tag_v2
    places = next(((tags[a], tags[b]) for a, b in _PLACES if a in tags and b in tags), None)
    if tags.get(_COMPRESSION) != _JPEG or places is None:
        return
    width, height = image.size
    part_px = tags.get(_TILE_WIDTH, width) * tags.get(_TILE_HEIGHT, min(height, tags.get(_ROWS, height)))
    tables = bytes(tags.get(_TABLES, b""))[:-2]
    budget_px = 3 * 4 * width * height + 2**22  # planes, and parts beyond the edges
    for number, (start, length) in enumerate(zip(*places, strict=False), 1):
        part, what = data[start : start + length], f"{name}, part {number},"
        stream = tables + part[2:] if tables else part
        header = read_jpeg_header(stream, what)
        budget_px -= header.width_px * header.height_px
        if header.width_px * header.height_px > part_px or budget_px < 0:
            raise _damaged(what, f"it is a JPEG of {header.width_px} x {header.height_px} px")
        try:
            simplejpeg.decode_jpeg(stream, "GRAY", min_factor=8)
        except ValueError as error:
            if str(error).startswith(_DAMAGE):
                raise _damaged(what, str(error)) from error


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(f"{name} is damaged: {cause}", expected="an intact picture", fix="copy or download it again")
