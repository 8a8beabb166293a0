"""`unmissed evaluate` on run folders."""

import json
import shutil

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from unmissed.cli.app import main
from unmissed.models.cards import CardClass, DataSpec, InputSpec
from unmissed.testing.small_model import bare_card


def run(*words):
    with pytest.raises(SystemExit) as leaving:
        main(["evaluate", *map(str, words)])
    return leaving.value.code


@pytest.fixture
def finished(make, tmp_path):
    def write(folder, seed=0):
        make(n=80, seed=seed).save(folder / "test_predictions.csv")
        (folder / "calibration.json").write_text('{"temperature": 1.5}')
        return folder

    folder = write(tmp_path / "run")
    (folder / "config.yaml").write_text("name: tiny\ndata:\n  dataset: sipakmed\n  root: /home/somebody/data\n")
    for index in range(3):
        write(tmp_path / "folds" / f"fold-{index}", seed=index)
    return tmp_path


def test_a_run_is_measured_again(finished, capsys):
    assert run(finished / "run", "--bootstrap", 20) == 0
    out = finished / "run" / "evaluation"
    assert {path.name for path in out.iterdir()} == {"metrics.json", "report.html", "plots"}
    assert json.loads((out / "metrics.json").read_text())["temperature"] == 1.5
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "sipakmed" in text
    assert "somebody" not in text
    printed = capsys.readouterr().out
    assert "macro f1" in printed
    assert "Clopper-Pearson" in printed
    assert "Class 3" in printed


def test_folds_are_pooled_and_a_missing_one_is_said(finished, caplog):
    shutil.rmtree(finished / "folds" / "fold-1")
    assert run(finished / "folds", "--output", finished / "out", "--bootstrap", 20) == 0
    summary = json.loads((finished / "out" / "summary.json").read_text())
    assert len(summary["folds"]) == 2
    assert summary["pooled"]["images"] == 160
    assert "Missing folds: 1" in (finished / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["test_predictions.csv", "calibration.json"])
def test_a_missing_file_is_named(finished, capsys, name):
    (finished / "run" / name).unlink()
    assert run(finished / "run") == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"temperature": 0}', '{"temperature": "x"}', '{"temperature": NaN}'])
def test_a_damaged_calibration_is_an_error(finished, capsys, text):
    (finished / "run" / "calibration.json").write_text(text)
    assert run(finished / "run") == 2
    assert "calibration.json" in capsys.readouterr().err


def test_an_unfinished_fold_and_a_damaged_recipe_are_errors(finished, capsys):
    (finished / "folds" / "fold-2" / "test_predictions.csv").unlink()
    assert run(finished / "folds") == 2
    assert "fold-2" in capsys.readouterr().err
    (finished / "run" / "config.yaml").write_text("a: [")
    assert run(finished / "run") == 2
    assert "config.yaml" in capsys.readouterr().err


def test_neither_run_nor_model(finished, capsys):
    assert run(finished / "nothing") == 2
    assert "--data" in capsys.readouterr().err
    assert run(finished / "nothing", "--data", "sipakmed", "--root", finished) == 2
    assert run("x.onnx", "--data", "no-such-data") == 2
    assert "no-such-data" in capsys.readouterr().err


@pytest.fixture
def colour_model(tmp_path):
    """A real ONNX model that names the strongest colour of a picture, with its card."""
    path = tmp_path / "colours.onnx"
    nodes = [
        helper.make_node("Cast", ["images"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "sharp"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 16, 16, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.array(0.05, np.float32), "sharp")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    card = bare_card(
        path,
        name="colours",
        title="Colours",
        title_zh="颜色",
        classes=tuple(CardClass(id=name, name=name, name_zh=name) for name in ("red", "green", "blue")),
        input=InputSpec(size_px=16, fit="squash", mean=(0.5,) * 3, std=(0.25,) * 3),
        data=(DataSpec(name="folder", title="t", licence="l", citation="", group_by="g", counts={}, groups={}),),
    )
    path.with_suffix(".json").write_text(card.model_dump_json())
    return path


def paint(root, label, colour, count=4):
    (root / label).mkdir(parents=True)
    for index in range(count):
        image = np.full((20, 20, 3), 40, np.uint8)
        image[..., 2 - ["red", "green", "blue"].index(colour)] = 180 + index  # OpenCV writes BGR
        cv2.imwrite(str(root / label / f"{index}.png"), image)


def test_a_model_is_measured_on_a_dataset(colour_model, tmp_path, capsys):
    root, out = tmp_path / "pictures", tmp_path / "out"
    for label in ("red", "green", "blue"):
        paint(root, label, label)
    cv2.imwrite(str(root / "red" / "wrong.png"), np.full((20, 20, 3), (200, 0, 0), np.uint8))  # blue, called red
    words = ("--data", "folder", "--root", root, "--output", out, "--bootstrap", 20)
    assert run(colour_model, *words) == 0
    found = json.loads((out / "metrics.json").read_text())
    assert found["confusion_matrix"] == [[4, 0, 1], [0, 4, 0], [0, 0, 4]]
    assert "the figures are optimistic" in capsys.readouterr().err
    csv = (out / "test_predictions.csv").read_text()
    assert "red/wrong.png" in csv
    assert str(tmp_path) not in csv
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in html
    assert str(tmp_path) not in html


def test_only_an_official_test_part_is_measured(colour_model, tmp_path):
    root, out = tmp_path / "pictures", tmp_path / "out"
    for label in ("red", "green", "blue"):
        paint(root / "train", label, label, 6)
        paint(root / "test", label, label, 2)
    assert run(colour_model, "--data", "folder", "--root", root, "-o", out, "--bootstrap", 5) == 0
    assert json.loads((out / "metrics.json").read_text())["images"] == 6
    assert "Only the official test part" in (out / "report.html").read_text(encoding="utf-8")


def test_classes_that_the_model_does_not_know_are_an_error(colour_model, tmp_path, capsys):
    root = tmp_path / "pictures"
    paint(root, "red", "red")
    paint(root, "purple", "blue")
    assert run(colour_model, "--data", "folder", "--root", root, "-o", tmp_path / "out") == 2
    assert "purple" in capsys.readouterr().err
