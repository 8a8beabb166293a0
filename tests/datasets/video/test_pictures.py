"""What a decoded picture looks like: colours of every pixel format, orientation, shape of pixels."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import COLOURS, encode, frame_of, patches, texture

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import open_video
from unmissed.datasets.video.ffmpeg.rgb import RgbConverter

UNSPECIFIED, BT709, BT470BG, SMPTE170M = 2, 1, 5, 6


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize(("matrix", "tag"), [("601", BT470BG), ("601", SMPTE170M), ("709", BT709)])
@pytest.mark.parametrize("is_full", [False, True])
def test_colours_are_those_of_the_standard(pixels, matrix, tag, is_full):
    frame = frame_of(pixels, matrix, is_full)
    frame.colorspace, frame.color_range = tag, 2 if is_full else 1
    assert np.abs(np.array(patches(RgbConverter().convert(frame))) - COLOURS).max() <= 3


@pytest.mark.parametrize("pixels", ["yuvj420p", "yuvj422p"])
def test_the_full_range_of_jpeg_is_known_by_its_format(pixels):
    frame = frame_of(pixels, "601", True)
    assert np.abs(np.array(patches(RgbConverter().convert(frame))) - COLOURS).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(576, "601"), (718, "601"), (720, "709"), (1080, "709")])
def test_what_does_not_name_its_matrix_has_that_of_its_size(height, matrix):
    frame = frame_of("yuv420p", matrix, False, (64, height))
    frame.colorspace = UNSPECIFIED
    assert np.abs(np.array(patches(RgbConverter().convert(frame))) - COLOURS).max() <= 2


def test_grey_pictures_are_grey():
    frame = av.VideoFrame.from_ndarray(np.arange(0, 256, 4, dtype=np.uint8)[None].repeat(64, 0), format="gray")
    image = RgbConverter().convert(frame)
    assert np.array_equal(image[0, :, 0], np.arange(0, 256, 4)) and np.ptp(image, axis=2).max() == 0


@pytest.mark.parametrize("size", [(161, 121), (420, 288), (7, 5)])
def test_odd_sizes_are_kept(size):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    found = RgbConverter().convert(av.VideoFrame.from_ndarray(image, format="rgb24"))
    assert np.array_equal(found, image) and found.flags["C_CONTIGUOUS"]
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    assert RgbConverter().convert(frame).shape == image.shape


def test_transparency_is_left_out_and_named():
    converter = RgbConverter()
    image = np.full((8, 8, 4), (200, 60, 40, 0), np.uint8)
    assert np.all(converter.convert(av.VideoFrame.from_ndarray(image, format="rgba")) == (200, 60, 40))
    assert "transparency" in next(iter(converter.notes))


def test_high_dynamic_range_is_named():
    converter = RgbConverter()
    frame = frame_of("yuv420p10le", "709", False)
    frame.colorspace, frame.color_trc = BT709, 16
    converter.convert(frame)
    assert "High dynamic range (PQ)" in next(iter(converter.notes))


def test_what_cannot_be_converted_is_an_error():
    class Odd:
        colorspace, height, rotation = 1, 8, 0
        format = type("Format", (), {"name": "odd", "is_rgb": False, "components": ()})

    class Broken:
        def reformat(self, *_, **__):
            raise ValueError

    converter = RgbConverter()
    converter._reformatter = Broken()
    with pytest.raises(VideoError, match="pixel format odd cannot be converted"):
        converter.convert(Odd())


def only_note(path: Path):
    with open_video(str(path)) as source:
        frames = list(source.frames())
    return frames, source.notes


def corner(index, size):
    """A white square in the left upper corner."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[:30, :40] = 255
    return image


@pytest.mark.parametrize(("degrees", "place"), [(90, (-15, 20)), (-90, (15, -20)), (180, (-15, -20))])
def test_pictures_are_turned_as_the_file_says(tmp_path, degrees, place):
    path = encode(tmp_path / "a.mp4", 10, draw=corner, rotation=degrees)
    frames, notes = only_note(path)
    image = frames[5].image
    assert image.shape[:2] == ((120, 160) if degrees == 180 else (160, 120))
    assert image[place].mean() > 200 and image.mean() < 40
    assert len(notes) == 1 and "Turned by" in notes[0]


@pytest.mark.parametrize(("shape", "is_named"), [("1/1", False), ("26/25", False), ("16/15", True), ("64/45", True)])
def test_pixels_that_are_not_square_are_named(tmp_path, shape, is_named):
    path = encode(tmp_path / "a.mkv", 10, draw=texture, shape=Fraction(shape))
    frames, notes = only_note(path)
    assert frames[0].image.shape == (120, 160, 3)
    assert [("times as wide as high" in note) for note in notes] == [True] * is_named
