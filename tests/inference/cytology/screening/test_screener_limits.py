"""The numbers on which a screening turns, with stand-in models: a case just below each and one just above it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.slides.base import Level, PixelSize, Slide, SlideError
from unmissed.inference.cytology.policy.dispositions import Case, decide
from unmissed.inference.cytology.policy.policy import Exclusion, Preparation, load_policy
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.models import HeatMapModel, ScreenerModels
from unmissed.inference.cytology.screening.refine import choose_places
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import FineSearch, ScreenSettings, load_preset
from unmissed.models.cards import load_card
from unmissed.models.zoo import find_card

POLICY = load_policy("screening")


class Plain(Slide):
    """A slide in memory: grey with dark squares, or with tiles that cannot be read."""

    reader = "plain"

    def __init__(self, um_per_px: float, squares: int = 0, broken: int = 0, grey: int = 235, side: int = 256) -> None:
        self.path, self.background = Path("plain"), (grey,) * 3
        self.levels = (Level(side, side, 1.0, 128, 128),)
        self.pixel_size = PixelSize(um_per_px, "file")
        self._broken = broken
        self._picture = np.full((side, side, 3), grey, np.uint8)
        for index in range(squares):
            x, y = 48 + index % 4 * 128, 48 + index // 4 * 128
            self._picture[y : y + 24, x : x + 24] = (70, 50, 100)

    @classmethod
    def is_supported(cls, path):
        return False

    @classmethod
    def open(cls, path):
        raise SlideError("it is in memory")

    def read(self, level, column, row, scale=1):
        if row * self.levels[0].columns + column < self._broken:
            raise SlideError(f"tile {column}, {row} is damaged")
        return self._picture[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]


class Dark:
    """A finder that gives dark cells one and the same score."""

    batch_size = 1

    def __init__(self, score: float = 0.9) -> None:
        self._score = score

    def run(self, canvases):
        n, height, width, _ = canvases.shape
        blocks = canvases.reshape(n, height // 8, 8, width // 8, 8, 3).mean(axis=(2, 4, 5))
        dark = np.where(blocks < 180, np.float32(self._score), np.float32(0))
        return np.stack([1 - dark, np.zeros_like(dark), dark], axis=1)

    def close(self):
        """Nothing to free."""


class Undecided:
    """A judge that finds all classes alike."""

    batch_size, input_size, provider = 4, 32, "none"

    def run(self, crops):
        return np.full((len(crops), 6), 1 / 6, np.float32)

    def close(self):
        """Nothing to free."""


def screened(slide: Slide, *, score: float = 0.9, second_look: bool = False, um: float = 0.3, **preset: Any) -> Any:
    """Screen a slide for a judge of 0.30 um/px; the finder works at the pixel size of the slide."""
    slide_um = slide.pixel_size.um_per_px
    finder = HeatMapModel(Dark(score), None, (2,), slide_um, 160, 16, 8, 1.9)
    finer = HeatMapModel(Dark(score), None, (2,), slide_um, 64, 16, 8, 1.9) if second_look else None
    calm = SimpleNamespace(predict=lambda features: 0.1)
    models = ScreenerModels(finder, finer, Undecided(), load_card(find_card("cell-bethesda")), um, calm, {})
    how = load_preset("default").model_copy(
        update={"fine_search": FineSearch.WHERE_IT_MATTERS if second_look else FineSearch.NOWHERE} | preset
    )
    settings = ScreenSettings(how, POLICY.adequacy[Preparation.LIQUID], POLICY.grade, threads=1)
    return Screener(settings, models).screen(slide, "plain", "plain")


def is_screened(um_per_px: float) -> bool:
    try:
        screened(Plain(um_per_px))
    except SlideError as error:
        assert "too coarse" in str(error)
        return False
    return True


def is_doubted(um_per_px: float) -> bool:
    return any("coarser" in note for note in screened(Plain(um_per_px)).notes)


def is_candidate(score: float) -> bool:
    return bool(screened(Plain(0.3, squares=1, side=256), score=score).findings)


def places_looked_at_again(max_crops: int) -> int:
    found = screened(Plain(0.3, squares=4, side=512), second_look=True, max_crops=max_crops, fine_share=1.0)
    return int(found.counts["places_looked_at_again"])


class _Places:
    cells, cell_px, columns = 1, 8.0, 10

    def __init__(self, count: int) -> None:
        self.rows = count // self.columns


def places_of_the_default_preset(count: int) -> int:
    """How many of so many places are looked at again when all are suspicious."""
    share = load_preset("default").fine_share
    return len(choose_places(np.ones((count // 10, 10), np.float32), 8.0, _Places(count), share, 0.02, 10_000))


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
        "screen.py: TOO_COARSE, COARSE = 2.0, 1.35",
        "refused: too coarse to judge nuclei",
        is_screened,
        (0.6, True),
        (0.61, False),
    ),
    Limit(
        "1.35 times the judge's pixel size",
        "screen.py: TOO_COARSE, COARSE = 2.0, 1.35",
        "screened with a doubt",
        is_doubted,
        (0.4, False),
        (0.41, True),
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
        "3 places a crop",
        "refine.py: PLACES_PER_CROP = 3",
        "more brought no more abnormal nuclei",
        places_looked_at_again,
        (1, 3),
        (2, 6),
    ),
    Limit(
        "4 % are looked at again",
        "configs/presets/default.yaml: fine_share: 0.04",
        "the default preset",
        places_of_the_default_preset,
        (740, 29),
        (750, 30),
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
