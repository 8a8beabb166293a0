"""The numbers on which a screening turns, with stand-in models: a case just below each and one just above it."""

from types import SimpleNamespace

import numpy as np
import pytest
from draw_constants import Limit
from known_slides import POLICY, Plain, screened

from unmissed.datasets.slides.base import Level, SlideError
from unmissed.inference.cytology.policy.dispositions import Case, decide
from unmissed.inference.cytology.policy.policy import Exclusion, Preparation
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.settings import load_preset
from unmissed.inference.cytology.screening.unseen import Sample


class Flat(Plain):
    """A low and long slide of 1 um/px."""

    def __init__(self, width_px: int) -> None:
        super().__init__(1.0)
        self.levels = (Level(width_px, 16, 1.0, 128, 128),)


def is_screened(um_per_px: float) -> bool:
    try:
        screened(Plain(um_per_px))
    except SlideError as error:
        assert "too coarse" in str(error)
        return False
    return True


def is_doubted(um_per_px: float) -> bool:
    return any("coarser" in note for note in screened(Plain(um_per_px)).notes)


def is_tiny(side_px: int) -> bool:
    return any("hardly a cell" in note for note in screened(Plain(0.3, side=side_px)).notes)


def is_candidate(score: float) -> bool:
    return bool(screened(Plain(0.3, squares=1, side=256), score=score).findings)


def places_drawn(count: int) -> int:
    """How many places of so many with unseen cells the default preset draws."""
    side = 16 * count
    finder = SimpleNamespace(grid=lambda slide: CanvasGrid.over(slide, 1.0, 16, 8, 8), radius_cells=1.9)
    cells = np.ones((2, side // 8), bool)
    share = load_preset("default").sample_share
    return len(Sample(Flat(side), finder, cells, 8.0, (), share).places)


def is_judged_of_the_sample(score: float) -> bool:
    found = screened(Plain(0.3, squares=4, side=512), score=score, sampled=True, min_score=0.5)
    return found.unseen.judged > 0


def taken_as_it_is(um_per_px: float) -> bool:
    """Whether a slide of 1 um/px serves a finder of another pixel size without being resized."""
    return CanvasGrid.over(Plain(1.0), um_per_px, 128, 16, 8).ratio == 1.0


def is_black(grey: int) -> bool:
    """Whether a slide that is grey all over passes for a failed scan, from its pixels to the rules."""
    found = screened(Plain(0.3, grey=grey))
    return Case.from_result(found, "a", POLICY, Preparation.LIQUID).is_black


def is_for_its_tiles(broken: int) -> bool:
    """Whether a slide of 100 tiles goes to a person because so many cannot be read, from its file to the rules."""
    found = screened(Plain(0.3, squares=4, broken=broken, side=1280))
    decision = decide(
        [Case.from_result(found, "a", POLICY, Preparation.LIQUID)], POLICY, Exclusion(None, None, "none")
    )["a"]
    return decision.disposition == "process_review" and "tiles could not be read" in decision.reasons[0]


LIMITS = [
    Limit(
        "2.0 times the judge's pixel size",
        "screen.py: TOO_COARSE = 2.0",
        "refused: too coarse to judge nuclei",
        is_screened,
        (0.6, True),
        (0.61, False),
    ),
    Limit(
        "1.35 times the judge's pixel size",
        "notes.py: COARSE = 1.35",
        "screened with a doubt",
        is_doubted,
        (0.4, False),
        (0.41, True),
    ),
    Limit(
        "60 um a side",
        "notes.py: TINY_UM = 60.0",
        "a superficial cell is 40 to 60 um wide",
        is_tiny,
        (199, True),
        (201, False),
    ),
    Limit(
        "a candidate from 0.02 on",
        "settings.py: min_score: float = Field(0.02",
        "the shipped presets",
        is_candidate,
        (0.0195, False),
        (0.0205, True),
    ),
    Limit(
        "1 % of what was not judged is drawn",
        "settings.py: sample_share: float = Field(0.01",
        "a hundredth; at least one place",
        places_drawn,
        (149, 1),
        (151, 2),
    ),
    Limit(
        "judged in the sample from 0.2 on",
        "unseen.py: LEAST = 0.2",
        "60 places a mm2 of normal fields, .98 of the abnormal nuclei",
        is_judged_of_the_sample,
        (0.19, False),
        (0.21, True),
    ),
    Limit(
        "6 % off is the same scale",
        "canvases.py: SAME_SCALE = 0.06",
        "a view so close is used as it is",
        taken_as_it_is,
        (1.059, True),
        (1.061, False),
    ),
    Limit(
        "grey 32 of 255 is black",
        "inference/cytology/policy/dispositions.py: _BLACK_GREY = 32.0",
        "glass, even badly lit, is several times brighter",
        is_black,
        (31, True),
        (32, False),
    ),
    Limit(
        "1 of 100 tiles",
        "screen.py: tiles_damaged=len(source.damaged)",
        "the same, from the file on",
        is_for_its_tiles,
        (1, False),
        (2, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
