"""Fixtures for all rooms."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    from hypothesis import settings
except ImportError:  # the tests that need it skip
    pass
else:
    # No test depends on absolute times: a busy machine is slow, and not wrong.
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


# A shell that starts pytest in the background makes it, and every command that a test starts, deaf to Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache() -> Iterator[None]:
    """Verdicts on known answers are remembered for this session of tests, and not in the user's cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UNMISSED_CACHE"] = folder
        yield
        del os.environ["UNMISSED_CACHE"]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real images (``$UNMISSED_DATA``); tests that need it skip where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("UNMISSED_DATA") or beside)
    if not root.is_dir():
        pytest.skip(f"no real images: {root} does not exist; set UNMISSED_DATA to their folder")
    return root
