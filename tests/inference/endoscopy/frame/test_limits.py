"""The numbers by which one frame is judged: a case just below each and one just above it."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from draw_constants import Limit
from known_frames import gauge, view

from unmissed.inference.endoscopy.frame.clarity import REASONS, ClarityMeter
from unmissed.inference.endoscopy.frame.outside import OutsideMeter, colours_of, outside_probability
from unmissed.inference.endoscopy.frame.sight import SightModel
from unmissed.inference.endoscopy.protocol import ProtocolModels
from unmissed.inference.endoscopy.values import (
    Scene,
)

LEGIBLE = ("legible", *(reason.value for reason in REASONS))


def meter() -> ClarityMeter:
    """A meter for which a picture is as legible as it is bright."""
    return ClarityMeter(gauge("brightness", "light", 1.0, 0.0, LEGIBLE))


@cache
def plain(grey: int) -> np.ndarray:
    return np.full((120, 160), grey, np.uint8)


def is_legible(grey: int) -> bool:
    return meter().update(view(plain(grey)), None).legible


def stays_legible(grey: int) -> bool:
    """Whether it is still legible after a fifth of a second of another brightness."""
    found, before = meter(), view(plain(200))
    found.update(before, None)
    for time_s in (0.1, 0.2):
        told = found.update(view(plain(grey), time_s), before)
    return told.legible


def is_remembered(after_s: float) -> bool:
    """Whether a clear frame still counts after so long, so that a black one is not called illegible."""
    found, clear = meter(), view(plain(255))
    found.update(clear, None)
    return found.update(view(plain(0), after_s), clear).legible


@cache
def textured(shape: tuple[int, int] = (100, 100)) -> np.ndarray:
    return np.random.default_rng(0).integers(20, 200, shape).astype(np.uint8)


def outside_of(colour: Sequence[int]) -> float:
    return round(outside_probability(view(np.full((96, 96, 3), colour, np.uint8))), 2)


def tells_nothing(colour: Sequence[int]) -> bool:
    return outside_of(colour) == 0.3


def is_out(colour: Sequence[int]) -> bool:
    return outside_of(colour) > 0.5


def striped(columns: int, stripe: Sequence[int], ground: Sequence[int]) -> float:
    """Probability of outside for a picture of 100 columns, so many of them of another colour."""
    picture = np.full((100, 100, 3), ground, np.uint8)
    picture[:, :columns] = stripe
    return outside_probability(view(picture))


def out_with_warm(columns: int) -> bool:
    return striped(columns, (112, 100, 100), (100, 100, 100)) > 0.5


def told_with_light(columns: int) -> bool:
    return striped(columns, (120, 120, 120), (0, 0, 0)) > 0.9


def has_no_colour(chroma: int) -> bool:
    return colours_of(view(np.full((96, 96, 3), (120, 120, 120 + chroma), np.uint8))).doubt == "grey"


def grey_in(columns: int) -> bool:
    """Whether a picture of 100 columns, so many of them without colour, has none."""
    picture = np.full((100, 100, 3), (100, 100, 120), np.uint8)
    picture[:, :columns] = 110
    return colours_of(view(picture)).doubt == "grey"


def blue_in(columns: int) -> bool:
    """Whether a picture of 100 columns, so many of them blue, is blue all over."""
    picture = np.full((100, 100, 3), (110, 113, 115), np.uint8)
    picture[:, :columns] = (80, 100, 140)
    return colours_of(view(picture)).doubt == "blue"


def proves(seconds: float) -> bool:
    """Whether grey means outside after so much tissue."""
    meter, steps = OutsideMeter(), 20
    for step in range(steps + 1):
        meter.update(view(np.full((96, 96, 3), (190, 110, 90), np.uint8), step * seconds / steps))
    return meter.update(view(np.full((96, 96, 3), 120, np.uint8), seconds)) > 0.5


@cache
def no_classifier() -> SightModel:
    return SightModel(ProtocolModels())


def is_outside_at(probability: float) -> bool:
    return no_classifier().classify(view(textured()), probability).scene is Scene.OUTSIDE


LIMITS = [
    Limit(
        "legible from 0.5 on",
        "clarity.py: _THRESHOLD = 0.5",
        "the probability that a frame is legible",
        is_legible,
        (127, False),
        (128, True),
    ),
    Limit(
        "0.1 beyond it",
        "clarity.py: _MARGIN = 0.1",
        "the decision changes only so far beyond the threshold",
        stays_legible,
        (101, False),
        (103, True),
    ),
    Limit(
        "0.15 s are averaged",
        "clarity.py: _SPAN_S = 0.15",
        "single frames that are smeared do not count",
        is_remembered,
        (0.149, True),
        (0.151, False),
    ),
    Limit(
        "brighter than 40",
        "outside.py: _DARK, _BURNT = 40, 235",
        "below, a pixel has no colour to tell",
        tells_nothing,
        ((40, 40, 40), True),
        ((41, 41, 41), False),
    ),
    Limit(
        "darker than 235",
        "outside.py: _DARK, _BURNT = 40, 235",
        "above, a pixel has no colour to tell",
        tells_nothing,
        ((234,) * 3, False),
        ((235,) * 3, True),
    ),
    Limit(
        "1.06 times blue is warm",
        "outside.py: _WARM = 1.06",
        "tissue is red to brown",
        is_out,
        ((211, 200, 200), True),
        ((213, 200, 200), False),
    ),
    Limit(
        "1.08 times red is teal",
        "outside.py: _TEAL = 1.08",
        "narrow-band light, or a drape",
        tells_nothing,
        ((200, 215, 215), False),
        ((200, 217, 217), True),
    ),
    Limit(
        "blue of 1.6 times red",
        "outside.py: _DYE_BLUE, _DYE_SATURATION = 1.6, 0.5",
        "indigo carmine and methylene blue",
        tells_nothing,
        ((101, 50, 160), False),
        ((99, 50, 160), True),
    ),
    Limit(
        "dye of saturation 0.5",
        "outside.py: _DYE_BLUE, _DYE_SATURATION = 1.6, 0.5",
        "indigo carmine and methylene blue",
        tells_nothing,
        ((90, 81, 160), False),
        ((90, 79, 160), True),
    ),
    Limit(
        "a tenth has to tell",
        "outside.py: _LEAST_SHARE = 0.1",
        "otherwise nothing is known",
        told_with_light,
        (9, False),
        (10, True),
    ),
    Limit(
        "30 % warm pixels",
        "outside.py: _HALF = 0.3",
        "real pictures inside have 40 % and more",
        out_with_warm,
        (29, True),
        (31, False),
    ),
    Limit(
        "2.5 grey levels of colour",
        "outside.py: _CHROMA, _GREY_SHARE = 2.5, 0.99",
        "a grey signal has none but what a codec leaves",
        has_no_colour,
        (2, True),
        (3, False),
    ),
    Limit(
        "99 % without colour",
        "outside.py: _CHROMA, _GREY_SHARE = 2.5, 0.99",
        "a grey signal has none but what a codec leaves",
        grey_in,
        (98, False),
        (100, True),
    ),
    Limit(
        "85 % blue",
        "outside.py: _BLUE_SHARE = 0.85",
        "99 % of real pictures with red and blue exchanged",
        blue_in,
        (83, False),
        (86, True),
    ),
    Limit(
        "1 s of tissue",
        "outside.py: _PROOF_S = 1.0",
        "before grey or blue means outside",
        proves,
        (0.98, False),
        (1.02, True),
    ),
    Limit(
        "outside beyond 0.5",
        "sight.py: _SURE = 0.5",
        "least probability of a scene",
        is_outside_at,
        (0.5, False),
        (0.51, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
