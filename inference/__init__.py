"""Pictures, slides and examinations through models (no torch); the functions for Python load when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmissed.inference.api import load_model, load_policy, load_protocol, open_slide, predict, triage, watch

__all__ = ["load_model", "load_policy", "load_protocol", "open_slide", "predict", "triage", "watch"]


def __getattr__(name: str) -> Any:
    """Find a function of ``__all__`` in ``unmissed.inference.api``; until then nothing heavy is loaded."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("unmissed.inference.api"), name)


def __dir__() -> list[str]:
    """What is offered, loaded or not."""
    return sorted({*globals(), *__all__})
