"""The machine a run used: cores, precision and versions."""

import ctypes
import platform
from typing import Any, Literal

import torch
from accelerate import Accelerator

from unmissed.datasets.basis.clock import utc_now
from unmissed.datasets.basis.hardware import load_average, logical_cores
from unmissed.datasets.basis.versions import versions_of

PACKAGES = ("unmissed", "torch", "timm", "albumentations", "accelerate", "numpy", "opencv-python-headless")


# Parameters of mallopt(3) and their values, in bytes where they are sizes.
_KEEP = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 2**28)}


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory for the next batch, where it would hand it back and fault it in again.

    A batch on the CPU allocates and frees the same hundreds of megabytes; handing them back costs a fifth of
    the time of an epoch (``docs/results.md``). The process then holds what it needed most.

    Returns:
        bool
            Whether the allocator took it: False without glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.libc_ver()[0] == "glibc" else None
    return mallopt is not None and all(mallopt(number, value) for number, value in _KEEP.values())


def environment(accelerator: Accelerator) -> dict[str, Any]:
    """Versions and machine, for the run's record."""
    load = load_average()
    return {
        "finished": utc_now(),
        "device": str(accelerator.device),
        "processes": accelerator.num_processes,
        "precision": accelerator.mixed_precision,
        "cores": logical_cores(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": None if load is None else [round(value, 2) for value in load],
        "packages": versions_of(PACKAGES),
    }


def mixed_precision(wanted: Literal["auto", "fp32", "bf16", "fp16"]) -> str:
    """accelerate's name of a precision; auto takes bf16 or fp16 where the device has it and fp32 on a CPU."""
    if wanted != "auto":
        return "no" if wanted == "fp32" else wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "fp16" if hasattr(torch, "npu") and torch.npu.is_available() else "no"
