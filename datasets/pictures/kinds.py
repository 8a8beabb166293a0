"""What a file is that is no picture of the kinds that are read: named from its first bytes."""

from unmissed.datasets.basis.errors import ImageError

READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF or PPM with 8 bits per channel, grey or RGB"

_CONVERT = "convert it to PNG or JPEG, and look at the result"
_BRANDS = {  # of ISO media files, behind "ftyp"
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
    **dict.fromkeys((b"avif", b"avis"), "an AVIF picture"),
    b"crx ": "a raw picture of a camera (CR3)",
    b"qt  ": "a video",
}
_STARTS = {
    b"\0\0\0\x0cjP  \r\n\x87\n": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"II\xbc\x01": "a JPEG XR picture",
    b"II\x2b\0": "a BigTIFF, as whole slides are",
    b"MM\0\x2b": "a BigTIFF, as whole slides are",
    b"FUJIFILM": "a raw picture of a camera (RAF)",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip file",
    b"\x1aE\xdf\xa3": "a video (MKV, WebM)",
    b"\0\0\x01\0": "an icon",
    b"SIMPLE  =": "a FITS picture",
    b"\x89HDF": "an HDF5 file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
    b"<!DOCTYPE": "a web page, as a download that failed leaves it",
    b"<html": "a web page, as a download that failed leaves it",
    b"version https://git-lfs": "a pointer of Git LFS, in place of the file",
}
_OWN = {b"\x89PNG": "PNG", b"BM": "BMP", b"GIF8": "GIF", b"RIFF": "WebP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_ELSEWHERE = {"a DICOM file": "export its picture as PNG", "a video": "for videos use `unmissed watch`"}


def not_a_picture(data: bytes, name: str) -> ImageError:
    """The error for a file that no decoder takes; it names the kind where the first bytes give it."""
    kind = _kind_of(data)
    if kind:
        fix = next((fix for what, fix in _ELSEWHERE.items() if kind.startswith(what)), _CONVERT)
        return ImageError(f"{name} is {kind}, which is not read", expected=READABLE, fix=fix)
    own = next((what for start, what in _OWN.items() if data.startswith(start)), "")
    found = f"begins as a {own}, but its header is damaged or of an unusual kind" if own else "is not a picture"
    return ImageError(f"{name} {found}", expected=READABLE, fix="check the file, copy it again, or convert it")


def _kind_of(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "a video (MP4)")
    if data[128:132] == b"DICM":
        return "a DICOM file"
    if data[:4] == b"RIFF":
        return "a video (AVI)" if data[8:12] == b"AVI " else ""
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), "")
