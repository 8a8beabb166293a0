"""Model cards: what is wrong is named, what is saved comes back, and the published schema is the true one."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import json_text
from unmissed.models import cards
from unmissed.models.cards import (
    Card,
    CardClass,
    FileSpec,
    HeatmapSpec,
    KnownAnswers,
    Metric,
    Quantisation,
    TableInput,
    load_card,
    save_card,
)

SCHEMA = Path(cards.__file__).with_name("card.schema.json")


def test_a_card_comes_back_as_it_was_saved(make_card, tmp_path):
    check = Quantisation(
        accepted=False,
        reason="slow",
        speed_ratio=0.5,
        fp32=0.9,
        int8=0.9,
        loss_points=0.0,
        loss_interval=None,
        images=3,
        calibration_images=2,
    )
    card = make_card(metrics={"accuracy": Metric(value=0.9, low=0.8, high=0.95, on="test")}, quantisation=check)
    save_card(card, tmp_path / "tiny.json")
    assert load_card(tmp_path / "tiny.json") == card
    assert card.class_ids == ("c0", "c1", "c2")
    assert card.groups() == {"a": (0, 2), "b": (1,)}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("temperature",), 0, "temperature"),
        (("temperature",), float("nan"), "temperature"),
        (("task",), "segmentation", "task"),
        (("input", "size_px"), -1, "input.size_px"),
        (("input", "colour_order"), "BGR", "input.colour_order"),
        (("input", "mean"), [0.5], "input.mean"),
        (("files", "fp32", "sha256"), "abc", "files.fp32.sha256"),
        (("classes", 1, "id"), "", "classes.1.id"),
        (("classes", 1, "id"), "c0", "class ids repeat"),
        (("default_variant",), "int8", "default_variant 'int8' is not among files"),
        (("name",), "Tiny Model", "name"),
        (("surprise",), 1, "surprise"),
    ],
)
def test_what_is_wrong_is_named(make_card, tmp_path, path, value, named):
    saved = make_card().model_dump(mode="json")
    place = saved
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "tiny.json").write_text(json.dumps(saved))
    with pytest.raises(ModelError, match=named.replace(".", r"\.")) as caught:
        load_card(tmp_path / "tiny.json")
    assert str(tmp_path / "tiny.json") in caught.value.found
    assert caught.value.fix


def test_missing_and_damaged_cards(tmp_path):
    with pytest.raises(ModelError, match="cannot read the model card"):
        load_card(tmp_path / "none.json")
    for number, content in enumerate((b"", b"{", b"[]", b"\xff\xfe\x00")):
        (tmp_path / f"{number}.json").write_bytes(content)
        with pytest.raises(ModelError, match="not a valid model card"):
            load_card(tmp_path / f"{number}.json")


def test_a_card_is_read_only_if_it_is_a_small_file(tmp_path):
    """A hundred megabytes of empty lists took a gigabyte and minutes; a pipe was waited for."""
    (tmp_path / "large.json").write_bytes(b'{"training": [' + b"[]," * 1_700_000 + b"[]]}")
    with pytest.raises(ModelError, match="more than 5,000,000 bytes"):
        load_card(tmp_path / "large.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ModelError, match="not a file"):
        load_card(tmp_path / "pipe.json")


@pytest.mark.parametrize(
    "name", ["../tiny.onnx", "a/tiny.onnx", "a\\tiny.onnx", "/tiny.onnx", "tiny.onnx\n", "tiny.txt"]
)
def test_a_card_cannot_name_a_file_outside_its_folder(name):
    with pytest.raises(ValidationError):
        FileSpec(file=name, sha256="0" * 64, size_bytes=1, precision="fp32", stored="fp32")


def schema_of_the_code():
    schema = Card.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json_text(schema) + "\n"


def test_the_published_schema_is_that_of_the_code():
    """To write it again, run this file: python tests/models/test_cards.py"""
    assert SCHEMA.read_text(encoding="utf-8") == schema_of_the_code()


def test_the_published_schema_judges_as_the_code_does(make_card):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    saved = json.loads(make_card().model_dump_json())
    jsonschema.validate(saved, schema, cls=jsonschema.Draft202012Validator)
    for wrong in (saved | {"surprise": 1}, saved | {"temperature": 0}, saved | {"files": {}}, saved | {"task": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema, cls=jsonschema.Draft202012Validator)


def test_operating_points_of_earlier_exports(make_card, tmp_path):
    """An empty list, as every export wrote it, is read; a filled one is refused."""
    saved = json.loads(make_card().model_dump_json())
    (tmp_path / "tiny.json").write_text(json.dumps(saved | {"operating_points": []}))
    assert load_card(tmp_path / "tiny.json") == make_card()
    (tmp_path / "tiny.json").write_text(json.dumps(saved | {"operating_points": [{"name": "safe"}]}))
    with pytest.raises(ModelError, match="operating_points are not supported"):
        load_card(tmp_path / "tiny.json")


class TestTasks:
    """Every task has its own input and sections."""

    MAP = HeatmapSpec(stride_px=8, halo_px=16, target=("c1",), radius_px=4, box_px=20, threshold=0.5)

    def test_a_heat_map_and_a_table_come_back_as_saved(self, make_card, tmp_path):
        for fields in (
            {"task": "heatmap", "heatmap": self.MAP},
            {"task": "slide-score", "input": TableInput(features=("a",))},
            {
                "task": "gauge",
                "input": TableInput(features=("a",)),
                "classes": (CardClass(id="v", name="", name_zh=""),),
            },
        ):
            card = make_card(**fields)
            save_card(card, tmp_path / "tiny.json")
            assert load_card(tmp_path / "tiny.json") == card
            schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
            jsonschema.validate(json.loads(card.model_dump_json()), schema, cls=jsonschema.Draft202012Validator)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"task": "heatmap"}, "the section heatmap belongs"),
            ({"heatmap": MAP}, "the section heatmap belongs"),
            ({"classes": (CardClass(id="v", name="", name_zh=""),)}, "one class is too few"),
            ({"task": "gauge"}, "slide scores and gauges take columns"),
            ({"task": "slide-score"}, "slide scores and gauges take columns"),
            ({"input": TableInput(features=("a",))}, "slide scores and gauges take columns"),
            ({"task": "heatmap", "heatmap": MAP.model_copy(update={"target": ("c0",)})}, "other than the background"),
        ],
    )
    def test_what_does_not_belong_together_is_refused(self, make_card, fields, words):
        with pytest.raises(ValidationError, match=words):
            make_card(**fields)

    KNOWN = KnownAnswers(drawing="discs-1", seeds=(1,), size_px=32, outputs=((0.5,),), tolerance={"fp32": 1e-4})

    def test_known_answers_fit_the_input_and_every_file(self, make_card):
        side = make_card().picture_input.size_px
        fitting = self.KNOWN.model_copy(update={"size_px": side})
        assert make_card(known_answers=(fitting,)).known_for("fp32") == fitting
        assert make_card().known_for("fp32") is None
        for wrong, words in (
            (fitting.model_copy(update={"size_px": side + 1}), "does not take"),
            (fitting.model_copy(update={"tolerance": {"int8": 0.1}}), "all of"),
        ):
            with pytest.raises(ValidationError, match=words):
                make_card(known_answers=(wrong,))

    def test_numbers_are_no_pictures(self, make_card):
        card = make_card(task="slide-score", input=TableInput(features=("a",)))
        with pytest.raises(ModelError, match="takes numbers"):
            _ = card.picture_input


if __name__ == "__main__":
    SCHEMA.write_text(schema_of_the_code(), encoding="utf-8")
