"""`unmissed certify` from the command line: a run of triage, tables, refusals, the life of a policy."""

import importlib.util
import json
from importlib.resources import files
from pathlib import Path

import pytest

from unmissed.cli.app import main
from unmissed.datasets.basis.files import plain_values
from unmissed.inference.cytology.policy.policy import Exclusion, load_policy
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import SlideReading

POLICY = load_policy("screening")
PROVENANCE = {
    "models": {"judge": {"name": "j", "sha256": "c" * 64, "answers": [0.5]}},
    "preset": "default",
    "preset_values": {"name": "default"},
    "runtime": "onnx-cpu",
    "known_slide": [0.25],
    "scanner": "Acme S1",
    "settings": {
        "preparation": "liquid",
        "adequacy": plain_values(POLICY.adequacy["liquid"].model_dump(mode="json")),
        "grade": plain_values(POLICY.grade.model_dump(mode="json")),
    },
}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The stored result of one slide."""
    where = Path(__file__).parents[1] / "inference" / "conftest.py"
    spec = importlib.util.spec_from_file_location("drawn_results", where)
    drawn = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawn)
    folder = tmp_path_factory.mktemp("result")
    clean = {"notes": (), "reading": SlideReading(tiles_read=100, tiles_damaged=0, thumbnail_grey=221.5)}
    write_slide_result(folder, drawn.make_slide_result(findings=0, size_px=4000, provenance=PROVENANCE, **clean))
    return json.loads((folder / "result.json").read_text("utf-8"))


def add(out, result, name, **changes):
    folder = out / "slides" / name
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result | {"slide": name} | changes), "utf-8")


@pytest.fixture
def out(tmp_path, result):
    """A run of 60 slides: p0 to p59."""
    for index in range(60):
        add(tmp_path / "out", result, f"p{index}", score=0.4 + index / 1000)
    return tmp_path / "out"


def run(*words) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code or 0


def truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("slide,patient,truth\n" + "".join(f"p{i},w{i},1\n" for i in range(60)), "utf-8")
    return path


class TestFromARun:
    def test_a_policy_that_excludes(self, tmp_path, out, capsys):
        policy = tmp_path / "mine.yaml"
        words = ("certify", out, "--truth", truth(tmp_path), "--target-sensitivity", "0.95", "-o", policy)
        assert run(*words) == 0
        said = capsys.readouterr().out
        assert "Proved: sensitivity at least 95 % with 95 % confidence; 0 of 60" in said and "已证明" in said
        assert Exclusion.under(load_policy(str(policy))).threshold == 0.4
        assert run("certify", "show", policy) == 0
        assert "the scanner Acme S1" in capsys.readouterr().out
        assert run("certify", "suspend", policy, "--reason", "new stain") == 0
        assert "suspended" in Exclusion.under(load_policy(str(policy))).refusal
        assert run("certify", "resume", policy, "--reason", "stain is back") == 0
        assert run("certify", "revoke", policy, "--reason", "recalled") == 0
        assert run("certify", "resume", policy, "--reason", "please") == 2

    def test_a_refusal_that_teaches(self, tmp_path, out, capsys):
        policy = tmp_path / "mine.yaml"
        assert run("certify", out, "--truth", truth(tmp_path), "-o", policy) == 3
        assert "60 positive patients, none missed, prove 95.129 %" in capsys.readouterr().err
        assert "99.9 % needs 2,995" in Exclusion.under(load_policy(str(policy))).refusal
        assert run("certify", "show", policy) == 0
        assert "NO SLIDE IS EXCLUDED" in capsys.readouterr().out

    def test_a_slide_that_is_never_excluded_is_no_trial(self, tmp_path, out, result, capsys):
        add(out, result, "doubtful", score=0.9, notes=["the pixel size was guessed"])
        table = truth(tmp_path)
        table.write_text(table.read_text() + "doubtful,w99,1\n")
        assert run("certify", out, "--truth", table, "--target-sensitivity", "0.95", "-o", tmp_path / "p.yaml") == 0
        assert "1 positive slides have no score or are never excluded" in capsys.readouterr().err

    def test_what_was_copied_into_the_folder(self, tmp_path, out, result, capsys):
        add(out, result, "p0 - Copy", slide="p0")
        assert run("certify", out, "--truth", truth(tmp_path), "-o", tmp_path / "p.yaml") == 2
        assert "holds two results of p0, the second in p0 - Copy" in capsys.readouterr().err

    def test_a_result_that_a_killed_run_left_half_written_is_none(self, tmp_path, out, result):
        add(out, result, ".late.partial", slide="late", score=0.1)
        words = ("certify", out, "--truth", truth(tmp_path), "--target-sensitivity", "0.95")
        assert run(*words, "-o", tmp_path / "p.yaml") == 0

    @pytest.mark.parametrize("name", ["screening", "p.csv"])
    def test_a_policy_is_named_as_one(self, tmp_path, out, capsys, name):
        assert run("certify", out, "--truth", truth(tmp_path), "-o", tmp_path / name) == 2
        assert "a name that ends with .yaml" in capsys.readouterr().err

    def test_rules_that_are_not_those_of_the_run(self, tmp_path, out, capsys):
        mine = tmp_path / "rules.yaml"
        text = files("unmissed.configs").joinpath("policies", "screening.yaml").read_text("utf-8")
        mine.write_text(text.replace("min_cells: 5000", "min_cells: 10"))
        assert run("certify", out, "--truth", truth(tmp_path), "--policy", mine, "-o", tmp_path / "p.yaml") == 2
        assert "screened under other rules" in capsys.readouterr().err

    def test_a_policy_edited_by_hand_is_not_built_on(self, tmp_path, out, capsys):
        policy = tmp_path / "mine.yaml"
        words = ("certify", out, "--truth", truth(tmp_path), "--target-sensitivity", "0.95", "-o", policy)
        assert run(*words) == 0
        policy.write_text(policy.read_text("utf-8").replace("outcome: certified", "outcome: fine"), "utf-8")
        assert run(*words) == 2
        assert "is not as `unmissed certify` wrote it" in capsys.readouterr().err


class TestFromATable:
    def table(self, tmp_path, text):
        path = tmp_path / "scores.csv"
        path.write_text("slide,patient,score,truth\n" + text, "utf-8")
        return path

    def test_with_the_run_that_made_the_scores(self, tmp_path, out, capsys):
        table = self.table(tmp_path, "".join(f"p{i},w{i},{0.4 + i / 1000:.6f},1\n" for i in range(60)))
        policy = tmp_path / "mine.yaml"
        assert run("certify", table, "--run", out, "--target-sensitivity", "0.95", "-o", policy) == 0
        assert Exclusion.under(load_policy(str(policy))).threshold == 0.4

    def test_a_slide_that_the_run_never_excludes_is_no_trial_whatever_the_table_says(
        self, tmp_path, out, result, capsys
    ):
        add(out, result, "doubtful", score=0.9, notes=["the pixel size was guessed"])
        text = "".join(f"p{i},w{i},{0.4 + i / 1000:.6f},1\n" for i in range(58)) + "doubtful,w99,0.9,1\n"
        table = self.table(tmp_path, text)
        words = ("certify", table, "--run", out, "--target-sensitivity", "0.95")
        assert run(*words, "-o", tmp_path / "mine.yaml") == 3
        said = capsys.readouterr().err
        assert "58 positive patients, none missed" in said and "2 slides of the run are not in the table" in said

    def test_without_it_nothing_is_excluded(self, tmp_path, capsys):
        table = self.table(tmp_path, "".join(f"p{i},w{i},0.4,1\n" for i in range(60)))
        assert run("certify", table, "--target-sensitivity", "0.95", "-o", tmp_path / "mine.yaml") == 3
        assert "tied to no models" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "words"),
        [("p0,w0,0.7,1\n", "has the score 0.700000 for p0, and the run has 0.400000"), ("x,w0,0.7,1\n", "no slide of")],
    )
    def test_scores_of_another_run(self, tmp_path, out, capsys, text, words):
        table = self.table(tmp_path, text)
        assert run("certify", table, "--run", out, "-o", tmp_path / "mine.yaml") == 2
        assert words in capsys.readouterr().err

    def test_a_folder_without_truth(self, tmp_path, out, capsys):
        assert run("certify", out, "-o", tmp_path / "mine.yaml") == 2
        assert "OUT --truth TRUTH.csv" in capsys.readouterr().err


def test_help_and_options_in_front(capsys):
    assert run("certify", "--help") == 0
    assert "suspend" in capsys.readouterr().out
    assert run("certify", "issue", "--help") == 0
    assert "--target-sensitivity" in capsys.readouterr().out
