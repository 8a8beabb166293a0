"""NDPI and SCN made as their scanners do: OpenSlide reads the copy, the pixels are the same bytes, the name is gone."""

import struct

import cv2
import numpy as np
import openslide
import pytest
import simplejpeg
import tifffile

from unmissed.datasets.slides.opening import open_slide
from unmissed.inference.deidentify.run import check, deidentify
from unmissed.testing.readers import picture_levels

NAME = "Planted^Patient"
WORD = NAME.encode()
COMMENT = b"\xff\xfe" + struct.pack(">H", len(WORD) + 2) + WORD


def restarting(image, comment=b""):
    """One JPEG with a restart after every row of blocks, and where its pieces begin."""
    options = [cv2.IMWRITE_JPEG_RST_INTERVAL, image.shape[1] // 8, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)[1].tobytes()
    data = data[:2] + comment + data[2:]
    scan = data.index(b"\xff\xda")
    starts = [scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")]
    starts += [at + 2 for at in range(starts[0], len(data) - 1) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    return data, starts


def write_ndpi(path, pages):
    """Pages of (JPEG, starts, width, height, lens), each with a name in two tags, and one behind the last."""
    out = bytearray(struct.pack("<2sHQ", b"II", 42, 0))
    link = 4
    for data, starts, width, height, lens in pages:
        place = len(out)
        out += data + bytes(len(data) % 2)
        values = [
            *((tag, 4, 1, struct.pack("<I", n)) for tag, n in ((256, width), (257, height), (273, place))),
            *((tag, 4, 1, struct.pack("<I", n)) for tag, n in ((278, height), (279, len(data)), (65420, 1))),
            *((tag, 3, 1, struct.pack("<H", n)) for tag, n in ((259, 7), (262, 6), (277, 3), (296, 3))),
            *((tag, 5, 1, struct.pack("<2I", 20_000 * width // pages[0][2], 1)) for tag in (282, 283)),
            *((tag, 9, 1, struct.pack("<i", 0)) for tag in (65422, 65423, 65424)),
            (258, 3, 3, struct.pack("<3H", 8, 8, 8)),
            (271, 2, 10, b"Hamamatsu\0"),
            (306, 2, 20, b"2026:01:02 03:04:05\0"),
            (65421, 11, 1, struct.pack("<f", lens)),
            *([(65426, 4, len(starts), struct.pack(f"<{len(starts)}I", *starts))] if starts else []),
            (65427, 2, len(WORD) + 1, WORD + b"\0"),
            (65449, 2, len(WORD) + 9, b"Patient=" + WORD + b"\0"),
        ]
        entries = b""
        for tag, kind, count, value in sorted(values):
            if len(value) > 4:
                at = len(out)
                out += value + bytes(len(value) % 2)
                value = struct.pack("<I", at)
            entries += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        out[link : link + 8] = struct.pack("<Q", len(out))
        link = len(out) + 2 + len(entries)
        out += struct.pack("<H", len(values)) + entries + bytes(8 + 4 * len(values))
    path.write_bytes(bytes(out) + b"slack " + WORD)
    return path


@pytest.fixture
def pictures():
    return picture_levels(512, 256, 2)


def ndpi(path, pictures, comment=b""):
    macro = cv2.imencode(".jpg", np.full((64, 128, 3), 99, np.uint8))[1].tobytes()
    first, second = restarting(pictures[0], comment), restarting(pictures[1])
    return write_ndpi(path, [(*first, 512, 256, 20.0), (*second, 256, 128, 10.0), (macro, [], 128, 64, -1.0)])


def same_slide(source, copy):
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(copy) as after:
        assert after.level_dimensions == before.level_dimensions
        assert not after.associated_images and before.associated_images
        for level, size in enumerate(before.level_dimensions):
            assert np.array_equal(after.read_region((0, 0), level, size), before.read_region((0, 0), level, size))
        return dict(before.properties), dict(after.properties)


def test_an_ndpi_keeps_its_levels_and_nothing_else(pictures, tmp_path):
    source = ndpi(tmp_path / f"{NAME}.ndpi", pictures)
    assert source.read_bytes().count(WORD) == 7
    (one,) = deidentify([source], tmp_path / "out")
    assert not one.left and not one.error
    copy = tmp_path / "out" / one.copy
    data = copy.read_bytes()
    assert WORD not in data and b"2026" not in data
    assert data.count(restarting(pictures[0])[0]) == data.count(restarting(pictures[1])[0]) == 1
    before, after = same_slide(source, copy)
    for name in (openslide.PROPERTY_NAME_MPP_X, "hamamatsu.SourceLens", openslide.PROPERTY_NAME_OBJECTIVE_POWER):
        assert after[name] == before[name]
    words = " ".join(one.found)
    assert all(kind in words for kind in ("picture beside", "tag 65427", "tag 65449", "tag 306", "no page"))


def test_a_comment_in_the_jpeg_of_an_ndpi_becomes_zeros(pictures, tmp_path):
    source = ndpi(tmp_path / "a.ndpi", pictures, COMMENT)
    assert "page 0: a comment in the JPEG" in check([source])[0].found
    (one,) = deidentify([source], tmp_path / "out")
    copy = tmp_path / "out" / one.copy
    assert not one.left and WORD not in copy.read_bytes()
    same_slide(source, copy)


XML = """<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">
<collection name="{name}" sizeX="2000000" sizeY="4000000"><barcode>{name}</barcode>
<image name="macro"><creationDate>2026-01-02</creationDate><device model="Leica SCN400"/>
<pixels sizeX="128" sizeY="256"><dimension sizeX="128" sizeY="256" r="0" ifd="0"/></pixels>
<view sizeX="2000000" sizeY="4000000" offsetX="0" offsetY="0"/>
<scanSettings><objectiveSettings><objective>0.6</objective></objectiveSettings>
<illuminationSettings><illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>
{areas}</collection></scn>"""
AREA = """<image name="{name}"><device model="Leica SCN400"/><pixels sizeX="512" sizeY="256">
<dimension sizeX="512" sizeY="256" r="0" ifd="1"/><dimension sizeX="256" sizeY="128" r="1" ifd="2"/></pixels>
<view sizeX="256000" sizeY="128000" offsetX="{x}" offsetY="300000"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings>
<illuminationSettings><illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"""


def scn(path, pictures, areas=1):
    shown = "".join(AREA.format(name=NAME, x=100_000 * n) for n in range(areas))
    options = {"tile": (128, 128), "photometric": "ycbcr", "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        text = XML.format(name=NAME, areas=shown)
        tiff.write(np.full((256, 128, 3), 99, np.uint8), description=text, software=NAME, **options)
        for image in pictures:
            tiff.write(image, datetime="2026:01:02 03:04:05", **options)
    return path


def pieces(path, page):
    data = path.read_bytes()
    return [data[at : at + count] for at, count in zip(page.dataoffsets, page.databytecounts, strict=True)]


def test_an_scn_becomes_a_plain_tiff_of_its_area(pictures, tmp_path):
    source = scn(tmp_path / f"{NAME}.scn", pictures)
    (one,) = deidentify([source], tmp_path / "out")
    assert not one.left and not one.error
    copy = tmp_path / "out" / one.copy
    assert WORD not in copy.read_bytes() and b"2026" not in copy.read_bytes() and copy.suffix == ".tif"
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(copy) as after:
        assert len(after.pages) == 2
        for old, new in zip(before.pages[1:], after.pages, strict=True):
            assert pieces(source, old) == pieces(copy, new)
    with openslide.OpenSlide(source) as before, open_slide(copy) as after:
        assert [(level.width_px, level.height_px) for level in after.levels] == [(512, 256), (256, 128)]
        left, top = (int(before.properties[f"openslide.bounds-{side}"]) for side in ("x", "y"))
        region = np.asarray(before.read_region((left, top), 0, (128, 128)))[..., :3]
        assert np.abs(after.read(0, 0, 0)[:128, :128].astype(int) - region).max() <= 4  # two decoders
        assert after.pixel_size.um_per_px == pytest.approx(0.5)


@pytest.mark.parametrize("areas", [0, 2])
def test_an_scn_of_several_areas_is_refused(areas, pictures, tmp_path):
    (one,) = deidentify([scn(tmp_path / "a.scn", pictures, areas)], tmp_path / "out")
    assert f"{areas} scanned areas" in one.error and not one.copy


def test_a_comment_in_a_tile_is_found_and_becomes_zeros(pictures, tmp_path):
    """The other tiles stay as they are, byte by byte."""
    path, image = tmp_path / "slide-a.tif", pictures[0]
    tiles = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(image[y : y + 128, x : x + 128]), 90, "RGB", "420")
        for y in (0, 128)
        for x in range(0, 512, 128)
    ]
    tiles[3] = tiles[3][:2] + COMMENT + tiles[3][2:]
    tiles[5] = tiles[5][:2] + b"\xff\xe1" + COMMENT[2:] + tiles[5][2:]
    about = {"shape": image.shape, "dtype": np.uint8, "tile": (128, 128), "compression": "jpeg", "metadata": None}
    about |= {"photometric": "ycbcr", "subsampling": (2, 2), "software": False}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(iter(tiles), resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **about)
    assert "page 0: a comment in 2 JPEG tiles" in check([path])[0].found
    (one,) = deidentify([path], tmp_path / "out")
    copy = tmp_path / "out" / one.copy
    assert not one.left and WORD not in copy.read_bytes()
    with open_slide(path) as before, open_slide(copy) as after:
        for at in range(8):
            assert np.array_equal(before.read(0, at % 4, at // 4), after.read(0, at % 4, at // 4))
    with tifffile.TiffFile(copy) as tiff:
        found = pieces(copy, tiff.pages.first)
    assert [at for at in range(8) if found[at] != tiles[at]] == [3, 5]
    assert [len(one) for one in found] == [len(one) for one in tiles]
