"""Small slides, and the way for worker processes to find the screeners of these tests."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

sys.path.append(str(Path(__file__).parent))  # worker processes find stand_ins.py there


@pytest.fixture
def make_slide(tmp_path):
    """Write a small tiled TIFF: ``make_slide(name, seed=0, grey=None)``; a grey value makes it plain."""

    def make(name: str, *, seed: int = 0, grey: int | None = None, um_per_px: float | None = 0.25) -> Path:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(seed % 100, 256, (512, 768, 3), dtype=np.uint8)
        if grey is not None:
            pixels[:] = grey
        path = tmp_path / "slides" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        resolution = {} if um_per_px is None else {"resolution": (1e4 / um_per_px,) * 2, "resolutionunit": 3}
        tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="deflate", **resolution)
        return path

    return make
