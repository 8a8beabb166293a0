"""The numbers by which a slide is adequate: a case just below each and one just above it."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from draw_constants import Limit
from known_slides import enough, judged, spots

from unmissed.inference.cytology.policy.policy import Preparation
from unmissed.inference.cytology.screening.regions import Regions, find_regions
from unmissed.inference.cytology.screening.scan import Scan, is_uniform

GLASS = 250  # grey


def verdict_on_cells(count: int, preparation: Preparation) -> str:
    return judged(spots(count), preparation).verdict.value


def verdict(changes: dict[str, float]) -> str:
    return judged(enough(), **changes).verdict.value


def cells_at(score: float) -> int:
    return judged(spots(4, score=score)).cells


def cells_of_two(apart_um: int) -> int:
    """Two nuclei so far apart, on a map whose cells are 1 um."""
    heat = np.zeros((5, 40), np.float32)
    heat[2, [5, 5 + apart_um]] = 1.0
    return judged(heat, um_per_cell=1.0).cells


def regions_of(picture: np.ndarray, um_per_cell: float = 8.0, fine: Any = 10.0, coarse: Any = 10.0) -> Regions:
    """Regions of a slide with this overview, grey or RGB (rows, columns), and so much fine and coarse detail."""
    overview = np.asarray(picture, np.uint8)
    if overview.ndim == 2:
        overview = np.repeat(overview[..., None], 3, axis=2)
    shape = overview.shape[:2]
    detail = [np.broadcast_to(np.asarray(value, np.float32), shape).copy() for value in (fine, coarse)]
    nothing, grid = np.zeros(shape, np.float32), SimpleNamespace(inside=np.ones(shape, bool))
    return find_regions(Scan(grid, nothing, nothing, overview, *detail, 1, 0), um_per_cell)


def one_in_glass(grey: int) -> bool:
    """Whether a cell of that grey counts as foreground on a slide of glass."""
    picture = np.full((20, 20), GLASS)
    picture[7, 9] = grey
    return bool(regions_of(picture).foreground[7, 9])


def bright_is_glass(per_mille: int) -> bool:
    """Whether so many bright entries of 1,000 are taken for the glass of the slide."""
    picture = np.full(1000, 190)
    picture[:per_mille] = GLASS
    return not regions_of(picture.reshape(25, 40)).foreground[0, 0]


def obscured_by_square(side_um: int, grey: int = 60) -> bool:
    picture = np.full((140, 140), GLASS)
    picture[30 : 30 + side_um, 30 : 30 + side_um] = grey
    return regions_of(picture, um_per_cell=1.0).obscured > 0


def obscured_by_grey(grey: int) -> bool:
    return obscured_by_square(100, grey)


def obscured_without_glass(grey: int) -> bool:
    """Whether grey is dark where nothing is brighter than 60."""
    picture = np.full((140, 140), 60)
    picture[30:130, 30:130] = grey
    return regions_of(picture, um_per_cell=1.0).obscured > 0


def tissue(side: int) -> np.ndarray:
    """Foreground everywhere but for a strip of glass that tells what glass is."""
    picture = np.full((side, side), 150)
    picture[: max(2, side // 20)] = GLASS
    return picture


def is_grey_with_spread(spread: int) -> bool:
    """Whether a slide is called grey whose cells differ by so much between red and blue."""
    picture = np.repeat(tissue(40)[..., None], 3, axis=2)
    picture[2:, :, 0] += spread
    return regions_of(picture).is_grey


def blurred_at(ratio: float, coarse: float = 10.0) -> bool:
    return regions_of(tissue(40), fine=ratio * coarse, coarse=coarse).out_of_focus > 0.9


def blurred_with_detail(coarse: float) -> bool:
    return blurred_at(0.1, coarse)


def sharp_at(distance_um: int) -> bool:
    """Whether a very sharp place makes what lies so far from it, on either side, count as sharp; cells of 2 um."""
    fine = np.full((200, 200), 1.0)
    fine[100, 100] = 10.0
    told = []
    for step in (-1, 1):
        picture = np.full((200, 200), GLASS)
        picture[100, 100] = 150
        picture[100, 100 + step * distance_um // 2] = 150
        told.append(regions_of(picture, 2.0, fine, 10.0).out_of_focus < 0.4)
    return any(told)


def blurred_with_sharp(percent: int) -> bool:
    """Whether windows, here of 10 x 10 places, count as blurred in which so many places are sharp."""
    block = np.full(100, 1.0)
    block[:percent] = 10.0
    return regions_of(tissue(40), 13.0, np.tile(block.reshape(10, 10), (4, 4)), 10.0).out_of_focus > 0.5


def uniform(difference: int) -> bool:
    canvas = np.full((64, 64, 3), 200, np.uint8)
    canvas[8:16, 8:16] = 200 - difference
    return is_uniform(canvas)


BETHESDA = "Bethesda 2014"
HERE = "measured here, see the comment beside it"
LIMITS = [
    Limit(
        "5,000 cells, liquid-based",
        "configs/policies/screening.yaml: min_cells: 5000",
        BETHESDA,
        partial(verdict_on_cells, preparation=Preparation.LIQUID),
        (4999, "scant"),
        (5000, "adequate"),
    ),
    Limit(
        "8,000 cells, conventional",
        "configs/policies/screening.yaml: min_cells: 8000",
        BETHESDA,
        partial(verdict_on_cells, preparation=Preparation.CONVENTIONAL),
        (7999, "scant"),
        (8000, "adequate"),
    ),
    Limit(
        "75 % obscured",
        "configs/policies/screening.yaml: max_obscured: 0.75",
        f"{BETHESDA}: more is unsatisfactory",
        verdict,
        ({"obscured": 0.75}, "adequate"),
        ({"obscured": 0.751}, "obscured"),
    ),
    Limit(
        "half of it out of focus",
        "configs/policies/screening.yaml: max_out_of_focus: 0.5",
        "policy: a scan that is blurred over half of its cells is made again",
        verdict,
        ({"out_of_focus": 0.5}, "adequate"),
        ({"out_of_focus": 0.501}, "out_of_focus"),
    ),
    Limit(
        "a nucleus from 0.8 on",
        "adequacy.py: NUCLEUS = 0.8",
        f"{HERE}: squares counted by eye, with and without leukocytes",
        cells_at,
        (0.79, 0),
        (0.8, 4),
    ),
    Limit(
        "nuclei are 15 um apart",
        "adequacy.py: APART_UM = 15.0",
        "neighbouring squamous cells are further apart",
        cells_of_two,
        (15, 1),
        (16, 2),
    ),
    Limit(
        "0.002 mm2 are no cell",
        "adequacy.py: GLASS_ONLY_MM2 = 0.002",
        "less foreground than a single squamous cell has",
        verdict,
        ({"mm2": 0.0019}, "empty"),
        ({"mm2": 0.002}, "adequate"),
    ),
    Limit(
        "2 % are glass",
        "datasets/slides/foreground.py: GLASS_SHARE = 0.02",
        "the brightest part of a slide",
        bright_is_glass,
        (19, False),
        (20, True),
    ),
    Limit(
        "5.6 % of the light from glass",
        "datasets/slides/foreground.py: DIFFERS = 0.056",
        "pale cytoplasm differs by 8 %, noise by 2 %",
        one_in_glass,
        (235, True),
        (236, False),
    ),
    Limit(
        "12 is black",
        "datasets/slides/foreground.py: BLACK = 12",
        "scanners fill gaps with black",
        one_in_glass,
        (11, False),
        (12, True),
    ),
    Limit(
        "38 % of the glass's light is dark",
        "regions.py: DARK = 0.38",
        "clumps, blood and pen in which no nucleus can be told",
        obscured_by_grey,
        (94, True),
        (95, False),
    ),
    Limit(
        "glass lets a third of full light pass",
        "datasets/slides/foreground.py: LEAST_GLASS = 85",
        "a slide whose brightest part is darker shows no glass",
        obscured_without_glass,
        (32, True),
        (33, False),
    ),
    Limit(
        "80 um are a clump",
        "regions.py: CLUMP_UM = 80.0",
        "narrower dark areas are nuclei and folds",
        obscured_by_square,
        (79, False),
        (80, True),
    ),
    Limit(
        "fine is 0.34 of coarse",
        "regions.py: SHARP = 0.34",
        f"{HERE}: 0.38 blurred by 0.5 um, below by 1 um",
        blurred_at,
        (0.335, True),
        (0.345, False),
    ),
    Limit(
        "a third of the places are sharp",
        "regions.py: SHARP_SHARE = 0.33",
        f"{HERE}: with it, what is sharp and what is blurred lie furthest apart",
        blurred_with_sharp,
        (32, True),
        (34, False),
    ),
    Limit(
        "12 grey levels of colour",
        "regions.py: COLOURLESS = 12.0",
        f"{HERE}: fields of two laboratories have 30 and more, grey pictures 3",
        is_grey_with_spread,
        (11, True),
        (12, False),
    ),
    Limit(
        "1.2 % of the light is detail",
        "regions.py: DETAIL = 0.012",
        "below, focus cannot be told",
        blurred_with_detail,
        (2.95, False),
        (3.05, True),
    ),
    Limit(
        "windows of 130 um",
        "regions.py: SHARP_WINDOW_UM = 130.0",
        "over which focus is judged",
        sharp_at,
        (64, True),
        (66, False),
    ),
    Limit(
        "18 grey levels on a canvas",
        "scan.py: UNIFORM = 18",
        "one that varies less holds no cell",
        uniform,
        (17, True),
        (18, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
