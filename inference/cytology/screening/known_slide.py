"""A small drawn slide that every release and machine screens alike: the known answer of the whole chain.

The known answers of the cards show whether the models are computed correctly. What is between them (reading, searching,
choosing and cutting out candidates, adding up) shapes the score too; a release that changed that gives other numbers
here.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import unmissed.datasets as datasets
from unmissed.datasets.slides.base import Level, PixelSize, Slide
from unmissed.inference.cytology.policy.certificates import KNOWN_SLIDE
from unmissed.inference.cytology.values import SlideResult
from unmissed.inference.runtimes import answer_cache
from unmissed.models import known_pictures

_TILE_PX, _TILES = 256, 3
_UM_PER_PX = 0.25
_SEEDS = tuple(range(405, 414))  # a block on which finder and judge of the default preset are less sure than on most
_NUMBERS = 16  # findings that are compared
_FORMAT = 1
# The code that shapes a score; datasets.synthetic, for one, does not.
_CYTOLOGY, _DATASETS = Path(__file__).parents[1], Path(datasets.__file__).parent
_CODE = (
    *(_CYTOLOGY, _CYTOLOGY.parent / "runtimes"),
    *(_DATASETS / "slides", _DATASETS / "pictures", _DATASETS / "basis", Path(known_pictures.__file__).parent),
)


class KnownSlide(Slide):
    """The slide, in memory: one level of nine tiles."""

    reader = "known"

    def __init__(self) -> None:
        self.path = Path(KNOWN_SLIDE)
        side = _TILE_PX * _TILES
        self.levels = (Level(side, side, 1.0, _TILE_PX, _TILE_PX),)
        self.pixel_size = PixelSize(_UM_PER_PX, "file")

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """A tile; see ``Slide.read``."""
        self.levels[level].tile_size(column, row, scale)  # refuses what is not there
        return known_pictures.known_picture(_SEEDS[row * _TILES + column], _TILE_PX)


def code_of_screening() -> str:
    """Hash of the code that shapes a score."""
    return answer_cache.code_of(*_CODE)


def known_answers(screen: Callable[[Slide, str, str], SlideResult], about: list) -> tuple[float, ...]:
    """Score, and the highest finder scores and abnormal probabilities, of the known slide as screened here.

    Args:
        screen: of the screener.
        about: everything that shapes a score, as plain values; where it, the code or the machine is another, it is
            asked again.

    Returns:
        Numbers 0..1, always as many.
    """
    key = answer_cache.digest([KNOWN_SLIDE, _FORMAT, about, *answer_cache.machine(), code_of_screening()])
    stored = answer_cache.load_numbers(key)
    if stored is not None and len(stored) == 1 + 2 * _NUMBERS:
        return stored
    result = screen(KnownSlide(), KNOWN_SLIDE, KNOWN_SLIDE)
    parts = (
        sorted((finding.finder_score for finding in result.findings), reverse=True),
        sorted((finding.abnormal for finding in result.findings), reverse=True),
    )
    numbers = [result.score, *(number for part in parts for number in [*part, *[0.0] * _NUMBERS][:_NUMBERS])]
    answers = tuple(round(float(number), 6) for number in numbers)
    answer_cache.save_numbers(key, answers)
    return answers
