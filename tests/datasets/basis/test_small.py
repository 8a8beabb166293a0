"""Closest names, cells of tables, clocks, exit codes, JPEG."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis import clock as clock_module
from unmissed.datasets.basis.clock import clock
from unmissed.datasets.basis.errors import ConfigError, ExitCode, UnmissedError, run_main
from unmissed.datasets.basis.jpeg import jpeg, jpeg_address
from unmissed.datasets.basis.names import path_cell, printable, printable_lines, table_cell
from unmissed.datasets.basis.progress import ProgressBar
from unmissed.datasets.basis.versions import version_of, versions_of
from unmissed.datasets.basis.words import closest, unknown_name

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "exit-codes.md"


def test_case_does_not_hide_a_name():
    assert closest("gastrohun", ["GastroHUN", "kvasir"]) == ["GastroHUN"]
    assert closest("zzz", ["GastroHUN", "kvasir"]) == []


def test_an_error_passes_from_one_process_to_another():
    error = pickle.loads(pickle.dumps(ConfigError("found", expected="expected", fix="fix")))
    assert (type(error), error.found, error.expected, error.fix) == (ConfigError, "found", "expected", "fix")


def test_a_very_long_list_is_not_told():
    error = unknown_name(ConfigError, "thing", "a7x", [f"a{n}" for n in range(100)])
    assert error.expected == "" and error.fix.startswith("did you mean a7")


@pytest.mark.parametrize("start", "=+-@＝＋－＠\t\r\n\0")
def test_nothing_that_starts_a_formula_starts_a_cell(start):
    assert table_cell(f"{start}cmd") == f"'{start}cmd"
    assert path_cell(Path(f"{start}x.jpg")) == f"./{start}x.jpg"
    assert Path(path_cell(Path(f"{start}x.jpg"))) == Path(f"{start}x.jpg")


def test_no_character_commands_a_terminal() -> None:
    text = "a\x1b[31mb\x07\u202ec\nd\re"
    assert printable(text) == "a [31mb  c d e"
    assert printable_lines(text) == "a [31mb  c\nd e"
    assert printable_lines("玻片 é") == "玻片 é"


def test_a_line_above_the_bar_commands_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    ProgressBar().say("1/2 a\x1b[2Jb: failed")
    assert capfd.readouterr().err == "1/2 a [2Jb: failed\n"


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (372.9, "6:12"), (3599.9, "59:59"), (3665, "1:01:05")])
def test_one_clock(seconds, words):
    assert clock(seconds) == words


def test_the_page_of_exit_codes_has_every_code():
    assert set(map(int, re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.M))) == set(ExitCode)


def test_the_main_function_of_a_module_ends_with_a_line_and_a_code(capsys):
    def fail() -> None:
        raise UnmissedError("the cup is empty", fix="pour tea")

    with pytest.raises(SystemExit) as left:
        run_main(fail)
    assert left.value.code == ExitCode.WRONG
    assert capsys.readouterr().err == "error: the cup is empty; pour tea\n"


def test_a_picture_inside_a_page():
    image = np.zeros((40, 60, 3), np.uint8)
    image[..., 0] = 200
    found = cv2.imdecode(np.frombuffer(jpeg(image[:, ::-1]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(found.astype(int) - image).max() < 6
    assert jpeg_address(image).startswith("data:image/jpeg;base64,")
    assert len(jpeg(image, 85, colours="420")) <= len(jpeg(image, 85))


def test_a_package_that_is_missing_is_left_out():
    assert version_of() and version_of("no-such-package") == ""
    assert set(versions_of(("numpy", "no-such-package"))) == {"numpy"}


def test_what_help_loads_stays_light():
    code = "import sys, unmissed.datasets.basis.errors, unmissed.datasets.basis.files, unmissed.datasets.basis.words\n"
    code += "print({'pydantic', 'numpy', 'yaml', 'rich', 'simplejpeg'} & {name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_paced_work_is_done_when_wanted_but_seldom(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(clock_module, "monotonic", lambda: now[0])
    done = []

    def work():
        done.append(now[0])
        now[0] += 2.0

    paced = clock_module.Paced(work, 5.0)
    paced(wanted=False)
    assert done == []
    for _ in range(100):
        now[0] += 1.0
        paced(wanted=False)
        paced()
    assert len(done) == 6  # two seconds of work each, a tenth of the time
