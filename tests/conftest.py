"""Fixtures for all rooms."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real images (``$UNMISSED_DATA``); tests that need it skip where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("UNMISSED_DATA") or beside)
    if not root.is_dir():
        pytest.skip(f"no real images: {root} does not exist; set UNMISSED_DATA to their folder")
    return root
