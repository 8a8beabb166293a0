"""The sandbox sees what a command does: time, memory, files, the network, its end."""

import sys
from pathlib import Path

import pytest

from unmissed.benchmarks.hostile import sandbox, values
from unmissed.benchmarks.hostile.sandbox import PORT, Finished, can_close_network, contents, run

psutil = pytest.importorskip("psutil")


def python(code: str, tmp_path: Path, *watched: Path, limit_s: float = 60.0) -> Finished:
    return run([sys.executable, "-c", code], tmp_path / "scratch", watched, limit_s)


def test_output_and_exit_code(tmp_path: Path) -> None:
    finished = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (finished.code, finished.stopped, finished.calls, finished.strays) == (3, "", 0, ())
    assert sorted(finished.output.split()) == ["err", "out"]


def test_the_end_by_a_signal_is_an_exit_code(tmp_path: Path) -> None:
    assert python("import os; os.kill(os.getpid(), 11)", tmp_path).code == 128 + 11


def test_a_hang_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    finished = python(code, tmp_path, limit_s=1.5)
    assert finished.stopped == "time"
    assert finished.seconds < 20
    assert not [p for p in psutil.process_iter(["cmdline"]) if "time.sleep(60)" in (p.info["cmdline"] or [])]


def test_memory_of_children_counts(tmp_path: Path) -> None:
    inner = "x = b'x' * 300_000_000; import time; time.sleep(0.5)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert 290e6 < python(code, tmp_path).peak_bytes < 600e6


def test_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_BYTES", 50_000_000)
    assert python("x = b'x' * 300_000_000; import time; time.sleep(30)", tmp_path).stopped == "memory"
    assert values.MAX_BYTES == 2 * 2**30


def test_files_outside_the_output_folder_are_seen(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "a").write_text("a")
    code = (
        "import tempfile, pathlib; pathlib.Path('stray').write_text(''); tempfile.mkdtemp(prefix='left-')\n"
        f"pathlib.Path({str(inputs / 'a')!r}).write_text('other'); pathlib.Path({str(inputs / 'b')!r}).write_text('')"
    )
    strays = python(code, tmp_path, inputs).strays
    assert [Path(stray.split(" ", 1)[1]).name.split("-")[0] for stray in strays] == ["stray", "left", "a", "b"]


def test_what_libraries_leave_everywhere_is_not_held_against_us(tmp_path: Path) -> None:
    code = "import tempfile, pathlib; (pathlib.Path(tempfile.gettempdir()) / '.ses').write_text('')"
    assert python(code, tmp_path).strays == ()


def test_calls_to_the_network_are_counted(tmp_path: Path) -> None:
    if not can_close_network():
        pytest.skip("no network of its own for a process here")
    code = f"import socket; [socket.create_connection(('127.0.0.1', {PORT})).close() for _ in range(2)]"
    assert python(code, tmp_path).calls == 2
    outside = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    assert "unreachable" in python(outside, tmp_path / "again").output


def test_contents_do_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(contents(tmp_path)) == [str(tmp_path / "loop")]
