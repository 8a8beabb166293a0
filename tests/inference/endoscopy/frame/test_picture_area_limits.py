"""The numbers by which the picture is found in a frame: a case just below each and one just above it."""

from functools import partial

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.pictures.endoscope_area import endoscope_box, find_area
from unmissed.inference.endoscopy.frame.burnt_in_text import BurntInTextFinder


def has_area(inner: int, ground: int = 0, *, side: int = 160, shape: int = 240, varied: int = 0) -> bool:
    """Whether a square of that brightness is told from the rest of the frame."""
    most = np.full((shape, shape), ground, np.uint8)
    low = (shape - side) // 2
    most[low : low + side, low : low + side] = inner
    colours = np.repeat(most[..., None], 3, axis=2)
    return bool((find_area(most, np.full_like(most, varied), colours) == 0).any())


def bright_margin_is_none(ground: int) -> bool:
    return has_area(120, ground)


def small_area(per_mille: int) -> bool:
    """Whether a lit area of so many thousandths of the frame is a picture."""
    return has_area(200, side=round((per_mille / 1000) ** 0.5 * 400), shape=400)


def letters_are_gone(width: int) -> bool:
    """Whether a bar so wide, beside the picture of a frame of 400 px, is left out."""
    most = np.zeros((400, 400), np.uint8)
    most[100:300, 100:250] = 200
    most[150:250, 250 : 250 + 40] = 200
    most[150:250, 290:292] = 200
    bar = most.copy()
    bar[190 : 190 + width, 292:380] = 200
    colours = np.repeat(bar[..., None], 3, axis=2)
    return not find_area(bar, np.zeros_like(bar), colours)[190 + width // 2, 370]


def guide_is_cut(green: int) -> bool:
    """Whether a box in which green is so far above red is taken for the position guide."""
    most = np.full((200, 200), 180, np.uint8)
    colours = np.full((200, 200, 3), (180, 120, 100), np.uint8)
    colours[160:, :40] = (100, 100 + green, 90)
    return not find_area(most, np.zeros_like(most), colours)[180, 20]


def still_is_cut(per_mille: int) -> bool:
    """Whether a lit square of so many thousandths of a still is taken for the endoscope's picture."""
    side = round((per_mille / 1000) ** 0.5 * 240)
    image = np.zeros((240, 240, 3), np.uint8)
    image[40 : 40 + side, 40 : 40 + side] = (180, 120, 100)
    return endoscope_box(image) != (0, 0, 240, 240)


def still_margin_is_cut(range_within: int, range_of_margin: int) -> bool:
    most = np.full((200, 200), 150, np.uint8)
    varied = np.full((200, 200), range_within, np.uint8)
    varied[:, :60] = range_of_margin
    return not find_area(most, varied, np.repeat(most[..., None], 3, axis=2))[100, 20]


def writing_found_after(pictures: int) -> bool:
    rng = np.random.default_rng(0)
    finder = BurntInTextFinder()
    told = [finder.learn(rng.integers(0, 255, (60, 80)).astype(np.uint8), 0.5 * k) for k in range(pictures)]
    return told[-1]


def writing_found(*, difference: int = 50, every_s: float = 0.5) -> bool:
    """Whether thirty pictures, each so different from the one before and so much later, are enough."""
    finder = BurntInTextFinder()
    pictures = [np.full((60, 80), 100 + k % 2 * difference, np.uint8) for k in range(30)]
    return any([finder.learn(picture, every_s * k) for k, picture in enumerate(pictures)])


def writing_found_every(seconds: float) -> bool:
    return writing_found(every_s=seconds)


def writing_found_by(difference: int) -> bool:
    return writing_found(difference=difference)


HERE = "the comment beside it"
LIMITS = [
    Limit(
        "24 is above black",
        "datasets/pictures/endoscope_area.py: _FLOOR = 24",
        "black does not reach it, video noise included",
        has_area,
        (24, False),
        (25, True),
    ),
    Limit(
        "16 above the margin",
        "datasets/pictures/endoscope_area.py: _ABOVE_MARGIN = 16",
        HERE,
        partial(has_area, ground=50),
        (66, False),
        (67, True),
    ),
    Limit(
        "60 is no black margin",
        "datasets/pictures/endoscope_area.py: _BRIGHT_MARGIN = 60",
        "corners brighter than this",
        bright_margin_is_none,
        (59, True),
        (60, False),
    ),
    Limit(
        "2 % of the frame",
        "datasets/pictures/endoscope_area.py: _LEAST_SHARE = 0.02",
        "a smaller area is no picture",
        small_area,
        (19, False),
        (21, True),
    ),
    Limit(
        "letters of 3.5 %",
        "datasets/pictures/endoscope_area.py: _OPEN_SHARE = 0.035",
        "letters in the margin are thinner",
        letters_are_gone,
        (14, True),
        (15, False),
    ),
    Limit(
        "40 above red is the guide",
        "datasets/pictures/endoscope_area.py: _GUIDE_GREEN = 40",
        "tissue is never like that; Kvasir",
        guide_is_cut,
        (40, False),
        (41, True),
    ),
    Limit(
        "15 % of a still",
        "datasets/pictures/endoscope_area.py: _STILL_SHARE = 0.15",
        "smaller is a lit spot of a dark picture",
        still_is_cut,
        (145, False),
        (156, True),
    ),
    Limit(
        "6 grey levels are still",
        "datasets/pictures/endoscope_area.py: _STILL_RANGE = 6",
        HERE,
        partial(still_margin_is_cut, 50),
        (6, True),
        (7, False),
    ),
    Limit(
        "24 grey levels have moved",
        "datasets/pictures/endoscope_area.py: _MOVED_RANGE = 24",
        HERE,
        partial(still_margin_is_cut, range_of_margin=0),
        (23, False),
        (24, True),
    ),
    Limit(
        "25 pictures tell writing", "burnt_in_text.py: _NEEDED = 25", HERE, writing_found_after, (24, False), (25, True)
    ),
    Limit(
        "0.2 s between pictures",
        "burnt_in_text.py: _EVERY_S = 0.2",
        "in quick succession they are passed over",
        writing_found_every,
        (0.19, False),
        (0.21, True),
    ),
    Limit(
        "3 grey levels apart",
        "burnt_in_text.py: _DIFFERENT = 3.0",
        "closer ones say nothing about what stays",
        writing_found_by,
        (2, False),
        (3, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
