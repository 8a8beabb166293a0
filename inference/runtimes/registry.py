"""Choose a runtime by name."""

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.datasets.basis.words import unknown_name
from unmissed.inference.runtimes import onnx, torch  # noqa: F401 - importing them registers the runtimes
from unmissed.inference.runtimes.base import RUNTIMES, Runtime


def names() -> list[str]:
    """Names of all runtimes, also of those that cannot run here."""
    return list(RUNTIMES)


def select(name: str) -> Runtime:
    """Find a runtime by name.

    Raises:
        RuntimeUnavailableError: For an unknown name; the message lists the closest ones.
    """
    if name in RUNTIMES:
        return RUNTIMES[name]
    raise unknown_name(RuntimeUnavailableError, "runtime", name, RUNTIMES, otherwise="see `unmissed doctor`")
