"""The service from outside: signals, kill -9, what a supervisor sees, and that an open run excludes nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from time import monotonic, sleep

import pytest

from unmissed.benchmarks.studies.scale.hot_folder import disturb
from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.follow import health as health_module
from unmissed.inference.cytology.follow.health import Health

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")


def ask(port, page):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_restarts_while_slides_are_written(tmp_path):
    report = disturb(tmp_path, slides=20, restarts=2, models=False, seed=3)
    assert report.problems == [] and report.killed == 1 and sum(report.screenings.values()) == 20


@pytest.mark.skipif(not os.environ.get("UNMISSED_DATA"), reason="takes a minute: with UNMISSED_DATA set only")
def test_with_the_models(tmp_path):
    report = disturb(tmp_path, slides=12, restarts=1, models=True, seed=4)
    assert report.problems == []


def test_a_service_tells_its_supervisor(tmp_path, make_slide):
    (tmp_path / "in").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, socket.socket() as free:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        code = (
            "import logging, sys; from pathlib import Path; logging.getLogger('unmissed').setLevel('INFO'); "
            "from unmissed.benchmarks.studies.scale.hot_folder import follow_quickly; "
            "follow_quickly(sys.argv[1], sys.argv[2], health_port=int(sys.argv[3]), log_file=Path(sys.argv[4]))"
        )
        words = [tmp_path / "out", tmp_path / "in", port, tmp_path / "log" / "triage.log"]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, words)],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "UNMISSED_WITNESS": str(tmp_path / "seen")},
        )
        try:
            assert systemd.recv(1000) == b"READY=1"
            assert systemd.recv(1000) == b"WATCHDOG=1\nSTATUS=following"
            shutil.copy(make_slide("a.tiff"), tmp_path / "in")
            until = monotonic() + 60
            while "screened_total 1.0" not in ask(port, "metrics")[1] and monotonic() < until:
                sleep(0.2)
            assert ask(port, "healthz") == (200, "ok\n") and ask(port, "x")[0] == 404
            metrics = ask(port, "metrics")[1]
            assert "# TYPE unmissed_screened_total counter\nunmissed_screened_total 1.0\n" in metrics
            assert "a.tiff" not in metrics and "unmissed_slides_in_work 0.0\n" in metrics
            until = monotonic() + 30
            while not (tmp_path / "out" / "slides" / "a" / "index.html").exists() and monotonic() < until:
                sleep(0.2)
            page = (tmp_path / "out" / "index.html").read_text("utf-8")
            assert "slides/a/index.html" in page and "still arriving" in page and "切片仍在到达" in page
            (tmp_path / "in").rename(tmp_path / "away")
            until = monotonic() + 20
            while ask(port, "healthz")[0] != 503 and monotonic() < until:
                sleep(0.2)
            assert "cannot be read" in ask(port, "healthz")[1]
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0  # on a loaded machine
        finally:
            process.kill()
    log = (tmp_path / "log" / "triage.log").read_text("utf-8")
    assert "a: " in log and "SIGTERM: slides in work are finished" in log and "cannot be read" in log


def test_a_supervisor_that_does_not_read_stops_nothing(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        for _ in range(2000):  # more than the system keeps
            Health(lambda: "", dict).beat()


def test_a_service_that_hangs_is_not_well(monkeypatch):
    one = Health(lambda: "", dict)
    assert one.problem() == ""
    monkeypatch.setattr(health_module, "_SILENT_S", -1.0)
    assert "no sign of life" in one.problem() and "unmissed_healthy 0.0" in one.metrics()


def test_a_port_that_is_taken_is_said():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            Health(lambda: "", dict).serve(other.getsockname()[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "b", "-o", "out"], "one folder to follow"),
        (["none", "-o", "out"], "none is not a folder"),
        (["in", "-o", "in/out"], "name an output folder elsewhere"),
        (["in", "-o", "out", "--overwrite"], "neither --overwrite"),
        (["in", "-o", "out", "--priority", "table.csv"], "table.csv"),
    ],
)
def test_what_cannot_be_followed_is_said_before_anything_is_written(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    with pytest.raises(SystemExit) as leaving:
        cli.main(["triage", "--follow", *words])
    assert leaving.value.code == 2 and said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists() and list((tmp_path / "in").iterdir()) == []


def test_options_of_following_are_not_taken_silently_without_it(tmp_path, capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["triage", str(tmp_path), "-o", str(tmp_path / "out"), "--health-port", "0"])
    assert leaving.value.code == 2 and "go with --follow" in capsys.readouterr().err
