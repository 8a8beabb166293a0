"""What a slide file holds beside what is read: an error or a note, never silence; and the right pages in any order."""

import os

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.tiff.special import notes_on_special_tiff
from unmissed.datasets.slides.formats.with_openslide import _unread_planes
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area

WIDTH, HEIGHT = 384, 256
OPTIONS = {"tile": (64, 64), "photometric": "rgb", "metadata": None}
CM = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}


def drawn(width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> np.ndarray:
    """Blots of colour on glass; every seed shows something else."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 235, np.uint8)
    for _ in range(width * height // 400):
        centre = tuple(int(rng.integers(side)) for side in (width, height))
        cv2.circle(image, centre, int(rng.integers(3, 9)), tuple(int(c) for c in rng.integers(60, 200, 3)), -1)
    return image


def half(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def faint(image: np.ndarray) -> np.ndarray:
    """The same in pale colours: no place differs from another by much."""
    return (205 + image // 8).astype(np.uint8)


SLIDE = drawn()
LABEL = drawn(120, 80, seed=9)


def write(path, *pages, **first):
    """Pages of arrays, or of (array, options)."""
    with tifffile.TiffWriter(path) as tiff:
        for number, page in enumerate(pages):
            image, options = page if isinstance(page, tuple) else (page, {})
            tiff.write(image, **{**OPTIONS, **CM, **(first if number == 0 else {}), **options})
    return path


def whole(slide, level: int = 0) -> np.ndarray:
    shape = slide.levels[level]
    return read_area(LevelView(slide, level, 1), 0, 0, shape.width_px, shape.height_px)


def ome(*images: str) -> str:
    return (
        f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{"".join(images)}</OME>'
    )


def ome_image(
    width=WIDTH, height=HEIGHT, *, name="", um=0.25, ifd=None, sizes="", channel='<Channel SamplesPerPixel="3"/>'
):
    data = "" if ifd is None else f'<TiffData IFD="{ifd}"/>'
    return (
        f'<Image Name="{name}"><Pixels SizeX="{width}" SizeY="{height}" {sizes} '
        f'PhysicalSizeX="{um}" PhysicalSizeY="{um}">{channel}{data}</Pixels></Image>'
    )


PLANTED = {
    "a second focal plane": lambda path: write(path, SLIDE, drawn(seed=1)),
    "the same plane twice": lambda path: write(path, SLIDE, SLIDE),
    "channels as pages": lambda path: write(
        path, *((np.ascontiguousarray(SLIDE[:, :, c]), {"photometric": "minisblack"}) for c in range(3))
    ),
    "planes of an OME-XML": lambda path: write(path, SLIDE, description=ome(ome_image(sizes='SizeZ="3" SizeC="3"'))),
    "channels of an OME-XML": lambda path: write(
        path, SLIDE, description=ome(ome_image(sizes='SizeC="3"', channel="<Channel/><Channel/><Channel/>"))
    ),
    "a stack of ImageJ behind one page": lambda path: write(
        path, SLIDE, description="ImageJ=1.53t\nimages=7\nslices=7\n"
    ),
    "a stack of tifffile behind one page": lambda path: write(path, SLIDE, description='{"shape": [4, 256, 384, 3]}'),
    "focal planes among the sub-pages": lambda path: write(path, (SLIDE, {"subifds": 2}), drawn(seed=1), drawn(seed=2)),
    "a second scan": lambda path: write(path, SLIDE, drawn(300, 260, seed=2)),
    "a second scan of the same scale by the OME-XML": lambda path: write(
        path, SLIDE, LABEL, description=ome(ome_image(ifd=0), ome_image(120, 80, ifd=1))
    ),
    "16 bits": lambda path: write(path, SLIDE.astype(np.uint16) << 4),
    "signed samples": lambda path: write(path, SLIDE.view(np.int8)),
    "floating point": lambda path: write(path, SLIDE.astype(np.float32)),
    "five channels": lambda path: write(path, np.dstack([SLIDE, SLIDE[:, :, :2]]), extrasamples=["unspecified"] * 2),
    "one file of several": lambda path: write(
        path, SLIDE, description=ome(ome_image().replace("</Pixels>", '<UUID FileName="b.tif"/></Pixels>'))
    ),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_what_cannot_be_shown_as_one_picture_is_refused(plant, tmp_path):
    with pytest.raises(SlideError) as caught:
        open_slide(PLANTED[plant](tmp_path / "slide.tif"))
    assert caught.value.expected and caught.value.fix and "slide.tif" in str(caught.value)


NOTED = {
    "a small picture that is no label": (lambda path: write(path, SLIDE, drawn(100, 100, seed=3)), "beside the slide"),
    "a square label with the sides of a level": (
        lambda path: write(path, drawn(256, 256), half(drawn(256, 256)), drawn(64, 64, seed=4)),
        "shows something else",
    ),
    "an unnamed overview with the sides of a level, on pale glass": (
        lambda path: write(path, faint(drawn(64, 64, seed=4)), faint(drawn(256, 256)), half(faint(drawn(256, 256)))),
        "shows something else",
    ),
    "another picture among the sub-pages": (
        lambda path: write(path, (SLIDE, {"subifds": 1}), drawn(192, 128, seed=5)),
        "shows something else",
    ),
    "two levels of one size": (lambda path: write(path, SLIDE, half(SLIDE), half(drawn(seed=6))), "second picture"),
    "a larger picture that is named a label": (
        lambda path: write(path, drawn(256, 256), (drawn(400, 300, seed=8), {"description": "Label: 77"})),
        "is named 'Label: 77'",
    ),
    "grey": (lambda path: write(path, SLIDE[:, :, 0].copy(), photometric="minisblack"), "no colour"),
    "opacity": (
        lambda path: write(path, np.dstack([SLIDE, np.full_like(SLIDE[:, :, 0], 255)]), extrasamples=["unassalpha"]),
        "opacity",
    ),
    "a smaller level of another depth": (lambda path: write(path, SLIDE, half(SLIDE).astype(np.uint16)), "16 bits"),
    "OME-XML of another size": (lambda path: write(path, SLIDE, description=ome(ome_image(999, 888))), "OME-XML"),
    "OME-XML with entities": (
        lambda path: write(path, SLIDE, description='<!DOCTYPE a [<!ENTITY b "c">]>' + ome(ome_image())),
        "OME-XML",
    ),
    "two statements of Aperio": (
        lambda path: write(path, SLIDE, description="Aperio\n384x256|MPP = 0.25|MPP = 0.5"),
        "0.25 um/px (MPP of the Aperio description) and 0.5",
    ),
    "two pixel sizes": (
        lambda path: write(path, SLIDE, description=ome(ome_image(um=0.5))),
        "0.5 um/px (PhysicalSize of the OME-XML) and 0.25",
    ),
}


@pytest.mark.parametrize("plant", NOTED)
def test_what_is_left_out_converted_or_contradicted_is_a_note(plant, tmp_path):
    planted, words = NOTED[plant]
    with open_slide(planted(tmp_path / "slide.tif")) as slide:
        assert any(words in note for note in slide.notes), slide.notes
        assert all(level.width_px * 2 >= slide.levels[0].width_px for level in slide.levels)


COMPLETE = {
    "macro first": lambda path: write(
        path,
        (LABEL, {"description": ome(ome_image(120, 80, name="macro image", um=20, ifd=0), ome_image(ifd=1))}),
        (SLIDE, {"subifds": 1}),
        half(SLIDE),
    ),
    "thumbnail first": lambda path: write(
        path, (drawn(96, 64, seed=7), {"description": "Thumbnail"}), SLIDE, half(SLIDE)
    ),
    "from small to large": lambda path: write(path, half(SLIDE), SLIDE),
    "a name that is all there is": lambda path: write(path, SLIDE, half(SLIDE), description="Label 12-3456, cervix"),
    "label behind": lambda path: write(path, SLIDE, half(SLIDE), (LABEL, {"description": "Label of the glass"})),
    "planes of colour": lambda path: write(
        path,
        *(np.ascontiguousarray(np.moveaxis(image, 2, 0)) for image in (SLIDE, half(SLIDE))),
        planarconfig="separate",
    ),
    "strips": lambda path: write(path, *((i, {"tile": None, "rowsperstrip": 24}) for i in (SLIDE, half(SLIDE)))),
    "one strip": lambda path: write(path, *((i, {"tile": None, "rowsperstrip": 999}) for i in (SLIDE, half(SLIDE)))),
    "packed strips": lambda path: write(
        path, *((i, {"tile": None, "rowsperstrip": 24, "compression": "lzw"}) for i in (SLIDE, half(SLIDE)))
    ),
    "units and prefixes": lambda path: write(
        path,
        (SLIDE, {"subifds": 1}),
        half(SLIDE),
        description=ome(
            ome_image(um=250).replace("PhysicalSizeX=", "PhysicalSizeXUnit='nm' PhysicalSizeYUnit='nm' PhysicalSizeX=")
        )
        .replace("<OME xmlns=", "<ome:OME xmlns:ome=")
        .replace("</OME>", "</ome:OME>"),
        resolution=(1, 1),
    ),
    "unit in a wrong encoding": lambda path: write(
        path,
        SLIDE,
        half(SLIDE),
        description=ome(
            ome_image().replace("PhysicalSizeX=", 'PhysicalSizeXUnit="\u00c2\u00b5m" PhysicalSizeX=')
        ).encode(),
        resolution=(1, 1),
    ),
    "unit as an entity": lambda path: write(
        path,
        SLIDE,
        half(SLIDE),
        description=ome(ome_image().replace("PhysicalSizeX=", 'PhysicalSizeXUnit="&#181;m" PhysicalSizeX=')),
        resolution=(1, 1),
    ),
    **{
        name: lambda path, name=name: write(path, *((image, {"compression": name}) for image in (SLIDE, half(SLIDE))))
        for name in ("lzw", "zstd", "packbits", "deflate")
    },
}


@pytest.mark.parametrize("kind", COMPLETE)
def test_the_slide_is_found_whatever_the_order_and_coding(kind, tmp_path):
    with open_slide(COMPLETE[kind](tmp_path / "slide.tif")) as slide:
        assert (slide.notes, slide.pixel_size.um_per_px, slide.pixel_size.warning) == ((), 0.25, "")
        assert len(slide.levels) == 2
        np.testing.assert_array_equal(whole(slide), SLIDE)
        np.testing.assert_array_equal(whole(slide, 1), half(SLIDE))


@pytest.mark.parametrize("codec", ["webp", "jpeg2000"])
def test_tiles_that_are_pictures_of_their_own(codec, tmp_path):
    lossless = {"level": 100, "lossless": True} if codec == "webp" else {"level": 0, "reversible": True}
    path = write(tmp_path / "slide.tif", SLIDE, compression=codec, compressionargs=lossless)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(whole(slide), SLIDE)
    path.write_bytes(path.read_bytes().replace(b"RIFF", b"RUFF").replace(b"\xff\x4f\xff\x51", b"\xff\x4f\xff\x50"))
    with pytest.raises(SlideError), open_slide(path) as slide:
        whole(slide)


def test_a_strip_too_large_for_the_memory_comes_with_a_command_that_converts_it(tmp_path):
    image = np.zeros((4200, 4200), np.uint8)
    path = write(
        tmp_path / "a.tif", image, tile=None, photometric="minisblack", compression="deflate", rowsperstrip=4200
    )
    with pytest.raises(SlideError) as caught:
        open_slide(path)
    assert "vips tiffsave" in caught.value.fix


def test_a_damaged_smaller_level_is_left_out_and_the_slide_is_read(tmp_path):
    path = write(tmp_path / "a.tif", *((image, {"compression": "deflate"}) for image in (SLIDE, half(SLIDE))))
    with tifffile.TiffFile(path) as tiff:
        offsets = tiff.pages[1].dataoffsets
    data = bytearray(path.read_bytes())
    for offset in offsets:
        data[offset : offset + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    with open_slide(path) as slide:
        assert len(slide.levels) == 1 and slide.notes
        np.testing.assert_array_equal(whole(slide), SLIDE)


def test_mirax_without_its_folder_says_which_one_is_missing(tmp_path):
    path = tmp_path / "case7.mrxs"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(SlideError, match="the folder case7 with the data"):
        open_slide(path)


@pytest.mark.parametrize(
    "claim", ["FILE_COUNT = 2147483647", "HIER_0_COUNT=4000", "IMAGENUMBER_X = -1", "HIER_COUNT=" + "9" * 5000]
)
def test_a_mirax_slide_that_claims_absurd_numbers_is_refused_before_openslide_sees_it(claim, tmp_path):
    path = tmp_path / "case7.mrxs"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    path.with_suffix("").mkdir()
    (path.with_suffix("") / "Slidedat.ini").write_text(f"[GENERAL]\nIMAGENUMBER_Y = 20\n{claim}\n")
    with pytest.raises(SlideError, match="claims"):
        open_slide(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.svs")
    with pytest.raises(SlideError, match="pipe"):
        open_slide(tmp_path / "a.svs")


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (
            {"mirax.HIERARCHICAL.HIER_2_NAME": "Microscope focus level", "mirax.HIERARCHICAL.HIER_2_COUNT": "5"},
            "5 focal",
        ),
        ({"mirax.HIERARCHICAL.HIER_1_NAME": "Slide filter level", "mirax.HIERARCHICAL.HIER_1_COUNT": "3"}, "3 layers"),
        ({"ventana.Z-layers": "3"}, "3 focal"),
        ({"zeiss.Information.Image.SizeZ": "4"}, "4 focal"),
    ],
)
def test_what_openslide_leaves_out(properties, words):
    assert words in _unread_planes(properties)[0]
    assert _unread_planes(dict.fromkeys(properties, "1") | {"mirax.HIERARCHICAL.HIER_0_NAME": "Slide zoom level"}) == []


@pytest.mark.parametrize("planes", [1, 3])
def test_focal_planes_that_openslide_passes_over(planes, tmp_path):
    """In NDPI every plane is a page of its own; in SCN a dimension of the XML."""
    ndpi = tmp_path / "a.tif"  # tifffile expects longer offsets behind the suffix .ndpi
    with tifffile.TiffWriter(ndpi) as tiff:
        for lens, z in [*((20.0, z) for z in range(planes)), (-1.0, 99)]:
            extra = [(65420, "I", 1, 1, True), (65421, "f", 1, lens, True), (65424, "i", 1, 100 * z, True)]
            tiff.write(SLIDE, photometric="rgb", metadata=None, extratags=[(271, "s", 0, "Hamamatsu", True), *extra])
    scn = "".join(f'<dimension sizeX="384" sizeY="256" r="0" z="{z}" ifd="0"/>' for z in range(planes))
    scn = f'<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">{scn}</scn>'
    expected = (f"the file holds {planes} focal planes, and only one was read",) if planes > 1 else ()
    for path in (ndpi, write(tmp_path / "a.scn", SLIDE, description=scn)):
        assert notes_on_special_tiff(path) == expected


def test_frames_and_transparency_of_a_picture_are_notes(tmp_path):
    frames = [Image.fromarray(drawn(64, 48, seed)) for seed in (0, 1)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].putalpha(99)
    frames[0].save(tmp_path / "a.png")
    for name, words in (("a.webp", "2 frames"), ("a.png", "transparent")):
        with open_slide(tmp_path / name, um_per_px=0.25) as slide:
            assert any(words in note for note in slide.notes), slide.notes
