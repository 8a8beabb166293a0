"""``unmissed watch --live`` from outside: the address, the limit, who examines, Ctrl-C, and what is refused."""

import json
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("websockets")

from unmissed.cli import app as cli

NOBODY = ["--site-model", "none", "--lesion-model", "none", "--no-browser"]
COMMAND = [sys.executable, "-m", "unmissed.cli.app", "watch"]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "exam.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (240, 180))
    noise = np.random.default_rng(0).integers(0, 256, (180, 240, 3), dtype=np.uint8)
    for index in range(25 * 60):
        writer.write(np.roll(noise, index, axis=1))
    writer.release()
    return path


def exam_of(out):
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return json.loads((folder / "exam.json").read_text())


def test_an_examination_ends_at_its_limit_and_names_who_examined(film, tmp_path):
    named = ["--limit-s", "4", "--doctor", "Ana 王"]
    words = [*COMMAND, str(film), "--live", "-o", str(tmp_path / "out"), *named, *NOBODY]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1:" in done.stderr
    assert "report.html" in done.stderr
    exam = exam_of(tmp_path / "out")
    assert (exam["status"], exam["provenance"]["doctor"]) == ("finished", "Ana 王")


def test_ctrl_c_ends_it_with_the_report(film, tmp_path):
    words = [*COMMAND, str(film), "--live", "-o", str(tmp_path / "out"), *NOBODY]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as running:
        assert "http://127.0.0.1:" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    assert exam_of(tmp_path / "out")["status"] == "finished"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--annotate"], "not for --live"),
        (["--overwrite"], "not for --live"),
        (["--cores", "99"], "--cores 99 cannot be used"),
        (["--cores", "one"], "--cores one cannot be used"),
        (["--host", "0.0.0.0"], "open to everybody"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(film, tmp_path, capsys, words, found):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["watch", str(film), "--live", "-o", str(tmp_path / "out"), *words, *NOBODY])
    assert leaving.value.code == 2
    assert found in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
