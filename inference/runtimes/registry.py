"""Choose a runtime by name."""

import difflib

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.inference.runtimes import onnx, torch  # noqa: F401 - importing them registers the runtimes
from unmissed.inference.runtimes.base import RUNTIMES, Runtime


def names() -> list[str]:
    """Names of all runtimes, also of those that cannot run here."""
    return list(RUNTIMES)


def select(name: str) -> Runtime:
    """Find a runtime by name.

    Raises
    ------
    RuntimeUnavailableError
        For an unknown name; the message lists the closest ones.
    """
    if name in RUNTIMES:
        return RUNTIMES[name]
    close = difflib.get_close_matches(name, RUNTIMES, n=3, cutoff=0.5)
    raise RuntimeUnavailableError(
        f"no runtime {name!r}",
        expected=f"one of {', '.join(RUNTIMES)}",
        fix=f"did you mean {' or '.join(close)}?" if close else "see `unmissed doctor`",
    )
