"""A contest from its tables to its ranking."""

import json

import numpy as np
import pytest

from unmissed.cli.app import main
from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.studies.contest import hold, read_contest

TRUTH = "case,answer\nc1,polyp\nc2,none\nc3,polyp\nc4,none\n"
READINGS = "reader,case,answer\n" + "".join(
    f"{reader},c{case},{'polyp' if case % 2 == (case != wrong) else 'none'}\n"
    for reader, wrong in (("Li", 0), ("Wang", 1), ("Chen", 2), ("machine", 0))
    for case in (1, 2, 3, 4)
)


def tables(tmp_path, readings=READINGS, truth=TRUTH):
    for name, text in (("readings.csv", readings), ("truth.csv", truth)):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path / "readings.csv", tmp_path / "truth.csv"


def test_scores_and_shared_ranks(tmp_path):
    found = hold(*read_contest(*tables(tmp_path)), ["machine"])
    assert [(one.name, one.score, one.rank) for one in found.participants] == [
        ("Li", 100.0, 1),
        ("machine", 100.0, 1),
        ("Chen", 75.0, 3),
        ("Wang", 75.0, 3),
    ]
    assert found.readers.value == pytest.approx(250 / 3)
    assert found.machines["machine"].value == pytest.approx(50 / 3)


def test_a_better_machine_is_proved_with_enough_cases():
    rng = np.random.default_rng(0)
    right = np.concatenate([rng.random((10, 300)) < 0.75, rng.random((1, 300)) < 0.92])
    found = hold([f"r{i}" for i in range(10)] + ["machine"], right, ["machine"])
    assert found.participants[0].name == "machine" and found.participants[0].rank_high == 1
    assert found.machines["machine"].low > 0


def test_answers_that_do_not_differ_prove_nothing():
    """Two cases that the machine alone has right: a variance of 0, which is not certainty."""
    found = hold(["Li", "Wang", "machine"], np.array([[False] * 2, [False] * 2, [True] * 2]), ["machine"])
    assert found.machines["machine"].value == 100
    assert (found.machines["machine"].low, found.machines["machine"].high) == (-100, 100)
    assert (found.readers.low, found.readers.high) == (0, 100)


def test_an_interval_ends_where_the_scale_does():
    right = np.random.default_rng(2).random((5, 30)) < 0.97
    found = hold([f"r{i}" for i in range(5)], right, [])
    assert found.readers.variance > 0 and found.readers.high == 100


def test_a_single_reader_is_compared_with_nothing(tmp_path):
    lines = [line for line in READINGS.splitlines() if not line.startswith(("Wang", "Chen"))]
    found = hold(*read_contest(*tables(tmp_path, "\n".join(lines))), ["machine"])
    assert found.readers is None and found.machines == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Li,c1,polyp\n", "", "lacks 1 answers, first Li: c1"),
        ("Li,c1,polyp", "Li,c9,polyp", "the case 'c9', which truth.csv does not have"),
        ("Li,c2,none", "Li,c1,none", "a second answer of Li for c1"),
        ("Li,c1,polyp", ",c1,polyp", "no reader"),
        ("Li,c1,polyp", "Li,c1,", "no answer"),
        ("reader,", "doctor,", "no column reader"),
    ],
)
def test_bad_readings_are_named(tmp_path, old, new, words):
    with pytest.raises(DatasetError) as caught:
        read_contest(*tables(tmp_path, READINGS.replace(old, new)))
    assert words in str(caught.value)


@pytest.mark.parametrize("truth", [TRUTH + "c1,none\n", TRUTH.replace("c4,none", "c4,"), "case,answer\nc1,polyp\n"])
def test_bad_truth_is_named(tmp_path, truth):
    with pytest.raises(DatasetError, match=r"truth\.csv"):
        read_contest(*tables(tmp_path, truth=truth))


def test_the_command(tmp_path, capsys):
    readings, truth = tables(tmp_path)
    words = ["contest", str(readings), "--truth", str(truth), "--machine", "machine", "-o", str(tmp_path / "c.json")]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert not left.value.code
    said = capsys.readouterr().out
    assert "machine (machine)" in said and "less the readers' mean: +16.7" in said
    assert json.loads((tmp_path / "c.json").read_text())["participants"][0]["name"] == "Li"
    with pytest.raises(SystemExit) as left:
        main([*words[:5], "robot"])
    assert left.value.code == 2 and "no reader 'robot'" in capsys.readouterr().err
