"""Accelerators as torch shows them: ``torch.cuda`` and ``torch.npu`` are modules of the same shape."""

from types import ModuleType
from typing import Any

from unmissed.datasets.errors import RuntimeUnavailableError

_MODULES = {"cuda": None, "npu": "torch_npu"}  # name in torch -> package that brings it


def device_module(kind: str) -> Any | None:
    """The module of a kind of device, when torch is installed and a device is there; else None.

    Parameters
    ----------
    kind : "cuda" or "npu".

    Raises
    ------
    RuntimeUnavailableError
        For another kind.
    """
    if kind not in _MODULES:
        raise RuntimeUnavailableError(f"no kind of device {kind!r}", expected=f"one of {', '.join(_MODULES)}")
    torch = _torch(_MODULES[kind])
    module = getattr(torch, kind, None)
    return module if module is not None and module.is_available() else None


def device_name() -> str:
    """Name of the first accelerator; "" without one."""
    for kind in _MODULES:
        module = device_module(kind)
        if module is not None:
            return str(module.get_device_name(0))
    return ""


def _torch(package: str | None) -> ModuleType | None:
    try:
        import torch

        if package is not None:
            __import__(package)
    except (ImportError, OSError):  # OSError: a package whose vendor's libraries are missing
        return None
    return torch
