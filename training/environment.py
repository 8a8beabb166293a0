"""The machine a run used: cores, precision and versions."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

import torch
from accelerate import Accelerator

PACKAGES = ("unmissed", "torch", "timm", "albumentations", "accelerate", "numpy", "opencv-python-headless")


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def environment(accelerator: Accelerator) -> dict[str, Any]:
    """Versions and machine, for the run's record."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": str(accelerator.device),
        "processes": accelerator.num_processes,
        "precision": accelerator.mixed_precision,
        "cores": cores(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "packages": {name: version(name) for name in PACKAGES},
    }


def mixed_precision(wanted: Literal["auto", "fp32", "bf16", "fp16"]) -> str:
    """accelerate's name of a precision; auto takes bf16 or fp16 where the device has it and fp32 on a CPU."""
    if wanted != "auto":
        return "no" if wanted == "fp32" else wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "fp16" if hasattr(torch, "npu") and torch.npu.is_available() else "no"
