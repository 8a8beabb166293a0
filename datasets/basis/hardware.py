"""What this machine has: cores, memory, load, instruction sets."""

import contextlib
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_DRIVERS = (
    "proc/driver/nvidia/version",
    "proc/driver/nvidia/gpus/*/information",
    "usr/local/Ascend/driver/version.info",
)
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Machine:
    """A short description that goes with every measured time."""

    system: str
    processor: str
    cores: int
    memory_bytes: int | None
    load_average: tuple[float, ...] | None


def describe() -> dict[str, Any]:
    """The machine as a plain dict, without its name."""
    return asdict(Machine(platform.platform(terse=True), processor(), physical_cores(), memory_bytes(), load_average()))


def load_average() -> tuple[float, float, float] | None:
    """Processes that wanted to run, in the last 1, 5 and 15 minutes; None where the system does not report it."""
    return os.getloadavg() if hasattr(os, "getloadavg") else None


def logical_cores() -> int:
    """Cores that this process may use, hyper-threads counted one by one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def physical_cores() -> int:
    """Physical cores that this process may use, at least 1.

    Two hyper-threads of a core share its arithmetic units, so more threads than this only get in each other's way.
    The affinity mask and the CPU limit of a container are respected.
    """
    usable = logical_cores()
    pairs = set()
    socket = "0"
    for key, value in _fields(_CPUINFO):
        if key == "physical id":
            socket = value
        elif key == "core id":
            pairs.add((socket, value))
    counts = [usable, len(pairs) or usable]
    try:
        quota, period = _CGROUP_LIMIT.read_text().split()
        counts.append(round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no container, or no limit ("max")
    return max(1, min(counts))


def processor() -> str:
    """Model name of the processor."""
    named = next((value for key, value in _fields(_CPUINFO) if key == "model name"), "")
    return named or platform.processor() or platform.machine()


def is_arm() -> bool:
    """Whether this is an ARM processor, whose instruction sets have other names."""
    return platform.machine().lower().startswith(("arm", "aarch"))


def cpu_features() -> frozenset[str] | None:
    """Instruction-set flags of the processor; None where the system does not list them."""
    flags = next((value for key, value in _fields(_CPUINFO) if key in ("flags", "Features")), None)
    return None if flags is None else frozenset(flags.split())


def instruction_sets() -> frozenset[str]:
    """Features reported by the processor, and those that numpy found usable; they differ under an emulator."""
    import numpy as np

    umath = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    usable: dict[str, bool] = getattr(umath, "__cpu_features__", {})
    return (cpu_features() or frozenset()) | {name for name, found in usable.items() if found}


def accelerators() -> str:
    """What the drivers of NVIDIA and Ascend devices say of themselves; empty without one."""
    paths = [path for pattern in _DRIVERS for path in sorted(Path("/").glob(pattern))]
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append(path.read_text(errors="replace")[:4096])
    return "\n".join(found)


def memory_bytes(field: str = "MemTotal") -> int | None:
    """A field of the memory table in bytes ("MemTotal", "MemAvailable"); None where there is no table."""
    value = next((value for key, value in _fields(_MEMINFO) if key == field), None)
    return None if value is None else int(value.split()[0]) * 1024


def _fields(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return []
    pairs = (line.partition(":") for line in lines)
    return [(key.strip(), value.strip()) for key, _, value in pairs]
