"""The numbers on which reading a slide turns: a case just below each and one just above it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.slides.base import Level, PixelSize, SlideError, StatedPixelSize
from unmissed.datasets.slides.formats.areas import AreaSlide
from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.formats.dicom_header import read_header
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.formats.tile_grid import find_grid
from unmissed.datasets.slides.formats.tile_names import NamedTiles
from unmissed.datasets.slides.limits import check_level
from unmissed.datasets.slides.pixel_size import decide_pixel_size
from unmissed.datasets.slides.view import view_at


def pixel_size_is_taken(um_per_px: float) -> bool:
    slide = SimpleNamespace(path="slide", stated=None, objective_power=None)
    try:
        return decide_pixel_size(slide, um_per_px) is not None
    except SlideError:
        return False


def stated_is_taken(height_um: float) -> bool:
    """Whether pixels 0.2 um wide and so high are taken for square ones."""
    slide = SimpleNamespace(path="slide", stated=StatedPixelSize(0.2, height_um, "file"), objective_power=None)
    try:
        return decide_pixel_size(slide) is not None
    except SlideError:
        return False


def um_of_objective(power: float) -> float:
    found = decide_pixel_size(SimpleNamespace(path="slide", stated=None, objective_power=power))
    return found.um_per_px if found else 0.0


def level_is_taken(sides: tuple[int, int, int, int]) -> bool:
    """Whether a level of width, height, tile width and tile height is read."""
    width, height, tile_width, tile_height = sides
    try:
        check_level(Level(width, height, 1.0, tile_width, tile_height), "slide")
    except SlideError:
        return False
    return True


def slide_with(*levels: tuple[float, tuple[int, ...]]) -> Any:
    """A slide of 1 um/px with levels of so much downsample and such scales."""
    return SimpleNamespace(
        path="slide",
        pixel_size=PixelSize(1.0, "file"),
        levels=tuple(Level(1000, 1000, downsample, 100, 100, scales) for downsample, scales in levels),
    )


def level_read_for(um_per_px: float) -> int:
    return view_at(slide_with((1.0, (1,)), (2.0, (1,))), um_per_px).level


def coarser_level_serves(downsample: float) -> bool:
    """Whether a coarser level is read in place of level 0 at half its size, for 2 um/px."""
    return view_at(slide_with((1.0, (1, 2)), (downsample, (1,))), 2.0).level == 1


class _Areas(AreaSlide):
    reader = "areas"

    @classmethod
    def is_supported(cls, path):
        return True

    @classmethod
    def _open_handle(cls, path):
        properties = {f"openslide.level[0].tile-{side}": path.name for side in ("width", "height")}
        return SimpleNamespace(
            properties=properties, level_dimensions=[(9999, 9999)], level_downsamples=[1.0], close=lambda: None
        )


def tile_side(native_px: int) -> int:
    """Side of the tiles that are read where the file has tiles of another."""
    return _Areas.open(Path(str(native_px))).levels[0].tile_width_px


def overlap_is_taken(pixels: int) -> bool:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "slide.dzi"
        path.write_text(
            f'<Image TileSize="256" Overlap="{pixels}" Format="jpg"><Size Width="100" Height="100"/></Image>'
        )
        (Path(folder) / "slide_files" / "7").mkdir(parents=True)
        (Path(folder) / "slide_files" / "7" / "0_0.jpg").touch()
        try:
            DeepZoomSlide.open(path)
        except SlideError:
            return False
        return True


def jpeg_header(width: int, height: int) -> bytes:
    """The beginning of a JPEG of that size, which then is cut off."""
    frame = b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def is_too_large_for_a_slide(height: int) -> bool:
    """The same for a picture of 10,000 px that stands for a slide."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "slide.jpg"
        path.write_bytes(jpeg_header(10_000, height))
        with pytest.raises(SlideError) as caught:
            PictureSlide.open(path)
    return "cut off" not in str(caught.value)


def tiles_make_a_slide(places: list[tuple[int, int]]) -> bool:
    """Whether tiles of 100 px with these numbers in their names are put together."""
    try:
        find_grid(NamedTiles({place: f"{place}" for place in places}, None, is_lettered=True), 100, 100)
    except SlideError:
        return False
    return True


def overlap_is_believed(grey_levels: int) -> bool:
    """Whether two tiles that overlap by half of their width are put together, although they differ there by so much."""
    with TemporaryDirectory() as folder:
        for x, grey in ((0, 100), (32, 100 + grey_levels)):
            cv2.imwrite(f"{folder}/x{x}_y0.png", np.full((64, 64, 3), grey, np.uint8))
        try:
            TileFolder.open(Path(folder))
        except SlideError:
            return False
        return True


def dicom_value_is_read(size: int) -> bool:
    """Whether a header with a field of so many bytes that matters to us is read."""
    series = b"\x20\x00\x0e\x00UN\0\0" + size.to_bytes(4, "little") + b"1" * size
    sop_class = b"\x08\x00\x16\x00UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        path.write_bytes(bytes(128) + b"DICM" + sop_class + series)
        try:
            read_header(path)
        except SlideError:
            return False
        return True


SCANNER = "what a microscope slide scanner can have made, with room on both sides"
MEMORY = "files of unknown origin may claim anything"
LIMITS = [
    Limit(
        "0.05 um/px",
        "pixel_size.py: SMALLEST_UM, LARGEST_UM = 0.05, 5.0",
        SCANNER,
        pixel_size_is_taken,
        (0.049, False),
        (0.051, True),
    ),
    Limit(
        "5 um/px",
        "pixel_size.py: SMALLEST_UM, LARGEST_UM = 0.05, 5.0",
        SCANNER,
        pixel_size_is_taken,
        (4.9, True),
        (5.1, False),
    ),
    Limit(
        "5 % from square",
        "pixel_size.py: _MAX_DIFFERENCE = 0.05",
        "beyond, cells would be distorted",
        stated_is_taken,
        (0.2098, True),
        (0.2102, False),
    ),
    Limit(
        "10 um by the power",
        "pixel_size.py: _UM_AT_POWER_1 = 10.0",
        "40x gives about 0.25 um/px, 20x 0.5",
        um_of_objective,
        (20, 0.5),
        (40, 0.25),
    ),
    Limit(
        "a million pixels a side",
        "limits.py: MAX_SIDE_PX = 1_000_000",
        "ten times the longest side at 0.25 um/px",
        level_is_taken,
        ((1_000_000, 9, 512, 512), True),
        ((1_000_001, 9, 512, 512), False),
    ),
    Limit(
        "4,000,000 tiles",
        "limits.py: MAX_TILES = 4_000_000",
        "a million px a side in tiles of 512",
        level_is_taken,
        ((2_000_000 // 2, 4, 1, 1), True),
        ((1_000_000, 5, 1, 1), False),
    ),
    Limit(
        "tiles of 4096 x 4096",
        "limits.py: MAX_TILE_PX = 4096 * 4096",
        MEMORY,
        level_is_taken,
        ((9999, 9999, 4096, 4096), True),
        ((9999, 9999, 4096, 4097), False),
    ),
    Limit(
        "170 megapixels as a slide",
        "limits.py: MAX_PICTURE_PX = 170_000_000",
        "a little less than Pillow refuses by itself",
        is_too_large_for_a_slide,
        (17_000, False),
        (17_001, True),
    ),
    Limit(
        "6 % too coarse",
        "view.py: tolerance: float = 0.06",
        "view_at's tolerance",
        level_read_for,
        (1.88, 0),
        (1.89, 1),
    ),
    Limit(
        "2 % are the same level",
        "view.py: _SAME_UM = 0.02",
        "a nucleus of 10 um changes by a pixel or less",
        coarser_level_serves,
        (1.95, False),
        (1.97, True),
    ),
    Limit(
        "native tiles of 64 px",
        "formats/areas.py: _UNUSABLE_TILE_PX = (64, 1024)",
        "smaller ones do not decide our own",
        tile_side,
        (63, 512),
        (65, 520),
    ),
    Limit(
        "native tiles of 1,024 px",
        "formats/areas.py: _UNUSABLE_TILE_PX = (64, 1024)",
        "larger ones do not decide our own",
        tile_side,
        (1023, 1023),
        (1025, 512),
    ),
    Limit(
        "overlap of 64 px",
        "formats/deep_zoom.py: _MAX_OVERLAP_PX = 64",
        MEMORY,
        overlap_is_taken,
        (64, True),
        (65, False),
    ),
    Limit(
        "16 MiB in a field of a DICOM header",
        "formats/dicom_header.py: _MAX_VALUE_BYTES = 2**24",
        MEMORY,
        dicom_value_is_read,
        (2**24, True),
        (2**24 + 2, False),
    ),
    Limit(
        "a tenth of the grid has tiles",
        "formats/tile_grid.py: MIN_FILLED = 0.1",
        "with less, the numbers mean something else, or the tiles are a sample",
        tiles_make_a_slide,
        ([(0, 0), (100, 0), (2900, 0)], True),
        ([(0, 0), (100, 0), (3000, 0)], False),
    ),
    Limit(
        "three quarters of a tile repeated",
        "formats/tile_grid.py: MAX_OVERLAP = 0.75",
        "with more, each place would be in more than 16 tiles",
        tiles_make_a_slide,
        ([(0, 0), (25, 0), (0, 25), (25, 25)], True),
        ([(0, 0), (24, 0), (0, 24), (24, 24)], False),
    ),
    Limit(
        "6 grey levels where tiles overlap",
        "formats/tile_folder.py: MOST_UNLIKE = 6.0",
        "the comment beside it",
        overlap_is_believed,
        (5, True),
        (7, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
