"""The whole line from outside: train, export, predict; the table says what torch says."""

import csv
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

from unmissed.cli.app import main
from unmissed.datasets.pictures.images import fit_image, read_image
from unmissed.models import cards, zoo
from unmissed.models.architectures import Scaled, build, input_scaling
from unmissed.models.export import torch_probabilities
from unmissed.training.classifiers.classifier import architecture_of
from unmissed.training.recipes.loading import load_recipe


@pytest.fixture(autouse=True)
def _plain_logging() -> Iterator[None]:
    log = logging.getLogger("unmissed")
    before = (log.level, log.propagate, list(log.handlers))
    yield
    log.setLevel(before[0])
    log.propagate, log.handlers = before[1], before[2]


def code_of(*words: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures (JPEG, wide, larger than the input), the run trained on them and its export."""
    folder = tmp_path_factory.mktemp("line")
    rng = np.random.default_rng(0)
    for number, name in enumerate(("left", "right")):
        (folder / "set" / name).mkdir(parents=True)
        for index in range(10):
            picture = rng.normal(110, 40, (90, 150, 3))
            picture[:, 75 * number : 75 * (number + 1)] += 80
            content = np.clip(picture, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "set" / name / f"{index}.jpg"), content)
    values = {
        "name": "side",
        "title": "Brighter side",
        "data": {"dataset": "folder", "root": str(folder / "set")},
        "input": {"size_px": 32, "fit": "pad", "workers": 0},
        "model": {"backbone": "test_efficientnet", "stride": 8, "weights": "none"},
        "optimizer": {"epochs": 2, "batch_size": 4, "lr": 0.01},
        "bootstrap": 100,
    }
    (folder / "side.yaml").write_text(yaml.safe_dump(values))
    assert code_of("train", folder / "side.yaml", "-o", folder / "run") == 0
    assert code_of("export", folder / "run", "--version", "7", "--batch", "4") == 0
    return folder


def test_the_export_is_a_model_with_a_card(line):
    export = line / "run" / "export"
    card = json.loads((export / "side.json").read_text(encoding="utf-8"))
    schema = json.loads(Path(cards.__file__).with_name("card.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(card, schema, jsonschema.Draft202012Validator)
    assert card["version"] == "7"
    assert {"fp32", "fp32-b4"} <= set(card["files"])
    assert ("int8" in card["files"]) == card["quantisation"]["accepted"] == (export / "side.int8.onnx").is_file()
    assert {spec["file"] for spec in card["files"].values()} == {path.name for path in export.glob("*.onnx")}
    for variant in card["files"]:
        assert zoo.resolve(str(line / "run"), variant).path.parent == export
    for path in export.iterdir():
        assert str(line).encode() not in path.read_bytes()


@pytest.mark.parametrize("variant", ["fp32", "fp32-b4"])
def test_predict_says_what_torch_says(line, tmp_path, variant):
    assert code_of("predict", line / "run", line / "set", "-o", tmp_path / "out.csv", "--variant", variant) == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 20
    found = np.array([[float(row["p_left"]), float(row["p_right"])] for row in rows])
    config = load_recipe(str(line / "run" / "config.yaml"))
    scaled = Scaled(build(architecture_of(config, 2)), *input_scaling(config.model.backbone))
    scaled.load_state_dict(load_file(line / "run" / "best.safetensors"))
    pictures = np.stack([fit_image(read_image(Path(row["path"]), min_side_px=32), 32, "pad") for row in rows])
    temperature = json.loads((line / "run" / "calibration.json").read_text())["temperature"]
    expected = torch_probabilities(scaled, temperature, pictures)
    assert np.ptp(expected[:, 0]) > 1e-3, "the pictures do not differ"
    assert np.abs(found - expected).max() <= 1e-4


def test_the_lines_on_the_screen_name_files_and_checks(line, tmp_path, capsys):
    assert code_of("export", line / "run", "-o", tmp_path / "out", "--batch", "0", "--no-int8") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"fp32 (default): {tmp_path / 'out' / 'side.onnx'}" in captured.err
    assert "parity with torch: max |dp| = " in captured.err
    assert f"unmissed predict {tmp_path / 'out'} " in captured.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"side.onnx", "side.json"}


def test_what_is_no_run_and_an_output_in_the_way(line, tmp_path, capsys):
    assert code_of("export", tmp_path) == 2
    assert "holds no finished run" in capsys.readouterr().err
    (tmp_path / "file").write_text("mine")
    assert code_of("export", line / "run", "-o", tmp_path / "file") == 2
    assert "a file has that name" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
