"""The machine a run used: cores, precision and versions."""

import platform
from typing import Any, Literal

import torch
from accelerate import Accelerator

from unmissed.datasets.basis.clock import utc_now
from unmissed.datasets.basis.hardware import load_average, logical_cores
from unmissed.datasets.basis.versions import versions_of

PACKAGES = ("unmissed", "torch", "timm", "albumentations", "accelerate", "numpy", "opencv-python-headless")


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
