"""A whole run: what it leaves, that its numbers are those of its weights, and that it refuses what cannot work."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.registry import get
from unmissed.models.architectures import Scaled, build, input_scaling
from unmissed.models.export import torch_probabilities
from unmissed.training.classifiers.classifier import architecture_of
from unmissed.training.cluster.tasks import Silent
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.evaluation.predictions import load_predictions
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.run import run

NO_TEST = ("data.test_fraction=0", "optimizer.epochs=1")


def rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_run_leaves_everything(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        *("config.yaml", "history.csv", "best.safetensors", "checkpoint.pt", "calibration.json", "run.json"),
        *("metrics.json", "report.html", "plots", "test_predictions.csv", "validation_predictions.csv", "classes.json"),
    }
    assert list((finished / "plots").iterdir())
    assert not list(finished.rglob("*.partial"))
    assert len(rows(finished / "history.csv")) == 10
    assert "Colour" in (finished / "report.html").read_text(encoding="utf-8")


def test_it_has_learned(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["overall"]["accuracy"]["value"] >= 0.6  # a third by chance
    losses = [float(row["train_loss"]) for row in rows(finished / "history.csv")]
    assert losses[-1] < losses[0]


def test_the_parts_share_no_picture_and_cover_the_folder(finished, tree):
    facts = json.loads((finished / "run.json").read_text())
    counts = facts["data"]["counts"]
    for label, total in (("blue", 14), ("green", 10), ("red", 6)):
        assert sum(part[label] for part in counts.values()) == total
    parts = {name: load_predictions(finished / f"{name}_predictions.csv") for name in ("test", "validation")}
    assert not set(parts["test"].paths) & set(parts["validation"].paths)
    assert {name: len(part) for name, part in parts.items()} == {
        name: sum(counts[name].values()) for name in ("test", "validation")
    }
    assert all((tree / path).is_file() for part in parts.values() for path in part.paths)
    assert facts["weights"] == "random"
    assert facts["epochs"] == 10


def test_the_predictions_are_those_of_the_kept_weights(finished, tree):
    config = load_recipe(str(finished / "config.yaml"))
    held_out = load_predictions(finished / "test_predictions.csv")
    network = build(architecture_of(config, len(held_out.classes)))
    scaled = Scaled(network, *input_scaling(config.model.backbone))
    scaled.load_state_dict(load_file(finished / "best.safetensors"))
    records = {record.name(tree): record for record in get("folder").read(tree)}
    pictures = load_pictures([records[path] for path in held_out.paths], 32, "squash", lambda: None)
    np.testing.assert_allclose(torch_probabilities(scaled, 1.0, pictures), held_out.probabilities(), atol=1e-5)


def test_the_temperature_was_fitted_on_the_validation_part(finished):
    saved = json.loads((finished / "calibration.json").read_text())
    validation = load_predictions(finished / "validation_predictions.csv")
    assert saved["temperature"] == pytest.approx(fit_temperature(validation.labels, validation.logits), rel=1e-3)
    assert saved["fitted_on"] == "validation"


def test_the_report_names_no_folder_of_this_machine(finished, tree):
    for name in ("report.html", "metrics.json", "run.json", "test_predictions.csv"):
        text = (finished / name).read_text(encoding="utf-8")
        assert str(tree) not in text
        assert str(finished) not in text


def test_the_config_left_is_the_recipe(finished, recipe):
    assert load_recipe(str(finished / "config.yaml")) == load_recipe(str(recipe), ["optimizer.epochs=10"])


def test_progress_tells_every_picture_and_epoch(go, tmp_path):
    told = go(tmp_path, *NO_TEST)
    assert told.read["validation"] + told.read["train"] == 30
    assert told.read["test"] == 0
    assert [row.epoch for row in told.epochs] == told.best == [1]
    assert sum(pictures for _, pictures in told.steps) == told.read["train"] // 8 * 8


def test_without_a_test_part_there_is_no_report(go, tmp_path):
    go(tmp_path, *NO_TEST)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"best.safetensors", "calibration.json", "run.json", "validation_predictions.csv"} <= names
    assert names & {"report.html", "metrics.json", "test_predictions.csv"} == set()


def test_folds_are_trained_pooled_and_summarised(go, tmp_path):
    told = go(tmp_path, "data.folds=2", "optimizer.epochs=1")
    assert told.title == "tiny fold-1"
    tested = [row["path"] for fold in (0, 1) for row in rows(tmp_path / f"fold-{fold}" / "test_predictions.csv")]
    assert len(tested) == len(set(tested)) == 30
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert len(summary["folds"]) == 2
    assert summary["pooled"]["images"] == 30
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "fold-1" / "report.html").is_file()


def test_test_parts_can_be_left_alone_and_measured_later(go, recipe, tmp_path):
    words = ("data.folds=2", "optimizer.epochs=1")
    run(load_recipe(str(recipe), words), tmp_path, Silent(), test=False)
    assert len(list(tmp_path.glob("fold-*/validation_predictions.csv"))) == 2
    left = {path.name for path in tmp_path.rglob("*")}
    assert not left & {"test_predictions.csv", "metrics.json", "summary.json", "report.html"}
    assert go(tmp_path, *words).steps == []
    assert json.loads((tmp_path / "summary.json").read_text())["pooled"]["images"] == 30


def test_a_single_fold_and_one_that_is_not_there(go, tmp_path):
    go(tmp_path / "one", "data.folds=3", "data.only_folds=[1]", "optimizer.epochs=1")
    assert [path.name for path in (tmp_path / "one").glob("fold-*")] == ["fold-1"]
    with pytest.raises(ConfigError, match=r"names fold 7.*0 to 2"):
        go(tmp_path / "other", "data.folds=3", "data.only_folds=[0,7]")
    assert not list(tmp_path.glob("other/fold-*")), "the mistake is found before anything trains"


@pytest.fixture
def table(put, tmp_path):
    """A table with an official split, in which the class c has no part; pictures of the same name in two folders."""
    lines = ["path,label,group,split"]
    for part, count in (("train", 6), ("test", 3)):
        for label, colour in (("a", (200, 40, 40)), ("b", (40, 40, 200))):
            for index in range(count):
                put(tmp_path / "set" / label / f"{part}{index}.png", colour, index)
                lines.append(f"{label}/{part}{index}.png,{label},{label}{part}{index},{part}")
    put(tmp_path / "set" / "c" / "x.png")
    lines.append("c/x.png,c,c,")
    (tmp_path / "set" / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "set" / "labels.csv"


def test_a_class_that_the_official_split_leaves_out_is_no_output(go, table, tmp_path):
    go(tmp_path / "run", "data.dataset=csv", f"data.root={table.parent}", *NO_TEST[1:])
    found = load_predictions(tmp_path / "run" / "test_predictions.csv")
    assert [item.id for item in found.classes] == ["a", "b"]
    assert len(found) == 6


def test_pictures_of_one_name_stay_apart_when_the_table_itself_is_named(go, table, tmp_path):
    go(tmp_path / "run", "data.dataset=csv", f"data.root={table}", *NO_TEST[1:])
    found = load_predictions(tmp_path / "run" / "test_predictions.csv")
    assert len(set(found.paths)) == 6
    assert all((table.parent / path).is_file() for path in found.paths)


def test_without_groups_for_validation_it_says_so(go, put, tmp_path):
    lines = ["path,label,group,split"]
    for part in ("train", "test"):
        for label in ("a", "b"):
            put(tmp_path / f"{part}{label}.png", seed=len(lines))
            lines.append(f"{part}{label}.png,{label},{part},{part}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DatasetError, match="none is left for validation"):
        go(tmp_path / "run", "data.dataset=csv", f"data.root={tmp_path}")


def test_labelled_places_want_a_crop(go, put, tmp_path):
    for index in range(4):
        put(tmp_path / f"field{index}.png", size=(90, 90), seed=index)
    lines = [f"field{i // 2}.png,{'ab'[i % 2]},g{i // 2},{10 * i},{9 * i}" for i in range(8)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,group,x_px,y_px", *lines]) + "\n")
    words = ("data.dataset=csv", f"data.root={tmp_path}", *NO_TEST, "optimizer.batch_size=2")
    with pytest.raises(ConfigError, match=r"input\.fit is squash.*set input\.fit=crop"):
        go(tmp_path / "run", *words)
    go(tmp_path / "run", *words, "input.fit=crop")
    assert re.search(r"field\d\.png#", (tmp_path / "run" / "validation_predictions.csv").read_text())


def test_an_unreadable_picture_stops_before_training(go, tree, tmp_path):
    shutil.copytree(tree, tmp_path / "set")
    (tmp_path / "set" / "red" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"broken\.png"):
        go(tmp_path / "run", f"data.root={tmp_path / 'set'}")
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.weights=nowhere.safetensors", r"model\.weights: there is no file nowhere"),
        ("model.backbone=test_efficientnot", "test_efficientnet"),
        ("model.stride=7", "2, 4, 8"),
        ("model.freeze=[stem]", "no module 'stem'"),
        ("data.dataset=foldr", "folder"),
        ("data.root=/nowhere", "/nowhere"),
        ("augment=[{Normalize: {}}]", "uint8 RGB"),
        ("optimizer.lr=1e30", r"lower optimizer\.lr"),
    ],
)
def test_wrong_values_are_answered_with_the_way_out(go, tmp_path, override, words):
    with pytest.raises((ConfigError, DatasetError), match=words):
        go(tmp_path / "run", *NO_TEST, override)


def test_a_segmentation_set_is_no_classification_set(go, put, tmp_path):
    for folder in ("images", "masks"):
        put(tmp_path / folder / "a.png")
    with pytest.raises(DatasetError, match="0 classes"):
        go(tmp_path / "run", "data.dataset=kvasir-seg", f"data.root={tmp_path}")
