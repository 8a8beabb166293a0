"""JSON in one form: what every reader takes, odd file names included."""

import json
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from unmissed.datasets.basis.files import json_line, json_text, plain_values, write_json

ODD = os.fsdecode(b"caf\xe9.png")


class Part(BaseModel):
    name: str = "宫颈"
    value: float = float("nan")


def refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


@pytest.mark.parametrize("form", [json_text, json_line])
def test_no_nan_is_ever_written(form):
    found = json.loads(form({"a": [1.5, float("nan")], "b": {"c": (float("inf"), -0.0)}}), parse_constant=refuse)
    assert found == {"a": [1.5, None], "b": {"c": [None, -0.0]}}


def test_a_file_is_indented_readable_and_ends_with_a_line_feed(tmp_path):
    write_json(tmp_path / "a.json", {"title_zh": "宫颈", "parts": [1]})
    text = '{\n  "title_zh": "宫颈",\n  "parts": [\n    1\n  ]\n}\n'
    assert (tmp_path / "a.json").read_bytes().decode() == text


def test_a_model_is_written_as_it_writes_itself(tmp_path):
    write_json(tmp_path / "a.json", Part())
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "name": "宫颈",\n  "value": null\n}\n'


def test_a_name_that_is_no_utf8_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"path": ODD})
    assert json.loads((tmp_path / "a.json").read_bytes())["path"] == json.loads(json_line({"p": ODD}))["p"] == ODD


def test_a_line_is_one_line_for_every_reader():
    assert len(json_line({"text": "a\nb\u2028c\x85d\x1ce"}).splitlines()) == 1


def test_what_json_has_no_form_for_is_our_defect(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"path": Path("x")})
    assert list(tmp_path.iterdir()) == []


def test_plain_values_are_readable():
    assert plain_values({"p": Path("x") / ODD, 3: (1, float("nan"))}) == {"p": "x/caf?.png", "3": [1, None]}
