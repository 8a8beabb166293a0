"""What nobody would have looked at: a random sample of it is searched with the finer finder and judged."""

import math
from collections.abc import Sequence
from itertools import islice
from time import perf_counter

import cv2
import numpy as np

from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.judging import propose
from unmissed.inference.cytology.screening.models import HeatMapModel
from unmissed.inference.cytology.screening.threads import Stopwatch, run_all
from unmissed.inference.cytology.values import Candidate, Finding, Unseen

# Of the finer finder, for a place to be judged: 60 a mm2 of normal fields, and .98 of the abnormal nuclei.
LEAST = 0.2
SURE = 0.95  # of the judge, for a crop that counts as found; normal cells reach it seldom
_CONFIDENCE = 0.95


class Sample:
    """Places drawn at random from those that no judged crop covers.

    Args:
        slide: the same everywhere.
        finder: the finer one.
        foreground: bool map, holds cells.
        cell_px: side of its entries, level-0 pixels.
        candidates: that will be judged anyway.
        share: of the places with unseen cells that are drawn, at least one.

    Attributes:
        places: that were drawn, as (row, column) of the finder's grid.
        candidates: what the finder proposes there, once ``search`` has run.
    """

    def __init__(
        self,
        slide: Slide,
        finder: HeatMapModel,
        foreground: np.ndarray,
        cell_px: float,
        candidates: Sequence[Candidate],
        share: float,
    ) -> None:
        self._finder, self._grid = finder, finder.grid(slide)
        self._unseen = _unseen(self._grid, finder.radius_cells, foreground, cell_px, candidates)
        cells, grid = self._grid.cells, self._grid
        framed = np.zeros((grid.rows * cells, grid.columns * cells), bool)
        framed[: self._unseen.shape[0], : self._unseen.shape[1]] = self._unseen
        waiting = np.flatnonzero(framed.reshape(grid.rows, cells, grid.columns, cells).any(axis=(1, 3)))
        count = min(waiting.size, max(1, round(share * waiting.size)))
        # The same slide draws the same places, so that a result can be made again.
        drawn = np.random.default_rng(waiting.size).choice(waiting, count, replace=False) if count else waiting
        self.places = [(int(i) // grid.columns, int(i) % grid.columns) for i in np.sort(drawn)]
        self.candidates: list[Candidate] = []
        self._searched = np.zeros_like(self._unseen)

    def search(self, cache: TileCache, threads: int, watch: Stopwatch) -> None:
        """Run the finder over the places; ``watch`` gets the seconds of "read_sample" and "finder_sample"."""
        grid, finder = self._grid, self._finder
        abnormal = np.zeros(grid.map_shape, np.float32)
        looked = np.zeros(grid.map_shape, bool)

        def work(some: Sequence[tuple[int, int]]) -> None:
            started = perf_counter()
            windows = np.stack([grid.read(column, row, cache) for row, column in some])
            started = watch.add("read_sample", started)
            for (row, column), maps in zip(some, finder.session.run(windows), strict=True):
                grid.paste(abnormal, column, row, grid.core_of(maps)[list(finder.target)].sum(axis=0))
                grid.paste(looked, column, row, np.ones((grid.cells, grid.cells), bool))
            watch.add("finder_sample", started)

        left = iter(self.places)
        run_all(iter(lambda: tuple(islice(left, finder.session.batch_size)), ()), work, threads)
        self._searched = self._unseen & looked
        heat = np.where(self._searched, abnormal, 0)
        self.candidates, _ = propose(heat, grid.cell_px, finder.radius_cells, LEAST)

    def estimate(self, findings: Sequence[Finding]) -> Unseen:
        """What the judged crops of the sample say of all that is unseen."""
        um_per_cell = self._finder.um_per_px * self._finder.stride_px
        unseen, sampled = (float(m.sum()) * (um_per_cell / 1000) ** 2 for m in (self._unseen, self._searched))
        found = sum(finding.abnormal >= SURE for finding in findings)
        times = unseen / sampled if sampled else 0.0
        return Unseen(
            unseen_mm2=unseen,
            sampled_mm2=sampled,
            judged=len(findings),
            found=found,
            estimate=found * times,
            at_most=_most_expected(found) * times,
        )


def _most_expected(found: int) -> float:
    """The largest mean of a Poisson distribution that gives ``found`` or less with 5 % of probability."""
    low, high = 0.0, 10.0 + 4.0 * found
    for _ in range(50):
        mean = (low + high) / 2
        chance = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(found + 1))
        low, high = (mean, high) if chance > 1 - _CONFIDENCE else (low, mean)
    return low


def _unseen(
    grid: CanvasGrid, radius_cells: float, foreground: np.ndarray, cell_px: float, candidates: Sequence[Candidate]
) -> np.ndarray:
    """Bool map of the finer grid: holds cells, and no candidate is within the distance of two nuclei."""
    rows, columns = grid.map_shape
    at = [
        np.minimum(((np.arange(count) + 0.5) * grid.cell_px / cell_px).astype(int), length - 1)
        for count, length in zip((rows, columns), foreground.shape, strict=True)
    ]
    covered = np.zeros((rows, columns), np.uint8)
    for one in candidates:
        covered[min(int(one.y_px / grid.cell_px), rows - 1), min(int(one.x_px / grid.cell_px), columns - 1)] = 1
    side = 2 * int(radius_cells) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return foreground[np.ix_(*at)] & (cv2.dilate(covered, disk) == 0)
