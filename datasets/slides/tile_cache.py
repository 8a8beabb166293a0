"""Decoded tiles kept for a while, so that neighbouring crops do not decode them again."""

import threading
from collections import OrderedDict

import numpy as np

from unmissed.datasets.slides.base import Slide

_Key = tuple[Slide, int, int, int, int]


class TileCache:
    """The most recently used tiles, up to a number of bytes; safe to use from several threads.

    Two threads that miss the same tile at the same time both decode it: waiting for each other would cost more.

    Args:
        max_bytes: of pixels that are kept.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._tiles: OrderedDict[_Key, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, slide: Slide, level: int, column: int, row: int, scale: int) -> np.ndarray:
        """The tile as ``Slide.read`` gives it, not to be written to."""
        key = (slide, level, column, row, scale)
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                return tile
        tile = slide.read(level, column, row, scale)
        tile.flags.writeable = False
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = tile
                self._bytes += tile.nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._tiles.popitem(last=False)[1].nbytes
        return tile
