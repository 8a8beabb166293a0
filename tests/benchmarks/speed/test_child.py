"""Commands in a process of their own: their time, their memory with that of their children, and how they fail."""

import time
from pathlib import Path

import pytest

from unmissed.benchmarks.speed import child
from unmissed.benchmarks.speed.child import ChildError, MemorySample, run_child

MIB = 2**20


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a module that ``python -m`` finds."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(source: str) -> str:
        (tmp_path / "measured_module.py").write_text(source)
        return "measured_module"

    return write


def test_a_command_is_timed_and_what_it_prints_is_kept(module) -> None:
    name = module("import sys, time; time.sleep(0.3); print(sys.argv[1:])")
    run = run_child((name, "a b", "c"), look_s=0.01)
    assert run.stdout == "['a b', 'c']\n"
    assert run.seconds >= 0.3
    assert run.peak_bytes > MIB
    assert 0 < run.watch_s < run.seconds


def test_cpu_time_is_that_of_the_command_and_not_of_the_waiting(module) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    run = run_child((module(busy),))
    assert 0.25 <= run.cpu_s <= run.seconds + 0.1  # the kernel counts a child's time in ticks of 10 ms


def test_memory_of_grandchildren_counts(module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_FAMILY_S", 0.0)
    # The child waits for a grandchild that holds 96 MiB until it has been seen.
    name = module(
        "import subprocess, sys\n"
        "if len(sys.argv) > 1:\n"
        "    held = bytearray(b'x') * (96 * 2**20)\n"
        "    sys.stdin.read()\n"
        "else:\n"
        "    grandchild = subprocess.Popen([sys.executable, __file__, 'hold'], stdin=subprocess.PIPE)\n"
        "    import time; time.sleep(1.0)\n"
        "    grandchild.communicate()\n"
    )
    samples: list[MemorySample] = []
    run = run_child((name,), look_s=0.02, on_sample=samples.append)
    assert run.peak_bytes > 96 * MIB
    assert run.peak_bytes == max(sample.memory_bytes for sample in samples)
    times = [sample.time_s for sample in samples]
    assert times == sorted(times) and times[-1] <= run.seconds


def test_a_command_that_fails_gives_its_code_and_last_words(module) -> None:
    name = module("import sys; sys.stderr.write('x' * 9000 + 'no such slide'); sys.exit(7)")
    with pytest.raises(ChildError, match="exit code 7") as caught:
        run_child((name, "a.tiff"))
    assert caught.value.found.endswith("no such slide")
    assert "measured_module a.tiff" in caught.value.found
    assert len(caught.value.found) < 3000


def test_a_module_that_is_not_there_is_a_failed_command() -> None:
    with pytest.raises(ChildError, match="No module named"):
        run_child(("unmissed.no_such_module",))


def test_a_command_that_takes_too_long_is_ended_with_its_children(module, tmp_path: Path) -> None:
    name = module(
        "import pathlib, subprocess, sys, time\n"
        "if len(sys.argv) == 2:\n"
        "    subprocess.Popen([sys.executable, __file__, sys.argv[1], 'grandchild'])\n"
        "beats = pathlib.Path(sys.argv[1])\n"
        "for beat in range(600):\n"
        "    beats.write_text(str(beat)) if len(sys.argv) == 3 else None\n"
        "    time.sleep(0.05)\n"
    )
    beats = tmp_path / "beats"
    start = time.perf_counter()
    with pytest.raises(ChildError, match="took longer than 1 s"):
        run_child((name, str(beats)), timeout_s=1)
    assert time.perf_counter() - start < 15  # the grandchild would hold the pipes for 30 s
    last = beats.read_text() if beats.exists() else ""
    time.sleep(0.2)
    assert (beats.read_text() if beats.exists() else "") == last
