"""Damage that libraries pass over in silence is an error, or a note where every pixel was found."""

import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.decoding import decode_picture

RGB = cv2.resize(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8), (300, 200))
REDUCED = {1: 1, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
FRAME, SCAN, END = b"\xff\xc0", b"\xff\xda", b"\xff\xd9"


def saved(kind: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind, **options)
    return stream.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_picture(data, "a picture")
    assert caught.value.found.startswith("a picture") and caught.value.fix
    return str(caught.value)


def notes(data: bytes) -> list[str]:
    return [note.kind for note in decode_picture(data, "a").notes]


def with_height(data: bytes, height: int) -> bytes:
    at = data.find(FRAME) + 5
    return data[:at] + struct.pack(">H", height) + data[at + 2 :]


def overwritten(data: bytes, start: float, stop: float, value: int = 0) -> bytes:
    first, last = int(len(data) * start), int(len(data) * stop)
    return data[:first] + bytes([value]) * (last - first) + data[last:]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[: len(data) // 2] + END,
        lambda data: with_height(data, 6000),
        lambda data: with_height(data, 100),
        lambda data: overwritten(data, 0.4, 0.6),
        lambda data: overwritten(data, 0.4, 0.6, 0xFE),
        lambda data: data[: len(data) // 2] + data[len(data) // 2 + 700 :],
    ],
    ids=["end put back", "taller", "shorter", "zeros", "other bytes", "a piece missing"],
)
def test_a_damaged_jpeg_is_refused(harm: Callable[[bytes], bytes], capfd) -> None:
    data = saved(quality=95)
    assert notes(data) == notes(data + b"behind the end") == []
    assert "damaged" in refused(harm(data))
    assert capfd.readouterr() == ("", "")


def test_what_cameras_fill_up_is_read_with_a_note_and_other_bytes_are_not() -> None:
    data = saved()
    filled = decode_picture(data[:-2] + bytes(40) + END, "a")
    np.testing.assert_array_equal(filled.pixels, decode_picture(data, "a").pixels)
    (note,) = filled.notes
    assert note.kind == "damaged" and "its pixels may be wrong" in note.text and note.text_zh
    assert "extraneous" in refused(data[:-2] + bytes(range(40)) + END)


def test_values_of_a_header_that_do_not_matter() -> None:
    """The version of JFIF, and the spectral selection of a sequential scan, which libjpeg puts right."""
    pixels = decode_picture(saved(), "a").pixels
    for of, offset, value, kinds in ((b"JFIF\0", 5, 2, []), (SCAN, 12, 0, ["damaged"])):
        data = bytearray(saved())
        data[data.find(of) + offset] = value
        assert notes(bytes(data)) == kinds
        np.testing.assert_array_equal(decode_picture(bytes(data), "a").pixels, pixels)
    data = bytearray(overwritten(saved(), 0.4, 0.6))
    data[data.find(b"JFIF\0") + 5] = 2
    assert "damaged" in refused(bytes(data))


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True}])
@pytest.mark.parametrize("scale", REDUCED)
def test_a_jpeg_has_the_pixels_of_opencv_at_every_scale(scale: int, options: dict[str, object]) -> None:
    data = saved(**options)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[scale])[..., ::-1]
    for least_px in (200 // scale, 200 // scale // 2 + 1):
        if scale < 8 or least_px == 25:
            picture = decode_picture(data, "a", min_side_px=least_px)
            np.testing.assert_array_equal(picture.pixels, expected)
            assert (picture.width_px, picture.height_px) == (300, 200)


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again, so that it has so many."""
    data = saved(progressive=True)
    start = data.rfind(SCAN)
    return data[:-2] + data[start:-2] * (count - data.count(SCAN)) + END


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert "has 101 scans" in refused(with_scans(101))
    assert "has 20,000 scans" in refused(with_scans(20_000))
    assert "Inconsistent progression" in refused(with_scans(100))


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(*chunks: bytes) -> bytes:
    data = saved("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize("missing", [1, 4, 12, 13, 17, 400])
def test_a_png_without_its_end_is_refused(missing: int) -> None:
    data = saved("PNG")
    assert notes(data) == notes(data + b"behind the end") == []
    assert "cut off" in refused(data[:-missing])


@pytest.mark.parametrize("level", [0, 6])
def test_any_changed_byte_of_a_png_is_found(level: int) -> None:
    data = saved("PNG", compress_level=level)
    for place in random.Random(0).sample(range(8, len(data)), 100):
        refused(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"acTL", struct.pack(">II", 0, 0))],
        [chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))],
        [chunk(b"acTL", struct.pack(">II", 2, 0))] * 2,
    ],
)
def test_an_animation_of_no_sensible_length_is_refused_without_a_word_on_the_screen(chunks, capfd, recwarn) -> None:
    assert "the header of its animation is invalid" in refused(with_chunks(*chunks))
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_a_png_of_many_chunks_is_refused_before_it_is_opened() -> None:
    assert notes(with_chunks(*[chunk(b"abCd")] * 1000)) == []
    assert "more than 50,000 parts" in refused(with_chunks(*[chunk(b"abCd")] * 50_000))


def test_a_row_that_no_decoder_takes_is_not_called_damaged() -> None:
    header = struct.pack(">IIBBBBB", 100_000_000, 1, 8, 2, 0, 0, 0)
    whole = saved("PNG")[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND")
    assert "needs more memory" in refused(whole)


def test_pillow_says_nothing_on_the_screen(tmp_path) -> None:
    """In a process of its own: the filters of a test run would hide it. 95 megapixels are large for Pillow only."""
    path = tmp_path / "a.png"
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(9_501)) for _ in range(10_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 9_500, 10_000, 8, 0, 0, 0, 0)
    path.write_bytes(saved("PNG")[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND"))
    code = "import sys; from unmissed.datasets.pictures.images import size_of, read_picture\n"
    code += "from pathlib import Path; p = Path(sys.argv[1]); print(size_of(p), read_picture(p).pixels.shape)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("(9500, 10000) (10000, 9500, 3)", "")


def tiff_part(data: bytes) -> int:
    """Offset of the first strip of a TIFF."""
    return int(Image.open(io.BytesIO(data)).tag_v2[273][0])


def test_damaged_jpeg_inside_of_a_tiff_is_refused() -> None:
    data = saved("TIFF", compression="jpeg")
    assert notes(data) == []
    start = tiff_part(data)
    for place in (1000, 2000, 3000):
        harmed = data[: start + place] + bytes(200) + data[start + place + 200 :]
        assert "part 1, is damaged" in refused(harmed)
    at = data.find(FRAME, start)
    assert "it is a JPEG of 300 x 60000 px" in refused(data[:at] + with_height(data[at:], 60000))


@pytest.mark.data
def test_real_jpegs_are_read_as_by_opencv_without_a_warning(data_root) -> None:
    for name in ("sipakmed", "cric", "lbc-fields", "hyperkvasir-samples", "kvasir-seg/images", "polypgen"):
        for path in find_images(data_root / name)[::60]:
            data = path.read_bytes()
            if data.startswith(b"\xff\xd8\xff"):
                picture = decode_picture(data, str(path))
                flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
                np.testing.assert_array_equal(
                    picture.pixels, cv2.imdecode(np.frombuffer(data, np.uint8), flags)[..., ::-1]
                )
                assert picture.notes == ()
