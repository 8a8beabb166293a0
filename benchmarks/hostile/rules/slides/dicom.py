"""DICOM slides: lengths, sequences, missing elements, absurd sizes, series that contradict themselves."""

import shutil
import struct
from pathlib import Path

from unmissed.benchmarks.hostile.files.dicom import UNDEFINED, Element, build, frames, number, sequence, slide, text
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_NAMES = {
    "class": 0x00080016,
    "uid": 0x00080018,
    "series": 0x0020000E,
    "frames": 0x00280008,
    "rows": 0x00280010,
    "columns": 0x00280011,
    "bits": 0x00280100,
    "photometric": 0x00280004,
    "matrix-width": 0x00480006,
    "matrix-height": 0x00480007,
    "measures": 0x52009229,
    "pixels": 0x7FE00010,
}


def _slide(place: Place) -> dict[int, Element]:
    """A level in a series of its own, so that the files of a call are not one slide."""
    series = f"1.2.3.{place.rng.randrange(10**12)}"
    return slide(series=series, uid=f"{series}.1")


@rule(Kind.SCALE, {"one": 1}, Expect.READ)
def dicom_intact(place: Place, variant: int) -> Path:
    return place.write(".dcm", build(_slide(place)))


@rule(Kind.SLIDE, _NAMES)
def dicom_element_missing(place: Place, tag: int) -> Path:
    elements = _slide(place)
    del elements[tag]
    return place.write(".dcm", build(elements))


@rule(
    Kind.SLIDE,
    {f"{name}-{length:x}": (tag, length) for name, tag in _NAMES.items() for length in (0, 1, 0xFFFE, UNDEFINED)},
)
def dicom_length(place: Place, variant: tuple[int, int]) -> Path:
    tag, length = variant
    elements = _slide(place)
    old = elements[tag]
    elements[tag] = Element(tag, old.vr, old.value, length)
    return place.write(".dcm", build(elements))


@rule(
    Kind.SLIDE,
    {
        f"{name}-{value}": (tag, value)
        for name, tag in {"width": 0x00480006, "height": 0x00480007}.items()
        for value in (0, 1, 257, 10**6, 2**31, 2**32 - 1)
    },
)
def dicom_matrix(place: Place, variant: tuple[int, int]) -> Path:
    tag, value = variant
    return place.write(".dcm", build(_slide(place) | {tag: number(tag, value, "UL")}))


@rule(
    Kind.SLIDE,
    {
        f"{name}-{value}": (tag, value)
        for name, tag in {"rows": 0x00280010, "columns": 0x00280011, "samples": 0x00280002, "bits": 0x00280100}.items()
        for value in (0, 1, 16, 65535)
    },
)
def dicom_value(place: Place, variant: tuple[int, int]) -> Path:
    tag, value = variant
    return place.write(".dcm", build(_slide(place) | {tag: number(tag, value)}))


@rule(
    Kind.SLIDE,
    {"0": "0", "negative": "-4", "huge": "99999999999", "text": "four", "two": "4\\9", "fewer": "3", "more": "400"},
)
def dicom_number_of_frames(place: Place, value: str) -> Path:
    return place.write(".dcm", build(_slide(place) | {0x00280008: text(0x00280008, "IS", value)}))


@rule(Kind.SLIDE, {str(depth): depth for depth in (50, 2000, 20_000)})
def dicom_nested_sequences(place: Place, depth: int) -> Path:
    """Sequences of undefined length, one in the other, never closed."""
    opening = struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, UNDEFINED) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, UNDEFINED
    )
    return place.write(
        ".dcm", build(_slide(place) | {0x52009230: Element(0x52009230, "UN", opening * depth)}) + opening * depth
    )


@rule(
    Kind.SLIDE,
    {
        "implicit": "1.2.840.10008.1.2",
        "big-endian": "1.2.840.10008.1.2.2",
        "deflated": "1.2.840.10008.1.2.1.99",
        "jpeg2000": "1.2.840.10008.1.2.4.90",
        "jpeg-ls": "1.2.840.10008.1.2.4.80",
        "rle": "1.2.840.10008.1.2.5",
        "video": "1.2.840.10008.1.2.4.102",
        "empty": "",
        "long": "1." * 500,
        "text": "../../etc/passwd",
    },
)
def dicom_syntax(place: Place, syntax: str) -> Path:
    return place.write(".dcm", build(_slide(place), syntax))


@rule(Kind.SLIDE, {"none": 0, "fewer": 1, "noise": 2, "one-huge": 3, "empty-pieces": 4})
def dicom_pieces(place: Place, variant: int) -> Path:
    elements = _slide(place)
    whole = _slide(place)[0x7FE00010].value
    pieces = [[], [whole[16:2000]], [place.rng.randbytes(3000)] * 4, [bytes(30_000_000)], [b""] * 4][variant]
    elements[0x7FE00010] = frames(pieces)
    return place.write(".dcm", build(elements))


@rule(
    Kind.SCALE,
    {
        "zero": "0\\0",
        "negative": "-1\\-1",
        "text": "a\\b",
        "one": "0.00025",
        "nan": "nan\\nan",
        "huge": "1e30\\1e30",
        "metres": "0.25\\0.25",
    },
    Expect.REFUSED,
)
def dicom_spacing(place: Place, value: str) -> Path:
    measures = sequence(0x00289110, text(0x00280030, "DS", value).bytes()).bytes()
    return place.write(".dcm", build(_slide(place) | {0x52009229: sequence(0x52009229, measures)}))


@rule(Kind.SLIDE, {str(percent): percent for percent in (1, 5, 30, 70, 99)}, Expect.NOTED)
def dicom_cut(place: Place, percent: int) -> Path:
    data = build(_slide(place))
    return place.write(".dcm", data[: len(data) * percent // 100])


@rule(Kind.SLIDE, 25)
def dicom_noise_in_header(place: Place, variant: int) -> Path:
    data = bytearray(build(_slide(place)))
    for _ in range(1 + variant):
        data[place.rng.randrange(132, 900)] = place.rng.randrange(256)
    return place.write(".dcm", bytes(data))


@rule(
    Kind.SLIDE,
    {
        "same-level-twice": 0,
        "same-uid": 1,
        "two-series": 2,
        "other-file-damaged": 3,
        "thousand": 4,
        "link-to-itself": 5,
        "smaller-missing": 6,
    },
)
def dicom_series_in_a_folder(place: Place, variant: int) -> Path:
    folder = place.path("")
    folder.mkdir()
    first = build(slide())
    small = build(slide(128, 2, 2, uid="1.2.3.4.6"), uid="1.2.3.4.6")
    (folder / "a.dcm").write_bytes(first)
    if variant == 0:
        (folder / "b.dcm").write_bytes(build(slide(uid="1.2.3.4.7"), uid="1.2.3.4.7"))
    elif variant == 1:
        shutil.copyfile(folder / "a.dcm", folder / "b.dcm")
    elif variant == 2:
        (folder / "b.dcm").write_bytes(build(slide(series="1.2.3.9", uid="1.2.3.9.1"), uid="1.2.3.9.1"))
    elif variant == 3:
        (folder / "b.dcm").write_bytes(small[: len(small) // 2])
    elif variant == 4:
        for index in range(1000):
            (folder / f"{index}.dcm").write_bytes(small[:400])
    elif variant == 5:
        (folder / "b.dcm").symlink_to(folder / "b.dcm")
        (folder / "sub").symlink_to(folder)
    else:
        (folder / "b.dcm").write_bytes(small)
        (folder / "b.dcm").unlink()
    return folder


@rule(
    Kind.SLIDE,
    {
        "preamble-only": bytes(128) + b"DICM",
        "zeros": bytes(4000),
        "endless-meta": bytes(128) + b"DICM" + b"\x02\0\0\0UL\x04\0\xff\xff\xff\xff",
        "dicomdir": bytes(128) + b"DICM" + b"\x04\0\x20\x12SQ\0\0\xff\xff\xff\xff",
    },
    Expect.REFUSED,
)
def dicom_almost_nothing(place: Place, data: bytes) -> Path:
    return place.write(".dcm", data)
