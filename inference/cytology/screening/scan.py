"""Walk a heat-map model over a whole slide, and note on the way what is glass and what is in focus."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from time import perf_counter

import cv2
import numpy as np

from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.threads import Gatherer, Stopwatch, run_all
from unmissed.inference.runtimes.base import Session

UNIFORM = 18  # grey levels, of means over 4 x 4 px: a canvas that varies less holds no cell, whatever its colour
_DETAIL_UM_PER_PX = 1.0  # focus is judged at this pixel size, whatever the finder's
_FINE_PX, _COARSE_PX = 3, 9  # box filters whose differences separate sharp from blurred detail

_Busy = tuple[int, int, np.ndarray]  # row, column and pixels of a canvas with something on it


@dataclass(frozen=True)
class Scan:
    """Maps of a whole slide; one entry per cell of the finder's heat map.

    Attributes:
        grid: where the cells lie.
        abnormal, nucleus: float32 (rows, columns), probability of an abnormal nucleus and of any nucleus.
        overview: uint8 (rows, columns, 3), mean colour.
        fine, coarse: float32 (rows, columns), mean strength of fine and of coarse detail, grey levels.
        canvases, empty: number of canvases, and of those that were uniform and therefore not given to the model.
    """

    grid: CanvasGrid
    abnormal: np.ndarray
    nucleus: np.ndarray
    overview: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray
    canvases: int
    empty: int


def scan(
    grid: CanvasGrid, session: Session, target: Sequence[int], cache: TileCache, threads: int, watch: Stopwatch
) -> Scan:
    """Run the finder over the whole slide.

    Args:
        grid: its canvases have the size that the session takes.
        session: maps (N, K, cells, cells) of canvases; class 0 is the background.
        target: the classes that are abnormal.
        threads: how many canvases are read and run at the same time.
        watch: gets the seconds of "read", "foreground" and "finder".
    """
    shape = grid.map_shape
    abnormal, nucleus, fine, coarse = (np.zeros(shape, np.float32) for _ in range(4))
    overview = np.zeros((3, *shape), np.uint8)
    empty = np.zeros((grid.rows, grid.columns), bool)
    waiting: Gatherer[_Busy] = Gatherer(session.batch_size)

    def work(place: tuple[int, int]) -> None:
        row, column = place
        started = perf_counter()
        canvas = grid.read(column, row, cache)
        started = watch.add("read", started)
        for target_map, values in zip((fine, coarse), _detail(canvas, grid), strict=True):
            grid.paste(target_map, column, row, values)
        means = _means(canvas, grid)
        grid.paste(overview, column, row, means)
        # Most canvases differ already between cells; only the others are looked at closely.
        is_empty = _spread(means.reshape(3, -1)) < UNIFORM and is_uniform(canvas)
        empty[row, column] = is_empty
        watch.add("foreground", started)
        if not is_empty:
            find(waiting.add((row, column, canvas)))

    def find(batch: Sequence[_Busy]) -> None:
        if not batch:
            return
        started = perf_counter()
        canvases = [canvas for _, _, canvas in batch]
        together = canvases[0][None] if len(canvases) == 1 else np.stack(canvases)  # one alone needs no copy
        for (row, column, _), maps in zip(batch, session.run(together), strict=True):
            core = grid.core_of(maps)
            grid.paste(abnormal, column, row, core[list(target)].sum(axis=0))
            grid.paste(nucleus, column, row, 1 - core[0])
        watch.add("finder", started)

    run_all(product(range(grid.rows), range(grid.columns)), work, threads)
    find(waiting.rest())
    picture = np.ascontiguousarray(overview.transpose(1, 2, 0))
    return Scan(grid, abnormal, nucleus, picture, fine, coarse, empty.size, int(empty.sum()))


def is_uniform(canvas: np.ndarray) -> bool:
    """Whether a canvas is one plain colour: glass, or the black or white that scanners fill gaps with."""
    small = cv2.resize(canvas, (canvas.shape[1] // 4, canvas.shape[0] // 4), interpolation=cv2.INTER_AREA)
    return _spread(small.reshape(-1, 3).T) < UNIFORM


def _spread(channels: np.ndarray) -> int:
    """Largest difference within a channel of uint8 (3, N)."""
    return max(int(channel.max()) - int(channel.min()) for channel in channels)


def _means(canvas: np.ndarray, grid: CanvasGrid) -> np.ndarray:
    """Mean colour of the cells of a core, uint8 (3, cells, cells)."""
    core = canvas[grid.halo_px : -grid.halo_px or None, grid.halo_px : -grid.halo_px or None]
    return cv2.resize(core, (grid.cells, grid.cells), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)


def _detail(canvas: np.ndarray, grid: CanvasGrid) -> tuple[np.ndarray, np.ndarray]:
    """Strength of fine and of coarse detail in the cells of a core, each float32 (cells, cells)."""
    core = canvas[grid.halo_px : -grid.halo_px or None, grid.halo_px : -grid.halo_px or None]
    grey = cv2.cvtColor(core, cv2.COLOR_RGB2GRAY)
    shrink = grid.um_per_px / _DETAIL_UM_PER_PX
    if shrink < 1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    smooth = cv2.blur(grey, (_FINE_PX, _FINE_PX))
    smoother = cv2.blur(grey, (_COARSE_PX, _COARSE_PX))
    side = (grid.cells, grid.cells)
    pair = (cv2.absdiff(grey, smooth), cv2.absdiff(smooth, smoother))
    fine, coarse = (cv2.resize(d.astype(np.float32), side, interpolation=cv2.INTER_AREA) for d in pair)
    return fine, coarse
