"""Compile the mask of CPUID, and say what it is to hide."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from unmissed.benchmarks.processors.instruction_sets import BITS
from unmissed.datasets.basis.errors import UnmissedError

_SOURCE = Path(__file__).with_name("cpuid_mask.c")
_VARIABLE = "UNMISSED_CPUID_HIDE"
_CANNOT = 77  # as in cpuid_mask.c
_COMPILE_S, _START_S = 60, 60


class NoMaskError(UnmissedError):
    """CPUID cannot be masked here."""


def compile_mask(folder: Path) -> Path:
    """Make the shared object, and try whether it works.

    Args:
        folder: where it goes.

    Raises:
        NoMaskError: When this is no Linux on x86-64, there is no gcc, or the kernel or processor cannot fault at CPUID.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NoMaskError(f"this is {sys.platform} on {platform.machine()}", expected="Linux on x86-64")
    gcc = shutil.which("gcc")
    if gcc is None:
        raise NoMaskError("there is no gcc to compile the mask with", fix="apt-get install gcc libc6-dev")
    target = folder / "cpuid_mask.so"
    made = _run([gcc, "-O2", "-shared", "-fPIC", "-o", str(target), str(_SOURCE)], _COMPILE_S)
    if made.returncode:
        raise NoMaskError(f"gcc cannot compile the mask: {made.stderr[-400:]}", fix="apt-get install gcc libc6-dev")
    tried = _run([sys.executable, "-I", "-c", "0"], _START_S, {**os.environ, **hiding(target, ["AVX2"])})
    if tried.returncode == _CANNOT:
        raise NoMaskError("this kernel or processor cannot fault at CPUID", expected="the flag cpuid_fault")
    if tried.returncode:
        raise NoMaskError(f"Python does not start under the mask: {tried.stderr[-400:]}")
    return target


def hiding(mask: Path, names: Iterable[str]) -> Mapping[str, str]:
    """Variables of a process from which instruction sets are to be hidden; names as in ``BITS``."""
    hidden: dict[tuple[int, int], list[int]] = {}
    for name in names:
        leaf, subleaf, register, bit = BITS[name]
        hidden.setdefault((leaf, subleaf), [0, 0, 0, 0])[register] |= 1 << bit
    lines = [" ".join(f"{number:x}" for number in (*place, *bits)) for place, bits in hidden.items()]
    return {"LD_PRELOAD": str(mask), _VARIABLE: "\n".join(lines)}


def _run(
    command: list[str], seconds: float, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - no shell; gcc, or this Python
            command, capture_output=True, text=True, timeout=seconds, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoMaskError(f"{command[0]} did not work: {error}") from error
