"""From a run to a model that ships: the card tells the truth, and int8 has to earn its place."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from unmissed.datasets.basis.errors import ConfigError, DatasetError, ModelError
from unmissed.models import cards, zoo
from unmissed.models.cards import load_card
from unmissed.training.classifiers import int8 as classifier_int8
from unmissed.training.export import export_run
from unmissed.training.exporting import files as export_files
from unmissed.training.recipes.loading import load_recipe, save_recipe


@pytest.fixture(scope="module")
def plain(finished, tmp_path_factory):
    """The finished run exported as fp32 alone: its card and where that lies."""
    return export_run(finished, tmp_path_factory.mktemp("export"), version="3", fixed_batch=None, int8=False)


@pytest.fixture
def ready(plain, monkeypatch):
    """Let the export take the ONNX file that is there already: the exporter itself is slow and tested elsewhere."""

    def take(_scaled, _temperature, _size_px, path, batch=None, output=""):
        shutil.copy(plain[1].with_suffix(".onnx"), path)

    monkeypatch.setattr(export_files, "export_onnx", take)


def damage(source: Path, target: Path, _images: np.ndarray, first_float: int = 0) -> None:
    """A quantiser that forgets the last layer: every picture gets the same answer."""
    proto = onnx.load(source)
    (last,) = (node for node in proto.graph.node if node.op_type == "Gemm")
    (weight,) = (item for item in proto.graph.initializer if item.name == last.input[1])
    weight.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(weight)), weight.name))
    onnx.save(proto, target)


def keep(source: Path, target: Path, _images: np.ndarray, first_float: int = 0) -> None:
    """A quantiser that loses nothing."""
    shutil.copy(source, target)


def set_up(monkeypatch, quantiser, ratio):
    monkeypatch.setattr(classifier_int8, "quantise", quantiser)
    monkeypatch.setattr(classifier_int8, "speed_ratio", lambda *_: ratio)


def test_the_card_tells_what_the_run_was(plain, finished):
    card, path = plain
    assert load_card(path) == card
    facts = json.loads((finished / "run.json").read_text())
    metrics = json.loads((finished / "metrics.json").read_text())
    assert (card.name, card.version, card.title, card.title_zh) == ("tiny", "3", "Colour", "颜色")
    assert card.class_ids == ("blue", "green", "red")
    assert card.temperature == json.loads((finished / "calibration.json").read_text())["temperature"]
    assert card.data[0].counts == facts["data"]["counts"]
    assert card.metrics["accuracy"].value == metrics["overall"]["accuracy"]["value"]
    assert "held-out test part" in card.metrics["accuracy"].on
    assert set(card.metrics) >= {"macro_f1", "ece", "sensitivity_blue"}
    assert card.input.size_px == 32
    assert card.architecture["stride"] == 8
    assert card.training["recipe"]["optimizer"]["epochs"] == 10
    assert card.quantisation is None
    assert 0 < card.parity_max_abs_dp <= 1e-4
    assert zoo.resolve(str(path)).variant == "fp32"


def test_a_real_card_fits_the_published_schema(plain):
    schema = json.loads(Path(cards.__file__).with_name("card.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(plain[1].read_text(encoding="utf-8")), schema, jsonschema.Draft202012Validator)


def test_the_card_names_no_folder_of_this_machine(plain, tree, finished):
    text = plain[1].read_text(encoding="utf-8")
    assert str(tree) not in text
    assert str(finished) not in text
    assert str(Path.home()) not in text


def test_int8_that_is_faster_and_as_good_becomes_the_default(finished, ready, tmp_path, monkeypatch):
    set_up(monkeypatch, keep, 1.7)
    card, path = export_run(finished, tmp_path, fixed_batch=None)
    assert card.quantisation.accepted
    assert (card.quantisation.speed_ratio, card.quantisation.loss_points) == (1.7, 0)
    assert card.quantisation.images == sum(card.data[0].counts["test"].values())
    assert card.quantisation.calibration_images == 30 - card.quantisation.images
    assert card.default_variant == "int8"
    assert zoo.resolve(str(path)).path == tmp_path / "tiny.int8.onnx"


@pytest.mark.parametrize(
    ("quantiser", "ratio", "reasons"),
    [
        (keep, 0.9, ["not faster here (0.90x)"]),
        (damage, 1.7, ["points of macro-F1 (limit 0.5)"]),
        (damage, 0.9, ["not faster here", "points of macro-F1"]),
    ],
)
def test_int8_that_fails_the_check_is_gone_and_the_card_says_why(
    finished, ready, tmp_path, monkeypatch, quantiser, ratio, reasons
):
    (tmp_path / "tiny.int8.onnx").write_bytes(b"of an earlier export")
    set_up(monkeypatch, quantiser, ratio)
    card, path = export_run(finished, tmp_path, fixed_batch=None)
    assert not card.quantisation.accepted
    for reason in reasons:
        assert reason in card.quantisation.reason
    assert (card.quantisation.loss_points > 0.5) == (quantiser is damage)
    assert card.default_variant == "fp32"
    assert set(card.files) == {"fp32"}
    assert not (tmp_path / "tiny.int8.onnx").exists()
    assert zoo.resolve(str(path)).variant == "fp32"


def test_a_file_that_disagrees_with_torch_is_no_export(finished, plain, tmp_path, monkeypatch):
    def take(_scaled, _temperature, _size_px, path, batch=None, output=""):
        damage(plain[1].with_suffix(".onnx"), path, None)

    monkeypatch.setattr(export_files, "export_onnx", take)
    with pytest.raises(ModelError, match="differs from torch"):
        export_run(finished, tmp_path, fixed_batch=None, int8=False)
    assert not list(tmp_path.glob("*.json"))


def test_figures_of_a_cross_validation_stand_in_the_card(finished, ready, go, tmp_path):
    """A final model is trained on all pictures and has no test part of its own."""
    go(tmp_path / "final", "data.test_fraction=0", "optimizer.epochs=10")
    shutil.copy(finished / "best.safetensors", tmp_path / "final" / "best.safetensors")  # the file at hand is its graph
    shutil.copy(finished / "calibration.json", tmp_path / "final" / "calibration.json")
    alone, _ = export_run(tmp_path / "final", fixed_batch=None, int8=False)
    assert alone.metrics == {}
    card, path = export_run(tmp_path / "final", fixed_batch=None, int8=False, cross_validation=finished)
    assert path == tmp_path / "final" / "export" / "tiny.json"
    assert "cross-validation" in card.metrics["cv_macro_f1"].on


def test_what_is_no_finished_run_is_told(finished, tmp_path):
    with pytest.raises(ConfigError, match=r"no finished run.*train first"):
        export_run(tmp_path / "nowhere")
    for fold in ("fold-0", "fold-1"):
        (tmp_path / "folds" / fold).mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"name one fold: .*fold-0"):
        export_run(tmp_path / "folds")
    shutil.copytree(finished, tmp_path / "killed")
    (tmp_path / "killed" / "run.json").unlink()
    with pytest.raises(ConfigError, match="no finished run"):
        export_run(tmp_path / "killed")


def test_damaged_weights_are_told(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "best.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"best\.safetensors cannot be read"):
        export_run(tmp_path / "run")


def test_pictures_that_are_gone_are_told(finished, tree, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    shutil.copytree(tree, tmp_path / "set")
    written = tmp_path / "run" / "config.yaml"
    config = load_recipe(str(written), [f"data.root={tmp_path / 'set'}"])
    written.write_text(save_recipe(config))
    line = (tmp_path / "run" / "test_predictions.csv").read_text().splitlines()[1]
    (tmp_path / "set" / line.split(",")[0]).unlink()
    with pytest.raises(ConfigError, match=r"1 held-out pictures of the run are not in.*data\.root"):
        export_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "set")
    with pytest.raises(DatasetError, match="does not exist"):
        export_run(tmp_path / "run")
