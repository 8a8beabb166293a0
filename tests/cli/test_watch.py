"""``unmissed watch`` from outside: exit codes, messages, files, Ctrl-C and keys, and streams that go wrong."""

import csv
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest
import yaml

from unmissed.cli import app as cli

COMMAND = [sys.executable, "-m", "unmissed.cli.app", "watch"]
NOBODY = ["--site-model", "none", "--lesion-model", "none"]  # the conduct is tested here, not the models


def write_video(path, count=40, draw=None, code="MJPG"):
    """A texture that drifts, or what ``draw`` makes of a frame number."""
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8), (0, 0), 2)
    texture = cv2.normalize(texture, None, 30, 220, cv2.NORM_MINMAX)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), 25, (240, 180))
    for index in range(count):
        writer.write(texture[:180, index % 100 : index % 100 + 240] if draw is None else draw(index))
    writer.release()
    return path


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "exam.avi")


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["watch", *map(str, arguments), *NOBODY])
    return leaving.value.code or 0


def rows(out):
    with (out / "signals.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def exam(out):
    return json.loads((out / "exam.json").read_text("utf-8"))


def test_a_video_becomes_a_report(video, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(video, "-o", out, "--annotate") == 0
    assert len(rows(out)) == 40
    assert exam(out)["status"] == "finished" and exam(out)["ended"] == "end"
    assert exam(out)["frames"]["dropped"] == 0
    assert (out / "report.html").is_file() and (out / "annotated.mp4").is_file()
    said = capsys.readouterr()
    assert "40 frames analysed, 0 dropped" in said.err and "report.html" in said.err
    assert said.out == ""


def test_a_video_that_ends_mid_frame_keeps_the_examination(tmp_path, capsys):
    whole = write_video(tmp_path / "whole.avi", 100).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    assert run(tmp_path / "cut.avi", "-o", tmp_path / "out") == 3
    assert "ends early" in exam(tmp_path / "out")["ended"]
    assert 20 < len(rows(tmp_path / "out")) < 80 and (tmp_path / "out" / "report.html").is_file()
    assert "results up to that point were saved" in " ".join(capsys.readouterr().err.split())


def test_a_black_stream_is_watched_and_hardly_counts(tmp_path):
    black = write_video(tmp_path / "black.avi", draw=lambda _: np.zeros((180, 240, 3), np.uint8))
    assert run(black, "-o", tmp_path / "out") == 0
    assert {row["legible"] for row in rows(tmp_path / "out")} == {"0"}
    assert {row["speed_state"] for row in rows(tmp_path / "out")} == {"grey"}
    assert exam(tmp_path / "out")["clocks"]["examination_s"] < 1


@pytest.mark.parametrize("size", [(3840, 2160)])
def test_4k_is_watched(tmp_path, size):
    path = tmp_path / "large.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    picture = cv2.resize(np.random.default_rng(0).integers(0, 256, (27, 48, 3), dtype=np.uint8), size)
    for _ in range(3):
        writer.write(picture)
    writer.release()
    assert run(path, "-o", tmp_path / "out") == 0
    assert (exam(tmp_path / "out")["width_px"], exam(tmp_path / "out")["height_px"]) == size


def test_a_picture_is_sent_to_predict(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "polyp.png"), np.zeros((50, 50, 3), np.uint8))
    assert run(tmp_path / "polyp.png", "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "is a picture (PNG)" in said and "unmissed predict" in said
    assert not (tmp_path / "out").exists()


def test_a_protocol_with_an_unknown_site_is_refused(video, tmp_path, capsys):
    site = {"code": "A", "name": "a", "name_zh": "甲", "neighbours": ["B"]}
    wrong = {"name": "own", "title": "t", "title_zh": "t", "organ": "colon", "source": "s", "minimum_s": 360}
    wrong |= {"minimum_of": "withdrawal", "sites": [site]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(wrong))
    assert run(video, "-o", tmp_path / "out", "--protocol", tmp_path / "own.yaml") == 2
    assert "unknown sites B" in capsys.readouterr().err
    assert run(video, "-o", tmp_path / "out", "--protocol", "endoscopy") == 2
    assert "colonoscopy" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_has_to_be_named_and_is_not_overwritten_unasked(video, tmp_path, capsys):
    assert run(video) == 2
    assert "add -o OUT" in capsys.readouterr().err
    assert run(video, "-o", tmp_path / "out", "--limit-s", "0.4") == 0
    assert run(video, "-o", tmp_path / "out") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert len(rows(tmp_path / "out")) == 10
    assert run(video, "-o", tmp_path / "out", "--overwrite") == 0
    assert len(rows(tmp_path / "out")) == 40


def test_ctrl_c_writes_the_report_of_what_was_seen(tmp_path):
    video, out = write_video(tmp_path / "long.avi", 1500), tmp_path / "out"
    process = subprocess.Popen([*COMMAND, video, "-o", out, "--paced", *NOBODY], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (out / "signals.csv").exists() and len(rows(out)) > 10, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert exam(out)["ended"] == "stopped" and (out / "report.html").is_file()
    assert 10 < len(rows(out)) < 1500
    assert "Traceback" not in said


def test_a_service_that_is_stopped_writes_the_report_of_what_was_seen(tmp_path):
    video, out = write_video(tmp_path / "long.avi", 1500), tmp_path / "out"
    process = subprocess.Popen([*COMMAND, video, "-o", out, "--paced", *NOBODY], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (out / "signals.csv").exists() and len(rows(out)) > 10, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert exam(out)["ended"] == "stopped" and (out / "report.html").is_file()
    assert 10 < len(rows(out)) < 1500
    assert "Traceback" not in said


def test_interlaced_video_is_watched_like_any_other(tmp_path, capsys):
    """What OpenCV gave of it were black pictures, and a result without a word."""
    path, out = tmp_path / "recorder.mpg", tmp_path / "out"
    with av.open(str(path), "w") as film:
        track = film.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "b": "4000000"})
        track.width, track.height, track.pix_fmt = 240, 180, "yuv420p"
        texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (180, 400, 3), dtype=np.uint8), (0, 0), 2)
        for index in range(40):
            image = np.ascontiguousarray(texture[:, index : index + 240])
            film.mux(track.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        film.mux(track.encode())
    assert run(path, "-o", out) == 0
    assert exam(out)["duration_s"] == pytest.approx(1.56, abs=0.01) and len(rows(out)) == 40
    assert any("deinterlaced" in note and "去隔行" in note for note in exam(out)["notes"])


def test_the_keys_c_and_q(tmp_path):
    video, out = write_video(tmp_path / "long.avi", 1500), tmp_path / "out"
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, video, "-o", out, "--paced", *NOBODY], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    said, end = b"", time.monotonic() + 60
    try:
        wait_for(lambda: (out / "signals.csv").exists() and len(rows(out)) > 10, process, screen)
        os.write(screen, b"c")
        wait_for(lambda: "caecum" in (out / "events.jsonl").read_text(), process, screen)
        os.write(screen, b"q")
        while process.poll() is None and time.monotonic() < end:
            said += drained(screen)
    finally:
        process.kill()
        os.close(screen)
    assert process.wait() == 0, said
    assert exam(out)["ended"] == "stopped" and exam(out)["clocks"]["caecum_s"] is not None


def wait_for(condition, process, screen=None):
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        drained(screen)
        time.sleep(0.05)


def drained(screen) -> bytes:
    """What a terminal shows; a program stands still when nobody reads it."""
    if screen is None or not select.select([screen], [], [], 0.05)[0]:
        return b""
    try:
        return os.read(screen, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.data
def test_the_real_clip(data_root, tmp_path):
    out = tmp_path / "out"
    assert run(data_root / "videos" / "colon_normal_72s.mp4", "-o", out, "--limit-s", "3") == 0
    assert len(rows(out)) == 75
    assert float(rows(out)[-1]["time_s"]) == pytest.approx(2.96, abs=0.01)
