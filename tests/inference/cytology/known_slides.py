"""Slides in memory and maps of nuclei whose content is known, and what the screener makes of them."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from unmissed.datasets.slides.base import Level, PixelSize, Slide, SlideError
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.adequacy import assess
from unmissed.inference.cytology.screening.models import HeatMapModel, ScreenerModels
from unmissed.inference.cytology.screening.regions import Regions
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.models.cards import load_card
from unmissed.models.zoo import find_card

POLICY = load_policy("screening")


def spots(count: int, apart: int = 2, score: float = 1.0) -> np.ndarray:
    """A map of nuclei with so many peaks, row by row."""
    side = int(np.ceil(count**0.5))
    heat = np.zeros((side * apart, side * apart), np.float32)
    places = np.arange(count)
    heat[places // side * apart, places % side * apart] = score
    return heat


def judged(
    heat: np.ndarray,
    preparation: Preparation = Preparation.LIQUID,
    *,
    mm2: float = 50.0,
    out_of_focus: float = 0.0,
    obscured: float = 0.0,
    um_per_cell: float = 8.0,
) -> Any:
    regions = Regions(np.ones(heat.shape, bool), mm2, out_of_focus, obscured, np.full(3, 250, np.uint8), 200.0, 80.0)
    return assess(heat, regions, um_per_cell, POLICY.adequacy[preparation])


@cache
def enough() -> np.ndarray:
    return spots(5000)


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


def screened(slide: Slide, *, score: float = 0.9, sampled: bool = False, um: float = 0.3, **preset: Any) -> Any:
    """Screen a slide for a judge of 0.30 um/px; the finder works at the pixel size of the slide."""
    slide_um = slide.pixel_size.um_per_px
    card = load_card(find_card("nucleus-finder-coarse"))
    finder = HeatMapModel(Dark(score), card, (2,), slide_um, 160, 16, 8, 1.9)
    sampler = HeatMapModel(Dark(score), card, (2,), slide_um, 64, 16, 8, 1.9) if sampled else None
    calm = SimpleNamespace(predict=lambda features: 0.1)
    models = ScreenerModels(finder, sampler, Undecided(), load_card(find_card("cell-bethesda")), um, calm, {})
    how = load_preset("default").model_copy(update=preset)
    settings = ScreenSettings(how, POLICY.adequacy[Preparation.LIQUID], POLICY.grade, threads=1)
    return Screener(settings, models).screen(slide, "plain", "plain")
