"""Accelerators as torch shows them: ``torch.cuda`` and ``torch.npu`` are modules of the same shape."""

import importlib
from dataclasses import dataclass
from typing import Any, Self

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.datasets.basis.words import unknown_name

_PACKAGES = {"cuda": None, "npu": "torch_npu"}  # name in torch -> package that brings it


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The first device of a kind.

    Attributes:
        kind: "cuda" or "npu".
        module: ``torch.cuda``, ``torch.npu`` or a stand-in.
    """

    kind: str
    module: Any

    @classmethod
    def find(cls, kind: str) -> Self | None:
        """The first device of a kind; None when torch or the device is not there.

        Raises:
            RuntimeUnavailableError: For a kind other than "cuda" and "npu".
        """
        module = device_module(kind)
        return None if module is None else cls(kind, module)

    @property
    def name(self) -> str:
        """As the driver reports it."""
        return str(self.module.get_device_name(0))

    def memory_bytes(self) -> int:
        """Memory of the device."""
        return int(self.module.get_device_properties(0).total_memory)

    def synchronise(self) -> None:
        """Wait until the device has done all it was given."""
        self.module.synchronize()

    def forget_peak(self) -> None:
        """Start looking for the peak again."""
        self.module.reset_peak_memory_stats()

    def peak_bytes(self) -> int:
        """Most memory that torch's tensors held at a time since ``forget_peak``; not the driver's own share."""
        self.synchronise()
        return int(self.module.max_memory_allocated())


def device_module(kind: str) -> Any | None:
    """The module of a kind of device, when torch is installed and a device is there; else None.

    Args:
        kind: "cuda" or "npu".

    Raises:
        RuntimeUnavailableError: For another kind.
    """
    if kind not in _PACKAGES:
        raise unknown_name(RuntimeUnavailableError, "kind of device", kind, _PACKAGES)
    package = _PACKAGES[kind]
    try:
        torch = importlib.import_module("torch")
        if package is not None:
            importlib.import_module(package)
        module = getattr(torch, kind, None)
        return module if module is not None and module.is_available() else None
    except (ImportError, OSError, RuntimeError):
        # Libraries of the vendor are missing: as OSError, or as RuntimeError where torch loads the package by itself.
        return None


def device_name() -> str:
    """Name of the first accelerator; "" without one."""
    for kind in _PACKAGES:
        found = Accelerator.find(kind)
        if found is not None:
            return found.name
    return ""
