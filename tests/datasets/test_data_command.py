"""`unmissed data`: what it prints and how it exits."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unmissed.cli.data import app
from unmissed.datasets.basis.errors import DatasetError


def run(*words, **environment):
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "160", **environment})


@pytest.fixture
def tree(tmp_path):
    for n, label in enumerate(["cat", "dog"]):
        (tmp_path / label).mkdir()
        pixels = np.random.default_rng(n).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / label / "a.png")
    return tmp_path


def test_list_shows_what_is_here(tmp_path):
    (tmp_path / "herlev").mkdir()
    shown = run("list", UNMISSED_DATA=str(tmp_path))
    assert shown.exit_code == 0
    lines = {line.split("│")[1].strip(): line for line in shown.stdout.splitlines() if line.startswith("│")}
    assert "917" in lines["herlev"] and "yes" in lines["herlev"]
    assert "CC BY 4.0" in lines["cric"] and "yes" not in lines["cric"]


def test_verify_a_sound_set_writes_json(tree, tmp_path):
    done = run("verify", "folder", "--root", str(tree), "--json", str(tmp_path / "out.json"))
    assert done.exit_code == 0, done.output
    assert "2 pictures in 2 groups" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["counts"] == {"cat": 1, "dog": 1}


def test_verify_exits_3_on_an_unreadable_picture_and_on_a_leak(tree):
    (tree / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run("verify", "folder", "--root", str(tree))
    assert done.exit_code == 3 and "Unusable" in done.stdout and "broken.png" in done.stdout
    (tree / "cat" / "broken.png").write_bytes((tree / "dog" / "a.png").read_bytes())
    done = run("verify", "folder", "--root", str(tree))
    assert done.exit_code == 3 and "Leak across groups" in done.stdout


def test_errors_go_up_to_the_main_command(tmp_path):
    for words in (["verify", "nothing"], ["verify", "cric", "--root", str(tmp_path / "x")], ["prepare", "sipakmed"]):
        done = run(*words, UNMISSED_DATA=str(tmp_path))
        assert isinstance(done.exception, DatasetError)
    assert "--accept-licence" in str(done.exception)


def test_help_loads_no_image_library():
    heavy = "{'cv2', 'numpy', 'PIL', 'pooch', 'rich.table'}"
    code = f"import sys, unmissed.cli.data; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
