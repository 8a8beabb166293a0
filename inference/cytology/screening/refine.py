"""Look again, at the finer pixel size, at the places that the coarse map ranks highest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import cv2
import numpy as np

from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.threads import Stopwatch, run_all
from unmissed.inference.runtimes.base import Session

PLACES_PER_CROP = 3  # for every crop that may be judged; more brought no more abnormal nuclei to the judge


@dataclass(frozen=True)
class Refined:
    """The finer map.

    Attributes:
        abnormal: float32 (rows, columns) of the finer grid, probability of an abnormal nucleus; 0 where not looked at.
        looked: bool (rows, columns), where it was looked at.
        windows: number of places.
    """

    abnormal: np.ndarray
    looked: np.ndarray
    windows: int


def choose_places(
    abnormal: np.ndarray, cell_px: float, grid: CanvasGrid, share: float, min_score: float, most: int
) -> list[tuple[int, int]]:
    """Cores of the finer grid that are worth a second look, as (row, column) in reading order.

    Args:
        abnormal: float32 (rows, columns), the coarse map.
        cell_px: side of its cells, level-0 pixels.
        grid: the finer grid.
        share: largest share of the cores.
        min_score: a place whose highest coarse score is lower is left out.
        most: largest number of places.
    """
    side = grid.cells * grid.cell_px / cell_px  # coarse cells along a core
    rows, columns = grid.rows, grid.columns
    framed = np.zeros((int(np.ceil(rows * side)), int(np.ceil(columns * side))), np.float32)
    framed[: abnormal.shape[0], : abnormal.shape[1]] = abnormal[: framed.shape[0], : framed.shape[1]]
    if abs(side - round(side)) < 1e-6:
        whole = round(side)
        best = framed.reshape(rows, whole, columns, whole).max(axis=(1, 3))
    else:
        reach = int(np.ceil(side)) | 1
        spread = cv2.dilate(framed, np.ones((reach, reach), np.uint8))
        centres = [
            np.minimum(((np.arange(count) + 0.5) * side).astype(int), length - 1)
            for count, length in zip((rows, columns), framed.shape, strict=True)
        ]
        best = spread[np.ix_(*centres)]
    flat = best.ravel()
    worth = np.flatnonzero(flat >= min_score)
    limit = max(1, min(most, int(share * flat.size)))
    if worth.size > limit:
        worth = worth[np.argsort(-flat[worth], kind="stable")[:limit]]
    return [(int(i) // columns, int(i) % columns) for i in np.sort(worth)]


def refine(
    grid: CanvasGrid,
    places: Sequence[tuple[int, int]],
    session: Session,
    target: Sequence[int],
    cache: TileCache,
    threads: int,
    watch: Stopwatch,
) -> Refined:
    """Run the finder at the chosen places; ``watch`` gets the seconds of "read_again" and "finder_again"."""
    abnormal = np.zeros(grid.map_shape, np.float32)
    looked = np.zeros(grid.map_shape, bool)

    def work(some: Sequence[tuple[int, int]]) -> None:
        started = perf_counter()
        windows = np.stack([grid.read(column, row, cache) for row, column in some])
        started = watch.add("read_again", started)
        for (row, column), maps in zip(some, session.run(windows), strict=True):
            grid.paste(abnormal, column, row, grid.core_of(maps)[list(target)].sum(axis=0))
            grid.paste(looked, column, row, np.ones((grid.cells, grid.cells), bool))
        watch.add("finder_again", started)

    left = iter(places)
    run_all(iter(lambda: tuple(islice(left, session.batch_size)), ()), work, threads)
    return Refined(abnormal, looked, len(places))
