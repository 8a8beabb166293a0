"""What the machine is called, and whether it does something else while it is measured."""

import os
import re
from time import perf_counter, sleep

import psutil

from unmissed.benchmarks.speed import devices
from unmissed.benchmarks.speed.values import Load
from unmissed.datasets.basis import hardware

BUSY = 0.05  # share of all cores that others may use before the figures are called doubtful
_LOOK_S = 1.0


def machine_class() -> str:
    """Processor, cores and accelerator as a short name: "amd-epyc-2-cores", "...-nvidia-h100"."""
    words = [hardware.processor(), f"{hardware.physical_cores()} cores", devices.device_name()]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower().replace("(r)", "").replace("(tm)", "")).strip("-")


class OtherLoad:
    """Watches what other processes do, from before a benchmark to its end.

    Making it takes a second, in which this process does nothing.
    """

    def __init__(self) -> None:
        average = hardware.load_average()
        self._average = None if average is None else average[0]
        before, own = _times(), _own_s()
        started = perf_counter()
        sleep(_LOOK_S)
        self._others_before, _ = _shares(before, own, perf_counter() - started)
        self._before, self._own, self._started = _times(), _own_s(), perf_counter()

    def end(self) -> Load:
        """How busy the machine was up to now; children count as own only once they were waited for."""
        during, stolen = _shares(self._before, self._own, perf_counter() - self._started)
        return Load(
            load_average=self._average,
            others_before=round(self._others_before, 4),
            others_during=round(during, 4),
            stolen=round(stolen, 4),
        )


def warnings(load: Load) -> tuple[str, ...]:
    """What a reader must know about the load; nothing for a quiet machine."""
    found = []
    if load.others_before > BUSY or load.others_during > BUSY:
        found.append(
            f"The machine was loaded: other processes used {load.others_before:.0%} of its cores before and "
            f"{load.others_during:.0%} during the benchmark. The figures are too slow by an unknown amount."
        )
    if load.stolen > BUSY:
        found.append(f"The hypervisor gave {load.stolen:.0%} of the time to other machines.")
    return tuple(found)


def _times() -> tuple[float, float]:
    """Seconds of all cores that were used by any process, and those that were stolen."""
    times = psutil.cpu_times()
    stolen = getattr(times, "steal", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times) - idle - stolen - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0), stolen


def _own_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _shares(before: tuple[float, float], own: float, seconds: float) -> tuple[float, float]:
    used, stolen = (after - first for after, first in zip(_times(), before, strict=True))
    capacity = max(seconds, 1e-6) * (psutil.cpu_count() or 1)
    return max(0.0, used - (_own_s() - own)) / capacity, max(0.0, stolen) / capacity
