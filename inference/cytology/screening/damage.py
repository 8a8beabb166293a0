"""Damaged tiles become background and are counted: one of them does not stop the slide."""

import threading

import numpy as np

from unmissed.datasets.slides.base import Slide, SlideError


class ForgivingSlide(Slide):
    """A slide whose damaged tiles read as background, so that the rest can be judged.

    Attributes:
        damaged: (level, column, row) of every tile that could not be read.
        first_error: error of the first damaged tile; None while there is none.
    """

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self.path, self.levels, self.pixel_size = slide.path, slide.levels, slide.pixel_size
        self.objective_power, self.background, self.notes = slide.objective_power, slide.background, slide.notes
        self.damaged: set[tuple[int, int, int]] = set()
        self.seen: set[tuple[int, int, int]] = set()
        self.first_error: SlideError | None = None
        self._lock = threading.Lock()

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """The tile, or background of the same size when it is damaged."""
        key = (level, column, row)
        try:
            tile = self._slide.read(level, column, row, scale)
        except SlideError as error:
            with self._lock:
                self.seen.add(key)
                self.damaged.add(key)
                self.first_error = self.first_error or error
            width, height = self.levels[level].tile_size(column, row, scale)
            return np.full((height, width, 3), self.background, np.uint8)
        with self._lock:
            self.seen.add(key)
        return tile

    @property
    def damaged_share(self) -> float:
        """Share of the tiles read so far that were damaged."""
        return len(self.damaged) / len(self.seen) if self.seen else 0.0

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()
