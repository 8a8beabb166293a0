"""Finding a model: by name, file, card or folder; and never running a file that its card does not describe."""

import pytest

from unmissed.datasets.basis.errors import ModelError
from unmissed.models import zoo


def refused(model, *words, variant="auto"):
    with pytest.raises(ModelError) as caught:
        zoo.resolve(str(model), variant)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture
def shipped(write_model, tmp_path, monkeypatch):
    """A zoo of two models."""
    folder = tmp_path / "zoo"
    write_model("cell-type", ("fp32", "int8"), folder, default_variant="int8")
    write_model("stomach-site", folder=folder)
    monkeypatch.setattr(zoo, "ZOO", folder)
    return folder


def test_a_shipped_model_is_found_by_name(shipped):
    assert zoo.names() == ["cell-type", "stomach-site"]
    found = zoo.resolve("cell-type")
    assert (found.card.name, found.variant, found.path) == ("cell-type", "int8", shipped / "cell-type.int8.onnx")
    assert zoo.resolve("cell-type", "fp32").path == shipped / "cell-type.onnx"


def test_a_model_is_found_by_file_card_and_folder(write_model, tmp_path):
    card = write_model("tiny", ("fp32", "fp32-b16"), tmp_path / "run" / "export")
    (tmp_path / "run" / "run.json").write_text("{}")
    for model in (card, card.parent, card.parent.parent, card.with_suffix(".onnx")):
        found = zoo.resolve(str(model))
        assert (found.variant, found.path) == ("fp32", card.with_suffix(".onnx"))


def test_the_very_file_that_was_named_runs(write_model, tmp_path):
    write_model("tiny", ("fp32", "fp32-b16"))
    found = zoo.resolve(str(tmp_path / "tiny.fp32-b16.onnx"))
    assert (found.variant, found.path.name) == ("fp32-b16", "tiny.fp32-b16.onnx")
    assert zoo.resolve(str(tmp_path / "tiny.fp32-b16.onnx"), "fp32").path.name == "tiny.onnx"


def test_a_file_that_the_card_does_not_list_is_refused(write_model, tmp_path):
    """A refused int8 file that someone kept must not silently become the fp32 one, nor run."""
    write_model("tiny")
    (tmp_path / "tiny.int8.onnx").write_bytes(b"left over")
    refused(tmp_path / "tiny.int8.onnx", "does not describe tiny.int8.onnx", "tiny.onnx")


def test_unknown_names_list_the_closest(shipped):
    refused("cel-typ", "no model 'cel-typ'", "cell-type")
    refused("xyz", "cell-type", "stomach-site")
    refused("cell-type", "no variant 'int4'", "fp32, int8", variant="int4")


def test_without_any_model_the_advice_is_to_export(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    refused("cell-type", "unmissed export")


def test_missing_changed_and_lonely_files(write_model, tmp_path):
    write_model("tiny")
    (tmp_path / "tiny.onnx").write_bytes(b"something else")
    refused(tmp_path / "tiny.json", "not the file that its card describes", "sha256")
    (tmp_path / "tiny.onnx").unlink()
    refused(tmp_path / "tiny.json", "tiny.onnx is missing")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "x.onnx").write_bytes(b"x")
    refused(tmp_path / "alone" / "x.onnx", "has no card", "x.json")


def test_a_folder_with_no_or_several_models(write_model, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "0 model cards")
    write_model("one", folder=tmp_path / "two")
    write_model("other", folder=tmp_path / "two")
    refused(tmp_path / "two", "2 model cards", "name the .onnx file")
