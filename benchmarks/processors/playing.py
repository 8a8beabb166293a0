"""Processors that this one can play: with instruction sets hidden, at its own speed, or emulated."""

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from unmissed.benchmarks.processors.instruction_sets import AVX2, AVX512, KINDS, SSE4, VNNI, ProcessorKind
from unmissed.benchmarks.processors.mask import hiding
from unmissed.benchmarks.processors.worker import Question, WorkerReport, WorkerTask
from unmissed.benchmarks.speed.child import run_command
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.words import unknown_name

_WORKER = "unmissed.benchmarks.processors.worker"
_EMULATOR = "qemu-x86_64"
# CPU models of the emulator whose class is checked; what it does not know of them it leaves out with a warning.
EMULATED: Mapping[str, ProcessorKind] = {
    "Nehalem": SSE4,
    "Haswell": AVX2,
    "Skylake-Server": AVX512,
    "Cascadelake-Server": VNNI,
}
# OpenBLAS has been seen to take an emulated Nehalem for a Haswell, and to end at its first instruction of AVX2.
_OPENBLAS_KNOWS = ("Nehalem", "Haswell")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ProcessorError(UnmissedError):
    """A processor cannot be played, or is not the one that its name says."""


@dataclass(frozen=True, slots=True)
class Processor:
    """How a worker is run so that it sees a certain processor.

    Attributes:
        name: of the column.
        has, lacks: instruction sets that the worker must see, and must not.
        before: words before the command.
        variables: of its environment, beside this process's.
        is_timed: whether milliseconds on it are those of its kernels.
    """

    name: str
    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    before: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    is_timed: bool = True


NATIVE = Processor("native")


def run_worker(
    processor: Processor, asked: Sequence[Question], *, seconds: float = 0.0, timeout_s: float | None = None
) -> WorkerReport:
    """Ask files on a processor.

    Args:
        asked: files and how many questions of each.
        seconds: for how long each file is timed, where the processor's times are real.
        timeout_s: of the whole process.

    Raises:
        ProcessorError: When the worker sees another processor than the one that was meant, or reports nothing.
        ChildError: When it fails.
    """
    timed_s = seconds if processor.is_timed else 0.0
    task = WorkerTask(asked=tuple(asked), has=processor.has, lacks=processor.lacks, seconds=timed_s)
    command = [*processor.before, sys.executable, "-P", "-m", _WORKER, task.model_dump_json()]
    environment = {**os.environ, **_ONE_THREAD, **processor.variables}
    run = run_command(command, timeout_s=timeout_s, environment=environment)
    try:
        report = WorkerReport.model_validate_json(run.stdout)
    except ValidationError as error:
        raise ProcessorError(f"the worker on {processor.name} reported {run.stdout[-200:]!r}") from error
    if wrong := task.wrong(report.features):
        raise ProcessorError(
            f"{processor.name} is not the processor that its name says: {', '.join(wrong)}",
            fix="leave it out, or use an emulator that knows it",
        )
    return report


def masked(mask: Path, native: frozenset[str]) -> list[Processor]:
    """Classes of older processors that this one can play with the mask, the oldest first.

    Args:
        mask: as ``compile_mask`` made it.
        native: what a worker sees with ``unhidden``.
    """
    return [
        Processor(kind.name, kind.has, kind.lacks, variables=hiding(mask, kind.lacks))
        for kind in KINDS
        if kind.has <= native and kind.lacks & native
    ]


def unhidden(mask: Path) -> Processor:
    """This processor with a mask that hides nothing, so that a worker sees also the sets that numpy does not name."""
    return Processor("native, all sets", variables=hiding(mask, ()))


def emulated(cpu: str) -> Processor:
    """A CPU model of qemu's user emulation.

    Raises:
        ProcessorError: When the model is none of ``EMULATED``, qemu is not here, or this machine is no x86-64.
    """
    if cpu not in EMULATED:
        raise unknown_name(ProcessorError, "emulated processor", cpu, EMULATED)
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ProcessorError(f"this is {sys.platform} on {platform.machine()}", expected="Linux on x86-64")
    program = shutil.which(_EMULATOR)
    if program is None:
        raise ProcessorError(f"{_EMULATOR} is not installed", fix="apt-get install qemu-user")
    kind = EMULATED[cpu]
    variables = {"OPENBLAS_CORETYPE": cpu} if cpu in _OPENBLAS_KNOWS else {}
    return Processor(f"qemu {cpu}", kind.has, kind.lacks, (program, "-cpu", cpu), variables, is_timed=False)
