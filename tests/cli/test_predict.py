"""``unmissed predict`` from outside: exit codes, files, messages, and inputs that are broken in every way."""

import csv
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.cli import app as cli
from unmissed.datasets.basis.files import sha256_of
from unmissed.inference.doctor.self_test import write_model

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}  # OpenCV's order


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return str(write_model(folder).path)


@pytest.fixture
def pictures(tmp_path):
    """Nine plain pictures, named after their colour."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        for index, suffix in enumerate(("png", "jpg", "bmp")):
            image = np.full((20 + index, 31, 3), colour, np.uint8)
            cv2.imwrite(str(folder / f"{name}{index}.{suffix}"), image)
    return folder


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["predict", *map(str, arguments)])
    return leaving.value.code or 0


def read(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def test_every_picture_gets_its_colour(model, pictures, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert run(model, pictures, "-o", out, "--groups", "--batch-size", 4) == 0
    rows = read(out)
    assert [Path(row["path"]) for row in rows] == sorted(pictures.iterdir())
    for row in rows:
        assert Path(row["path"]).name.startswith(row["class"])
        assert float(row["probability"]) > 0.99
        assert float(row["g_cold"]) == pytest.approx(float(row["p_green"]) + float(row["p_blue"]), abs=2e-6)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "9 pictures, 0 failed" in last
    assert "images/s" in last
    assert "CPUExecutionProvider" in last


def test_the_record_of_the_run(model, pictures, tmp_path):
    out = tmp_path / "out.csv"
    assert run(model, pictures, "-o", out, "--workers", 1, "--batch-size", 2) == 0
    record = json.loads((tmp_path / "out.run.json").read_text())
    assert record["arguments"]["workers"] == 1
    assert record["model"]["sha256"] == sha256_of(Path(model))
    assert record["runtime"] == {
        **{"name": "onnx-cpu", "provider": "CPUExecutionProvider"},
        **{"batch_size": 2, "workers": 1, "threads_per_batch": 1},
    }
    assert (record["images"], record["failed"]) == (9, 0)
    assert {"python", "unmissed", "onnxruntime"} <= set(record["versions"])


def test_the_page(model, pictures, tmp_path):
    page = tmp_path / "page.html"
    assert run(model, pictures, "-o", tmp_path / "out.csv", "--page", page) == 0
    assert "Strongest colour" in page.read_text(encoding="utf-8")


def png(width: int, height: int, depth: int = 8) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def test_broken_pictures_get_a_row_each_and_the_rest_is_done(model, pictures, tmp_path, capsys):
    from PIL import Image

    jpeg = (pictures / "red1.jpg").read_bytes()
    (pictures / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (pictures / "empty.png").touch()
    (pictures / "text.png").write_text("no picture")
    (pictures / "bomb.png").write_bytes(png(30_000, 30_000))
    cv2.imwrite(str(pictures / "deep.png"), np.full((9, 9, 3), 40_000, np.uint16))
    Image.new("CMYK", (20, 20)).save(pictures / "cmyk.jpg")
    broken = {"truncated.jpg", "empty.png", "text.png", "bomb.png", "deep.png", "cmyk.jpg"}
    # Good ones with odd names and contents.
    (pictures / "red-png-in.jpg").write_bytes((pictures / "red0.png").read_bytes())
    (pictures / "blue-宫颈 é.png").write_bytes((pictures / "blue0.png").read_bytes())
    (pictures / os.fsdecode(b"green-caf\xe9.png")).write_bytes((pictures / "green0.png").read_bytes())

    out = tmp_path / "out.csv"
    assert run(model, pictures, "-o", out, "--page", tmp_path / "page.html") == 3
    rows = {Path(row["path"]).name: row for row in read(out)}
    assert len(rows) == 9 + 6 + 3
    assert {name for name, row in rows.items() if row["error"]} == broken
    for name, row in rows.items():
        if name in broken:
            assert name in row["error"]
            assert row["class"] == ""
        else:
            assert name.startswith(row["class"])
    assert "too large" in rows["bomb.png"]["error"]
    assert "16 bits" in rows["deep.png"]["error"]
    assert "CMYK" in rows["cmyk.jpg"]["error"]
    assert "18 pictures, 6 failed" in capsys.readouterr().err


def test_a_missing_input_is_a_row_beside_the_rest(model, pictures, tmp_path):
    out = tmp_path / "out.csv"
    assert run(model, tmp_path / "missing.png", pictures, tmp_path / "*.gif", "-o", out) == 3
    errors = [row["error"] for row in read(out) if row["error"]]
    assert len(errors) == 2
    assert len(read(out)) == 11


def test_every_picture_has_a_row_or_is_counted(model, pictures, tmp_path, capsys):
    """Links are followed, other suffixes of JPEG are read, and other kinds are a row or a line."""
    (tmp_path / "store").mkdir()
    (pictures / "red1.jpg").rename(tmp_path / "store" / "red1.jfif")
    (pictures / "linked").symlink_to(tmp_path / "store")
    for name in ("scan.heic", "scan.jp2", "notes.txt", "Thumbs.db"):
        (pictures / name).touch()
    out = tmp_path / "out.csv"
    assert run(model, pictures, "-o", out, "--device", "0") == 3
    rows = {Path(row["path"]).name: row for row in read(out)}
    assert len(rows) == 9 + 2 and rows["red1.jfif"]["class"] == "red"
    assert "HEIC" in rows["scan.heic"]["error"] and "JPEG 2000" in rows["scan.jp2"]["error"]
    words = "left out: 2 files of other kinds (1 .db, 1 .txt)"
    assert words in " ".join(capsys.readouterr().err.split())
    notes = json.loads((tmp_path / "out.run.json").read_text())["notes"]
    assert {words, "--device 0 has no effect with onnx-cpu"} <= set(notes)


@pytest.mark.parametrize("name", ["empty", "missing.png", "*.gif"])
def test_no_picture_at_all(model, tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    assert run(model, tmp_path / name, "-o", tmp_path / "out.csv") == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_a_model_that_its_card_does_not_describe(model, pictures, tmp_path, capsys):
    Path(model).write_bytes(Path(model).read_bytes() + b"\0")
    assert run(model, pictures, "-o", tmp_path / "out.csv") == 2
    assert "not the file that its card describes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--runtime", "onnx-gpu"], "no runtime 'onnx-gpu'"),
        (["--variant", "int4"], "no variant 'int4'"),
        (["--page", "."], "it is a folder"),
    ],
)
def test_wrong_options(model, pictures, tmp_path, capsys, options, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(model, pictures, "-o", tmp_path / "out.csv", *options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "out.csv.partial").exists()


def test_an_output_that_cannot_be_written_is_found_first(model, pictures, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(model, pictures, "-o", tmp_path / "file" / "out.csv") == 2
    assert "cannot create the folder" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_keeps_what_was_written(model, pictures, tmp_path):
    import time

    out = tmp_path / "out.csv"
    for index in range(3000):
        os.link(pictures / "red0.png", pictures / f"red-{index}.png")
    command = [sys.executable, "-c", "from unmissed.cli.app import main; main()", "predict", model, str(pictures)]
    process = subprocess.Popen([*command, "-o", str(out), "--batch-size", "1"], stderr=subprocess.PIPE)
    partial = tmp_path / "out.csv.partial"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (partial.exists() and partial.stat().st_size > 2000):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert not out.exists()
    rows = read(partial)
    assert rows
    assert all(row["class"] in COLOURS and row["error"] == "" for row in rows)
    assert "rows are saved" in " ".join(error.split())
