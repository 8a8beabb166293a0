"""Slides that arrive as scanners and copies over a network write them: in pieces, with pauses, with wrong times."""

import os
import random
import tempfile
import threading
from pathlib import Path
from time import sleep, time

import cv2
import numpy as np
import tifffile

from unmissed.datasets.basis.files import sha256_of

SETTLE_S = 2.0  # what the service waits for; no pause of a writer is as long
_SIDE_PX = 256
_PIECES = 6
_TILES = 4
_CLOCK_S = 600.0  # clocks of scanners are off by up to so much
_WRITERS = 8


class Writers(threading.Thread):
    """Write slides into a folder until all are there.

    Attributes:
        hashes: name of the slide -> SHA-256 of its whole file; empty for folders of tiles.
    """

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.folder, self._next = folder, iter(range(count))
        self._lock, self._seed = threading.Lock(), seed
        self.hashes: dict[str, str] = {}
        self._source = Path(tempfile.mkdtemp(dir=folder.parent))

    def run(self) -> None:
        """Several at a time, as several scanners would."""
        writers = [threading.Thread(target=self._write_some, daemon=True) for _ in range(_WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

    def _write_some(self) -> None:
        while True:
            with self._lock:
                number = next(self._next, None)
            if number is None:
                return
            chance = random.Random(f"{self._seed}:{number}")
            picture = np.random.default_rng(number).integers(number % 200, 256, (_SIDE_PX, _SIDE_PX, 3), np.uint8)
            if number % 10 == 9:
                self._write_tiles(self.folder / f"slide{number}", picture, chance)
            else:
                self._write_file(self.folder / f"slide{number}.tiff", picture, chance)

    def _write_file(self, path: Path, picture: np.ndarray, chance: random.Random) -> None:
        source = self._source / path.name
        tifffile.imwrite(source, picture, tile=(_SIDE_PX, _SIDE_PX), photometric="rgb")
        data = source.read_bytes()
        self.hashes[path.stem] = sha256_of(source)
        source.unlink()
        target = path.with_suffix(".part") if chance.random() < 0.3 else path
        with target.open("wb") as stream:
            step = len(data) // _PIECES + 1
            for start in range(0, len(data), step):
                stream.write(data[start : start + step])
                stream.flush()
                sleep(chance.uniform(0, 0.4 * SETTLE_S))
        off = time() + chance.uniform(-_CLOCK_S, _CLOCK_S)
        os.utime(target, (off, off))
        target.rename(path)

    def _write_tiles(self, folder: Path, picture: np.ndarray, chance: random.Random) -> None:
        folder.mkdir()
        side = _SIDE_PX // _TILES
        for index in range(_TILES**2):
            x, y = index % _TILES, index // _TILES
            cv2.imwrite(str(folder / f"{x}_{y}.png"), picture[y * side : (y + 1) * side, x * side : (x + 1) * side])
            sleep(chance.uniform(0, 0.1 * SETTLE_S))
        self.hashes[folder.name] = ""
