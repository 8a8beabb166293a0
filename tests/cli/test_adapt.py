"""``unmissed adapt`` from outside: files that other verbs take, words that help, and exit codes."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from unmissed.cli.app import main
from unmissed.models import cards

TINTED = (1.0, 0.35, 0.6)


def code_of(*words: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def test_an_adapted_model_is_found_and_runs(drawn_classifier, drawn_laboratory, tmp_path, capsys):
    """The labels are other words here, given by a file; int8 is tried, whatever becomes of it."""
    folder = drawn_laboratory(tmp_path / "clinic", 120, dye=TINTED, labels=("fine", "ill", "worse"), seed=5)
    (tmp_path / "means.yaml").write_text("fine: [plain]\nill: [low]\nworse: [high]\n")
    words = ("--means", tmp_path / "means.yaml", "--laboratory", "Clinic A", "-o", tmp_path / "out")
    assert code_of("adapt", drawn_classifier, "csv", "--root", folder, *words) == 0
    said = capsys.readouterr().err
    assert "abnormal_auc: " in said
    assert "before, " in said
    card = json.loads((tmp_path / "out" / "discs-adapted.json").read_text("utf-8"))
    schema = json.loads(Path(cards.__file__).with_name("card.schema.json").read_text("utf-8"))
    jsonschema.validate(card, schema, cls=jsonschema.Draft202012Validator)
    assert card["parent"]["laboratory"] == "Clinic A"
    assert card["quantisation"] is not None
    onnx = tmp_path / "out" / "discs-adapted.onnx"
    assert code_of("models", "info", onnx) == 0
    shown = capsys.readouterr().out
    assert "discs-adapted 1" in shown
    assert "adapted from discs 4 to Clinic A" in shown
    assert code_of("predict", onnx, folder, "-o", tmp_path / "found.csv") == 0
    rows = {Path(row["path"]).name: row["class"] for row in csv.DictReader((tmp_path / "found.csv").open())}
    meant = {"fine": "plain", "ill": "low", "worse": "high"}
    truth = [line.split(",")[:2] for line in (folder / "labels.csv").read_text().splitlines()[1:]]
    assert sum(rows[name] == meant[label] for name, label in truth) > 0.8 * len(truth)


def test_what_does_not_help_ends_with_two_and_writes_nothing(drawn_classifier, drawn_laboratory, tmp_path, capsys):
    folder = drawn_laboratory(tmp_path / "easy", 60, scatter=0.1, seed=9)
    assert code_of("adapt", drawn_classifier, "csv", "--root", folder, "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    for word in ("does not help", "expected:", "to do:", "nothing was written"):
        assert word in said
    assert not (tmp_path / "out").exists()


def test_too_few_pictures_end_with_two_and_say_how_many_are_needed(
    drawn_classifier, drawn_laboratory, tmp_path, capsys
):
    folder = drawn_laboratory(tmp_path / "few", 20)
    assert code_of("adapt", drawn_classifier, "csv", "--root", folder) == 2
    said = capsys.readouterr().err
    assert "20 labelled pictures in 4 groups" in said
    assert "at least 25 pictures" in said


def test_a_model_that_is_no_classifier_is_refused(tmp_path, capsys):
    assert code_of("adapt", "nucleus-finder", "csv", "--root", tmp_path) == 2
    assert "a classifier of pictures" in capsys.readouterr().err
