"""Damaged tiles become background and are counted: one of them does not stop the slide."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from unmissed.datasets.slides.base import Slide, SlideError


class ForgivingSlide(Slide):
    """A slide whose damaged tiles read as background, so that the rest can be judged.

    Attributes
    ----------
    damaged : (level, column, row) of every tile that could not be read.
    first_error : what the reader said of the first of them; None while all is well.
    """

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self.path, self.levels, self.pixel_size = slide.path, slide.levels, slide.pixel_size
        self.objective_power, self.background = slide.objective_power, slide.background
        self.damaged: set[tuple[int, int, int]] = set()
        self.seen: set[tuple[int, int, int]] = set()
        self.first_error: SlideError | None = None
        self._lock = threading.Lock()

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """False: it wraps an open slide."""
        return False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Not possible: it wraps an open slide."""
        raise SlideError(f"{path} cannot be opened this way", fix="use open_slide and wrap the result")

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
            return self._blank(level, column, row, scale)
        with self._lock:
            self.seen.add(key)
        return tile

    def _blank(self, level: int, column: int, row: int, scale: int) -> np.ndarray:
        spec = self.levels[level]
        width = min(spec.tile_width_px, spec.width_px - column * spec.tile_width_px)
        height = min(spec.tile_height_px, spec.height_px - row * spec.tile_height_px)
        return np.full((-(-height // scale), -(-width // scale), 3), self.background, np.uint8)

    @property
    def damaged_share(self) -> float:
        """Share of the tiles read so far that were damaged."""
        return len(self.damaged) / len(self.seen) if self.seen else 0.0

    def stored_bytes(self, level: int, column: int, row: int) -> int | None:
        """As the slide says."""
        return self._slide.stored_bytes(level, column, row)

    def associated(self) -> Mapping[str, np.ndarray]:
        """As the slide says."""
        return self._slide.associated()

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()
