"""The raw-tile reader: encodings, geometry and metadata of TIFFs, and files that lie about themselves."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from unmissed.benchmarks.hostile.files import tiff
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area

APERIO = "Aperio Image Library v12.0.0 \r\n340x212 (64x64) JPEG/RGB Q=70|AppMag = 40|MPP = 0.2463|Left = 1.5"


def whole(slide, level: int = 0) -> np.ndarray:
    shape = slide.levels[level]
    return read_area(LevelView(slide, level, 1), 0, 0, shape.width_px, shape.height_px)


def refused(path: Path, *words: str) -> SlideError:
    """Every way of looking at the slide gives a SlideError, and the first one is returned."""
    with pytest.raises(SlideError) as caught, open_slide(path, um_per_px=0.25) as slide:
        for number in range(len(slide.levels)):
            whole(slide, number)
    for word in words:
        assert word in str(caught.value)
    assert str(path) in str(caught.value)
    return caught.value


def patched(path: Path, tag: int, value: bytes, page: int = 0) -> Path:
    """Overwrite the first bytes of a tag's value."""
    with tifffile.TiffFile(path) as tiff:
        position = tiff.pages[page].tags[tag].valueoffset
    data = bytearray(path.read_bytes())
    data[position : position + len(value)] = value
    path.write_bytes(data)
    return path


@pytest.fixture
def slide_path(make, levels, tmp_path) -> Path:
    return make.write_tiff(tmp_path / "slide.tiff", levels)


@pytest.mark.parametrize("shared_tables", [False, True])
def test_plain_rgb_in_jpeg_keeps_its_colours_whatever_the_tiles_say(make, levels, tmp_path, shared_tables):
    """The tiles carry a JFIF marker, which means YCbCr; the TIFF says RGB and is right."""
    path = make.write_tiff(tmp_path / "a.tiff", levels, colour="rgb", subsampling="444", shared_tables=shared_tables)
    with TiffSlide.open(path) as slide:
        assert np.abs(whole(slide).astype(int) - levels[0]).max() < 12


def test_grey(make, levels, tmp_path):
    with TiffSlide.open(make.write_tiff(tmp_path / "a.tiff", levels, colour="grey", subsampling="444")) as slide:
        image = whole(slide)
    assert np.abs(image[:, :, 1].astype(int) - levels[0][:, :, 0]).max() < 12
    assert (image[:, :, 0] == image[:, :, 2]).all()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_lossless_tiles_are_exact(make, tmp_path, compression, predictor, grey):
    if predictor and compression is None:
        pytest.skip("TIFF has no predictor without compression")
    image = make.draw(150, 90)[:, :, 0] if grey else make.draw(150, 90)
    path = tmp_path / "a.tiff"
    tifffile.imwrite(
        path,
        image,
        tile=(32, 32),
        compression=compression,
        predictor=predictor or None,
        photometric="minisblack" if grey else "rgb",
    )
    with TiffSlide.open(path) as slide:
        np.testing.assert_array_equal(whole(slide), np.repeat(image[:, :, None], 3, axis=2) if grey else image)
        assert slide.levels[0].scales == (1,)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_scales_only_divide_tiles_without_rest(make, tmp_path, scale):
    with TiffSlide.open(make.write_tiff(tmp_path / "a.tiff", [make.draw(500, 300)], tile=48 * 5)) as slide:
        assert slide.levels[0].scales == (1, 2, 4, 8)
        assert slide.read(0, 0, 0, scale).shape == (240 // scale, 240 // scale, 3)


def test_big_tiff_and_big_endian(make, levels, tmp_path, monkeypatch):
    image = levels[0]
    for number, options in enumerate(({"bigtiff": True}, {"byteorder": ">"})):
        path = tmp_path / f"{number}.tiff"
        tifffile.imwrite(path, image, tile=(64, 64), photometric="rgb", **options)
        with TiffSlide.open(path) as slide:
            np.testing.assert_array_equal(whole(slide), image)


def test_rounded_sides_still_mean_whole_downsamples(make, tmp_path):
    whole_slide = make.draw(301, 211)
    levels = [
        cv2.resize(whole_slide, size, interpolation=cv2.INTER_AREA) for size in ((301, 211), (151, 105), (75, 52))
    ]
    with TiffSlide.open(make.write_tiff(tmp_path / "a.tiff", levels)) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2, 4]


def test_aperio_description(make, levels, tmp_path):
    with TiffSlide.open(make.write_tiff(tmp_path / "a.svs", levels, description=APERIO)) as slide:
        assert (slide.stated.x_um, slide.stated.y_um, slide.objective_power) == (0.2463, 0.2463, 40)
        assert "MPP" in slide.stated.where


def test_ome_description(make, levels, tmp_path):
    text = '<?xml version="1.0"?><OME><Instrument><Objective ID="a" NominalMagnification="20"/></Instrument><Image>'
    text += '<Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.26"/></Image></OME>'
    with TiffSlide.open(make.write_tiff(tmp_path / "a.ome.tiff", levels, description=text)) as slide:
        assert (slide.stated.x_um, slide.stated.y_um, slide.objective_power) == (0.25, 0.26, 20)


def test_resolution_tags(make, levels, tmp_path):
    with TiffSlide.open(make.write_tiff(tmp_path / "a.tiff", levels, um_per_px=0.5)) as slide:
        assert slide.stated.x_um == pytest.approx(0.5)
        assert "resolution tags" in slide.stated.where


def test_no_scale_at_all(make, levels, tmp_path):
    with TiffSlide.open(make.write_tiff(tmp_path / "a.tiff", levels, um_per_px=None)) as slide:
        assert slide.stated is None and slide.objective_power is None


def test_pictures_beside_are_no_levels(make, levels, tmp_path):
    path = make.write_tiff(tmp_path / "a.svs", levels, description=APERIO)
    label, macro = make.draw(40, 60), make.draw(120, 50)
    with tifffile.TiffWriter(path, append=True) as tiff:
        tiff.write(label, description="Aperio Image Library\nlabel 40x60", photometric="rgb", metadata=None)
        tiff.write(macro, description="Aperio Image Library\nmacro 120x50", photometric="rgb", metadata=None)
    with TiffSlide.open(path) as slide:
        assert len(slide.levels) == len(levels)


def test_a_tile_without_bytes_is_background(make, levels, tmp_path):
    path = make.write_tiff(tmp_path / "a.tiff", levels, change=lambda level, index, data: b"" if index == 1 else data)
    with TiffSlide.open(path) as slide:
        assert (slide.read(0, 1, 0) == 255).all()
        assert slide.read(0, 1, 0, 4).shape == (16, 16, 3)
        assert not (slide.read(0, 0, 0) == 255).all()


def test_one_damaged_tile_does_not_hide_the_others(make, levels, tmp_path):
    def change(level: int, index: int, data: bytes) -> bytes:
        return data[: len(data) // 2] if (level, index) == (0, 2) else data

    with open_slide(make.write_tiff(tmp_path / "a.tiff", levels, change=change)) as slide:
        with pytest.raises(SlideError, match=r"tile \(2, 0\) of level 0"):
            slide.read(0, 2, 0)
        assert slide.read(0, 1, 0).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "wrong",
    [b"no jpeg at all", b"\xff\xd8", b"\xff\xd8\xff\xc0", b"\xff\xd8\xff\xda\x00\x02", b"\xff\xd8\x00\x00\x00\x00"],
    ids=["text", "start", "cut", "scan-first", "no-marker"],
)
def test_tiles_that_are_no_jpeg(make, levels, tmp_path, wrong):
    refused(make.write_tiff(tmp_path / "a.tiff", levels, change=lambda level, index, data: wrong), "damaged")


def test_tiles_of_another_size_than_the_tiff_says(make, levels, tmp_path):
    """A JPEG of 65,500 x 65,500 px would take 13 GB; it must be refused before it is decoded."""

    def inflated(level: int, index: int, data: bytes) -> bytes:
        frame = data.index(b"\xff\xc0")
        return data[: frame + 5] + struct.pack(">HH", 65500, 65500) + data[frame + 9 :]

    refused(make.write_tiff(tmp_path / "a.tiff", levels, change=inflated), "65500 x 65500")


def test_other_channels_than_the_tiff_says(make, levels, tmp_path):
    grey = make.encode(make.draw(64, 64), "grey", "444")
    path = make.write_tiff(tmp_path / "a.tiff", levels, change=lambda level, index, data: grey)
    with pytest.raises(SlideError, match="1 channels"):
        TiffSlide.open(path)


def test_a_deflate_bomb_is_not_unpacked(tmp_path):
    import zlib

    path = tmp_path / "a.tiff"
    bomb = zlib.compress(bytes(50_000_000))
    tifffile.imwrite(
        path, iter([bomb]), shape=(64, 64, 3), dtype=np.uint8, tile=(64, 64), compression="zlib", photometric="rgb"
    )
    with TiffSlide.open(path) as slide, pytest.raises(SlideError, match="12289 bytes"):
        slide.read(0, 0, 0)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file(slide_path, share):
    data = slide_path.read_bytes()
    slide_path.write_bytes(data[: int(len(data) * share)])
    refused(slide_path)


def test_tile_offsets_outside_the_file(slide_path):
    refused(patched(slide_path, 324, struct.pack("<I", 2**32 - 5)), "beyond its end")


def test_tile_sizes_outside_the_file(slide_path):
    refused(patched(slide_path, 325, struct.pack("<I", 2**32 - 5)), "beyond its end")


@pytest.mark.parametrize("tag", [256, 257])
@pytest.mark.parametrize("side", [0, 4_000_000_000])
def test_absurd_sides(slide_path, tag, side):
    refused(patched(slide_path, tag, struct.pack("<I", side)))


@pytest.mark.parametrize("side", [0, 1, 3_000_000_000])
def test_absurd_tile_sides(slide_path, side):
    refused(patched(slide_path, 322, struct.pack("<I", side)))


@pytest.mark.parametrize("tag", [tiff.WIDTH, tiff.HEIGHT, tiff.TILE_WIDTH])
def test_a_list_in_place_of_a_side(tmp_path, tag):
    """Python would multiply the list by the other side: 91 widths and 4,194,304 rows took 3 GB."""
    page = tiff.tiled_page(64, 64, 32)
    page.tags |= {tag: tiff.Tag(tiff.LONG, (64,) * 91)}
    path = tmp_path / "a.tif"
    path.write_bytes(tiff.build([page]))
    refused(path, "several widths")


def test_pages_in_a_loop(slide_path):
    with tifffile.TiffFile(slide_path) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[len(tiff.pages) - 1].offset
    data = bytearray(slide_path.read_bytes())
    end = last + 2 + 12 * struct.unpack_from("<H", data, last)[0]
    data[end : end + 4] = struct.pack("<I", first)
    slide_path.write_bytes(data)
    refused(slide_path, "loop")


@pytest.mark.parametrize("first_page", [0, 8, 2**31])
def test_a_pyramid_of_0_levels(tmp_path, first_page):
    path = tmp_path / "a.svs"
    path.write_bytes(b"II*\0" + struct.pack("<I", first_page))
    refused(path)


def test_every_cut_and_every_changed_byte_of_the_directory_gives_a_slide_or_an_error(make, tmp_path):
    """Whatever a file says: pixels or a SlideError, never another exception."""
    path = make.write_tiff(tmp_path / "a.tiff", [make.draw(60, 50)], tile=32)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].offset
    rng = np.random.default_rng(5)
    for _ in range(150):
        changed = bytearray(data)
        for position in rng.integers(start, min(start + 260, len(data)), rng.integers(1, 4)):
            changed[position] = rng.integers(256)
        path.write_bytes(changed)
        try:
            with TiffSlide.open(path) as slide:
                slide.read(0, 0, 0)
        except SlideError:
            pass


def test_a_photograph_that_is_named_svs(make, tmp_path):
    path = tmp_path / "photo.svs"
    stream = io.BytesIO()
    Image.fromarray(make.draw(100, 80)).save(stream, "JPEG")
    path.write_bytes(stream.getvalue())
    refused(path, "no reader")


def test_a_read_after_closing_is_an_error(slide_path):
    slide = TiffSlide.open(slide_path)
    slide.close()
    with pytest.raises(SlideError, match="closed"):
        slide.read(0, 0, 0)
