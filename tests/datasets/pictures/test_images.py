"""Pictures of every kind are read alike; what cannot be read faithfully is refused with a reason."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import crop_around, crop_at_scale, fit_image, read_image, shrink_to


def picture(height=40, width=60, seed=0):
    """Smooth colours, so that JPEG keeps them within a few grey levels."""
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def refused(path: Path, *words: str, **options) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    for word in words:
        assert word in str(caught.value)
    assert str(path) in caught.value.found
    return caught.value


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "ppm"])
def test_lossless_formats_give_the_stored_pixels(tmp_path, suffix):
    pixels = picture()
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(pixels), **({"lossless": True} if suffix == "webp" else {}))
    read = read_image(path)
    assert read.dtype == np.uint8 and read.flags.c_contiguous
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_jpeg_is_rgb_and_like_pillows(tmp_path, options):
    path = saved(tmp_path / "a.jpg", Image.fromarray(picture()), quality=95, **options)
    difference = read_image(path).astype(int) - np.asarray(Image.open(path).convert("RGB"), int)
    assert np.abs(difference).max() <= 4


def test_the_content_tells_the_format(tmp_path):
    pixels = picture()
    path = saved(tmp_path / "a.jpg", Image.fromarray(pixels), format="PNG")
    np.testing.assert_array_equal(read_image(path), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_exif_orientation_is_ignored(tmp_path, name, orientation):
    pixels = picture()
    plain = saved(tmp_path / f"plain-{name}", Image.fromarray(pixels))
    exif = Image.Exif()
    exif[274] = orientation
    turned = saved(tmp_path / name, Image.fromarray(pixels), exif=exif)
    np.testing.assert_array_equal(read_image(turned), read_image(plain))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
def test_tiff_orientation_is_ignored_with_any_compression(tmp_path, compression):
    pixels = picture()
    path = saved(tmp_path / "a.tif", Image.fromarray(pixels), compression=compression, tiffinfo={274: 6})
    np.testing.assert_array_equal(read_image(path), pixels)


def test_grey_palette_and_one_bit_become_rgb(tmp_path):
    grey = picture()[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_image(saved(tmp_path / "grey.png", Image.fromarray(grey))), expected)
    palette = Image.fromarray(picture()).quantize(16)
    np.testing.assert_array_equal(read_image(saved(tmp_path / "p.png", palette)), np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(grey > 128)
    assert set(np.unique(read_image(saved(tmp_path / "bits.png", bits)))) <= {0, 255}
    grey_jpeg = read_image(saved(tmp_path / "grey.jpg", Image.fromarray(grey), quality=95))
    assert grey_jpeg.shape == (40, 60, 3) and np.abs(grey_jpeg.astype(int) - expected).max() <= 4


def test_opaque_alpha_is_dropped_and_clear_alpha_is_white(tmp_path):
    rgba = np.dstack([picture(), np.full((40, 60), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", Image.fromarray(rgba))), picture())
    rgba[:20, :, 3] = 0
    read = read_image(saved(tmp_path / "b.png", Image.fromarray(rgba)))
    assert (read[:20] == 255).all()
    np.testing.assert_array_equal(read[20:], picture()[20:])


def test_the_first_of_several_pictures_is_read_and_it_is_said(tmp_path, caplog):
    pages = [Image.fromarray(picture(seed=0)), Image.fromarray(picture(20, 30, seed=1))]
    path = saved(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_image(path), picture(seed=0))
    assert f"{path} holds 2 pages; only the first was read" in caplog.text


def test_a_reduced_jpeg_keeps_the_short_side(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(picture(480, 640)))
    assert read_image(path).shape == (480, 640, 3)
    assert read_image(path, min_side_px=224).shape == (240, 320, 3)
    assert read_image(path, min_side_px=100).shape == (120, 160, 3)
    assert read_image(path, min_side_px=241).shape == (480, 640, 3)


def test_empty_missing_folder_and_text(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    refused(tmp_path / "empty.jpg", "empty", "0 bytes")
    refused(tmp_path / "text.png", "not a picture", "JPEG, PNG")
    refused(tmp_path / "folder.jpg", "not a file")
    refused(tmp_path / "missing.jpg", "does not exist")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", ["a.jpg", "progressive.jpg", "a.png", "a.bmp", "a.tif"])
def test_cut_off_files_are_refused(tmp_path, name, keep):
    path = saved(tmp_path / name, Image.fromarray(picture(200, 200)), **{"progressive": True} if "prog" in name else {})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    refused(path)


def test_an_end_marker_in_the_thumbnail_does_not_hide_a_cut(tmp_path):
    thumbnail = io.BytesIO()
    Image.fromarray(picture(16, 16)).save(thumbnail, "JPEG")
    exif = b"Exif\0\0" + thumbnail.getvalue()
    body = saved(tmp_path / "a.jpg", Image.fromarray(picture(200, 200))).read_bytes()
    whole = body[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + body[2:]
    (tmp_path / "whole.jpg").write_bytes(whole)
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    assert read_image(tmp_path / "whole.jpg").shape == (200, 200, 3)
    refused(tmp_path / "cut.jpg", "cut off")


def png_header(width: int, height: int) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))


def test_pixel_bombs_are_refused_from_the_header(tmp_path):
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(
        png_header(30_000, 30_000) + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )
    refused(bomb, "too large", "100,000,000")
    small = bytearray(saved(tmp_path / "a.jpg", Image.fromarray(picture())).read_bytes())
    at = small.find(b"\xff\xc0")
    small[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
    (tmp_path / "bomb.jpg").write_bytes(bytes(small))
    refused(tmp_path / "bomb.jpg", "too large", "30000 x 30000")
    refused(saved(tmp_path / "b.png", Image.fromarray(picture())), "60 x 40", max_px=1000)


def test_deep_float_and_cmyk_are_refused(tmp_path):
    deep = (np.arange(2400).reshape(40, 60) * 20).astype(np.uint16)
    refused(saved(tmp_path / "deep.png", Image.fromarray(deep)), "16 bits")
    refused(saved(tmp_path / "deep.tif", Image.fromarray(deep)), "16 bits")
    assert cv2.imwrite(str(tmp_path / "deep_rgb.png"), np.dstack([deep] * 3))
    refused(tmp_path / "deep_rgb.png", "16 bits")
    refused(saved(tmp_path / "float.tif", Image.fromarray(deep.astype(np.float32))), "32 bits")
    cmyk = Image.fromarray(picture()).convert("CMYK")
    refused(saved(tmp_path / "cmyk.jpg", cmyk), "CMYK")
    refused(saved(tmp_path / "cmyk.tif", cmyk), "CMYK")


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"]))
def test_damaged_bytes_give_a_picture_or_an_image_error(tmp_path_factory, data, name):
    stream = io.BytesIO()
    Image.fromarray(picture(24, 24)).save(stream, name)
    raw = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.img"
    path.write_bytes(bytes(raw))
    try:
        image = read_image(path, max_px=1_000_000)
    except ImageError:
        return
    assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    x=st.floats(-80, 80),
    y=st.floats(-80, 80),
    size=st.integers(1, 40),
)
def test_crop_around_equals_a_crop_of_the_mirrored_picture(height, width, x, y, size):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    crop = crop_around(image, (x, y), size)
    padded = np.pad(image, ((150, 150), (150, 150), (0, 0)), mode="reflect")
    left, top = (int(np.floor(c - size / 2 + 0.5)) + 150 for c in (x, y))
    np.testing.assert_array_equal(crop, padded[top : top + size, left : left + size])


def test_crop_around_is_a_copy_with_x_first():
    image = np.zeros((50, 100, 3), np.uint8)
    image[10, 80] = 255
    crop = crop_around(image, (80.5, 10.5), 5)
    assert (crop[2, 2] == 255).all() and crop.sum() == 3 * 255
    crop[:] = 7
    assert image.max() == 255


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    size=st.integers(1, 260),
    fit=st.sampled_from(["squash", "pad", "crop"]),
)
def test_fit_image_gives_the_square_and_keeps_a_plain_colour(height, width, size, fit):
    image = np.full((height, width, 3), (10, 120, 230), np.uint8)
    fitted = fit_image(image, size, fit)
    assert fitted.shape == (size, size, 3) and fitted.dtype == np.uint8
    assert (fitted == (10, 120, 230)).all()
    assert not np.shares_memory(fitted, image)


def test_fit_pad_keeps_the_aspect_and_crop_keeps_the_scale():
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, 50:] = 255
    padded = fit_image(image, 100, "pad")
    assert (padded[:, :50] == 0).all() and (padded[:, 50:] == 255).all()
    centre = fit_image(picture(60, 80), 40, "crop")
    np.testing.assert_array_equal(centre, picture(60, 80)[10:50, 20:60])
    with pytest.raises(ValueError, match="stretch"):
        fit_image(image, 10, "stretch")


def test_shrinking_averages_areas():
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    fitted = fit_image(np.dstack([checks] * 3), 16, "squash")
    assert np.abs(fitted.astype(int) - 128).max() <= 1


def test_find_images_is_sorted_recursive_and_leaves_hidden_files_out(tmp_path):
    for name in ("b.JPG", "a/z.png", "a/.hidden.png", "__MACOSX/._b.jpg", ".cache/c.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_images(tmp_path) == [tmp_path / "a" / "z.png", tmp_path / "b.JPG"]
    with pytest.raises(ImageError, match="not a folder"):
        find_images(tmp_path / "notes.txt")


@pytest.mark.data
def test_real_pictures_read_like_pillows(data_root):
    for path in find_images(data_root / "hyperkvasir-samples")[::12]:
        difference = read_image(path).astype(int) - np.asarray(Image.open(path).convert("RGB"), int)
        assert np.abs(difference).mean() < 1


def test_a_crop_at_another_pixel_size_shows_the_same_field():
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 130:170] = 200  # 40 px wide, centre (150, 100)
    crop = crop_at_scale(image, (150, 100), 40, 0.25, 0.5)
    assert crop.shape == (40, 40, 3)
    assert (crop[11:29, 11:29] == 200).all()
    assert (crop[:9] == 0).all()
    for own, wanted in ((None, 0.5), (0.25, None), (0.25, 0.252)):
        np.testing.assert_array_equal(crop_at_scale(image, (150, 100), 40, own, wanted), image[80:120, 130:170])


def test_a_crop_beyond_the_edges_has_their_colour():
    cell = np.full((30, 40, 3), (200, 180, 220), np.uint8)
    cell[10:20, 10:30] = 60
    crop = crop_at_scale(cell, (20, 15), 80, 0.2, 0.2)
    np.testing.assert_array_equal(crop[25:55, 20:60], cell)
    crop[25:55, 20:60] = (200, 180, 220)
    assert (crop == (200, 180, 220)).all()
    assert (crop_at_scale(cell, (500, 500), 16, None, None) == (200, 180, 220)).all()  # nothing of it is seen
    np.testing.assert_array_equal(crop_at_scale(cell, (0, 0), 20, None, None)[10:, 10:], cell[:10, :10])


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 600), (100, 200)), ((600, 300), (200, 100)), ((50, 80), (50, 80))]
)
def test_a_picture_is_shrunk_to_its_longer_side_and_never_grown(size, expected):
    image = np.full((*size, 3), 90, np.uint8)
    small = shrink_to(image, 200)
    assert small.shape[:2] == expected
    assert (small == 90).all() and not np.shares_memory(small, image)
