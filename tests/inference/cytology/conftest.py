"""Small slides, a triage of them, and the way for worker processes to find the screeners of these tests."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmissed.inference.cytology.run import triage as triage_module
from unmissed.inference.cytology.run import worker_handle
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan

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


@pytest.fixture
def go(tmp_path):
    """Triage slides into OUT: ``go(*paths, **changes_of_the_plan)`` gives rows by name, and what was reported."""
    from stand_ins import Troubled

    out = tmp_path / "out"
    plan = quick_plan(out, make_screener=Troubled, timeout_s=30)

    def run(*paths, **changes):
        told = []
        inputs = tuple(path if isinstance(path, SlideJob) else SlideJob(path) for path in paths)
        outcome = triage(replace(plan, inputs=inputs, **changes), told.append)
        return {row.slide: row for row in outcome.rows}, told

    run.out = out
    return run


@pytest.fixture
def local(monkeypatch):
    """Workers that are threads, and no pages: fast, for everything that does not need one to die."""
    from stand_ins import Local

    monkeypatch.setattr(worker_handle, "Worker", Local)
    monkeypatch.setattr(triage_module, "_write_reports", lambda *words: None)
