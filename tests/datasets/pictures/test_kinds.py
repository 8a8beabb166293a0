"""A file that is no picture of ours is named by its kind; a TIFF that holds more than it would show is refused."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.decoding import decode_picture

RGB = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)


def tiff(*pages, **options) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, metadata=None, **options)
    return stream.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_picture(data, "a.jpg")
    assert caught.value.found.startswith("a.jpg ") and caught.value.fix
    return str(caught.value)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "is an AVIF picture"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "is a video (MP4), which is not read; .*unmissed watch"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "is a JPEG 2000 picture"),
        (b"\xff\x4f\xff\x51\0\0", "is a JPEG 2000 picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL picture"),
        (b"\0" * 128 + b"DICM\2\0", "is a DICOM file"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"RIFF\0\0\0\0AVI LIST", "is a video (AVI)"),
        (b"RIFF\0\0\0\0WEBPnone", "begins as a WebP"),
        (b"\x89PNG\r\n\x1a\n", "begins as a PNG"),
        (b"II\x2b\0\x08\0\0\0", "is a BigTIFF, as whole slides are"),
        (b"<!DOCTYPE html><html>", "a web page, as a download that failed leaves it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"something else", "is not a picture"),
    ],
)
def test_the_first_bytes_name_the_kind(start, words):
    found = refused(start + b"\0" * 20)
    for part in words.split(".*"):
        assert part in found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(RGB, RGB, photometric="rgb"), "holds several pictures: the first has 48 x 64 px, another 48 x 64 px"),
        (tiff(RGB[::4, ::4], RGB, photometric="rgb"), "holds several pictures: the first has 12 x 16 px"),
        (tiff(*RGB.transpose(2, 0, 1), photometric="minisblack"), "holds several pictures"),
        (
            tiff(np.stack([RGB] * 3), photometric="rgb", volumetric=True, tile=(3, 16, 16)),
            "a stack of planes|unusual kind",
        ),
        (tiff(np.dstack([RGB, RGB[..., :2]]), photometric="rgb", extrasamples=["unspecified"] * 2), "has 5 channels"),
        (tiff(RGB[..., :2], photometric="minisblack", planarconfig="contig"), "has 2 channels"),
        (tiff(RGB[..., 0].astype(np.int8), photometric="minisblack"), "has pixels with a sign"),
        (tiff(RGB.astype(np.uint16) << 4, photometric="rgb"), "has 16 bits per channel"),
        (tiff(RGB.astype(np.float32), photometric="rgb"), "damaged or of an unusual kind|32 bits"),
        (tiff(*[RGB] + [RGB[:8, :8]] * 101, photometric="rgb"), "has more than 100 pages"),
        (b"P6 4 4 65535\n" + bytes(96), "has 16 bits per channel"),
    ],
)
def test_what_would_be_shown_as_less_than_it_is(data, words):
    found = refused(data)
    assert any(part in found for part in words.split("|")), found


def test_the_larger_picture_below_a_thumbnail_is_not_hidden():
    """As raw files of cameras have it: the first page is small, the picture is a page below it."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(RGB[::4, ::4], photometric="rgb", subifds=1, metadata=None)
        writer.write(RGB, photometric="rgb", metadata=None)
    assert "another 48 x 64 px" in refused(stream.getvalue())
    stack = io.BytesIO()
    tifffile.imwrite(stack, np.stack([RGB[..., 0]] * 4), imagej=True)
    assert "several pictures" in refused(stack.getvalue())


def test_a_whole_tiff_is_read_whatever_its_order_of_planes():
    planes = np.ascontiguousarray(RGB.transpose(2, 0, 1))
    for data in (tiff(RGB, photometric="rgb"), tiff(planes, photometric="rgb", planarconfig="separate")):
        picture = decode_picture(data, "a.tif")
        np.testing.assert_array_equal(picture.pixels, RGB)
        assert picture.notes == ()


def test_smaller_pages_and_a_fourth_channel_are_noted():
    assert [str(note) for note in decode_picture(tiff(RGB, RGB[::2, ::2], photometric="rgb"), "a").notes] == [
        "holds 2 pages; only the first was read"
    ]
    four = tiff(np.dstack([RGB, RGB[..., :1]]), photometric="rgb", extrasamples=["unspecified"])
    picture = decode_picture(four, "a")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert [note.kind for note in picture.notes] == ["channel"]


def test_libraries_say_nothing_on_the_screen(capfd):
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "TIFF", compression="jpeg")
    data = bytearray(stream.getvalue())
    for place in range(8, len(data) - 8, 3):
        broken = bytes([*data[:place], data[place] ^ 0x55, *data[place + 1 :]])
        try:
            decode_picture(broken, "a.tif", max_px=1_000_000)
        except ImageError:
            continue
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [b"P5", b"P6"])
def test_a_portable_pixmap_of_more_than_8_bits_is_refused(kind):
    """Pillow would shrink its values without a word."""
    pixels = bytes(2 * 3 * 4 * 5)
    assert decode_picture(kind + b" 4 5 255\n" + pixels, "a.ppm").notes == ()
    assert "9 bits per channel" in refused(kind + b" 4 5 256\n" + pixels)
    assert "8-bit RGB" in refused(kind + b" 4 5 65535\n" + pixels)
