"""The name of a machine, and what others do on it, with made-up times of processors."""

import os
from collections import namedtuple

import psutil
import pytest

from unmissed.benchmarks.speed import devices, machine
from unmissed.benchmarks.speed.machine import BUSY, OtherLoad, machine_class, warnings
from unmissed.benchmarks.speed.values import Load
from unmissed.datasets.basis import hardware

Cpu = namedtuple("Cpu", "user system idle iowait steal guest guest_nice")
Own = namedtuple("Own", "user system children_user children_system elapsed")


class Processors:
    """Two cores; ``spend`` lets time pass in which this process, its children and others compute."""

    def __init__(self) -> None:
        self.now = self.own = self.waited_for = self.others = self.stolen = self.idle = 0.0

    def spend(
        self, seconds: float, *, own: float = 0, waited_for: float = 0, others: float = 0, stolen: float = 0
    ) -> None:
        self.now += seconds
        self.own += own
        self.waited_for += waited_for
        self.others += others
        self.stolen += stolen
        self.idle += 2 * seconds - own - waited_for - others - stolen

    def cpu_times(self) -> Cpu:
        used = self.own + self.waited_for + self.others
        # Half of the idle time waits for a disk; a guest's time is part of user's.
        return Cpu(used, 0.0, self.idle / 2, self.idle / 2, self.stolen, 0.0, 0.0)


@pytest.fixture
def processors(monkeypatch: pytest.MonkeyPatch) -> Processors:
    made = Processors()
    monkeypatch.setattr(psutil, "cpu_times", made.cpu_times)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "times", lambda: Own(made.own, 0.0, made.waited_for, 0.0, made.now))
    monkeypatch.setattr(machine, "perf_counter", lambda: made.now)
    monkeypatch.setattr(machine, "sleep", made.spend)
    return made


def test_own_work_and_that_of_children_is_nobody_elses(processors: Processors) -> None:
    load = OtherLoad()
    processors.spend(10.0, own=4.0, waited_for=16.0)
    found = load.end()
    assert (found.others_before, found.others_during, found.stolen) == (0, 0, 0)
    assert warnings(found) == ()


def test_a_stranger_is_seen_in_shares_of_all_cores(processors: Processors) -> None:
    load = OtherLoad()
    processors.spend(10.0, own=4.0, others=10.0)
    found = load.end()
    assert found.others_during == pytest.approx(0.5)
    (words,) = warnings(found)
    assert "50% during" in words and "0% of its cores before" in words


def test_a_stranger_before_the_benchmark_is_seen_too(processors: Processors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "sleep", lambda seconds: processors.spend(seconds, others=0.4))
    load = OtherLoad()
    processors.spend(10.0, own=10.0)
    found = load.end()
    assert found.others_before == pytest.approx(0.2)
    assert found.others_during == 0
    assert "20% of its cores before" in warnings(found)[0]


def test_stolen_time_is_no_work_of_others(processors: Processors) -> None:
    load = OtherLoad()
    processors.spend(10.0, own=10.0, stolen=4.0)
    found = load.end()
    assert (found.others_during, found.stolen) == (0, pytest.approx(0.2))
    assert "20% of the time to other machines" in warnings(found)[0]


def test_clocks_that_disagree_make_no_negative_share(processors: Processors) -> None:
    load = OtherLoad()
    processors.spend(10.0, own=4.0)
    processors.others -= 1.0  # the system's clock ticks coarser than ours
    assert load.end().others_during == 0


def test_warnings_begin_at_the_limit() -> None:
    at, above = (Load(load_average=None, others_before=0, others_during=s, stolen=0) for s in (BUSY, BUSY + 0.01))
    assert warnings(at) == ()
    assert len(warnings(above)) == 1


def test_a_machine_is_called_by_processor_cores_and_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "processor", lambda: "Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz")
    monkeypatch.setattr(hardware, "physical_cores", lambda: 16)
    monkeypatch.setattr(devices, "device_name", lambda: "")
    assert machine_class() == "intel-xeon-gold-6226r-cpu-2-90ghz-16-cores"
    monkeypatch.setattr(devices, "device_name", lambda: "NVIDIA H100 80GB HBM3")
    assert machine_class() == "intel-xeon-gold-6226r-cpu-2-90ghz-16-cores-nvidia-h100-80gb-hbm3"
