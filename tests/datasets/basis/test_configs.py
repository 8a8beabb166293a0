"""Settings in YAML: one strictness for all five kinds, and mistakes told with line and closest name."""

import pytest

from unmissed.datasets.basis.configs import read_yaml
from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.cytology.screening.settings import load_preset, preset_names
from unmissed.inference.endoscopy.protocol import load_protocol, protocol_names
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.slide_scores.run import load_slide_score_recipe

KINDS = {
    "policy": load_policy,
    "preset": load_preset,
    "protocol": load_protocol,
    "recipe": load_recipe,
    "slide score": load_slide_score_recipe,
}


@pytest.fixture(params=KINDS)
def load(request):
    return KINDS[request.param]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "duplicate key 'name'.*line 2"),
        ("name: &x a\ntitle: *x\n", "aliases are not allowed"),
        ("name: [", "is not a valid .*expected YAML"),
        ("- 1\n", "holds no fields"),
        ("[" * 500, "is not a valid"),
        ("a: " + "x" * 210_000, "more than 200,000 bytes"),
        ("nonsense: 1\n", r"own\.yaml, line 1: unknown field 'nonsense'"),
        ("", r"own\.yaml: the field '\w+' is missing"),
        ("\xff", "."),
    ],
)
def test_every_kind_is_read_strictly(load, tmp_path, text, words):
    path = tmp_path / "own.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=words):
        load(path if load is load_slide_score_recipe else str(path))


def test_a_file_that_is_not_there(load, tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError, match=r"cannot read the \w+ .*none\.yaml: No such file"):
        load(path if load is load_slide_score_recipe else str(path))


@pytest.mark.parametrize(
    ("load", "name", "words"),
    [
        (load_preset, "thoruogh", "did you mean thorough"),
        (load_preset, "Default", "did you mean default"),
        (load_protocol, "colonscopy", "did you mean colonoscopy"),
        (load_policy, "xyz", "one of screening"),
    ],
)
def test_a_misspelt_name_gets_the_closest(load, name, words):
    with pytest.raises(ConfigError, match=words):
        load(name)


@pytest.mark.parametrize(("load", "names"), [(load_preset, preset_names), (load_protocol, protocol_names)])
def test_a_shipped_name_wins_over_a_file_of_that_name(load, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in names():
        (tmp_path / name).write_text("nonsense")
        assert load(name).name == name


def test_numbers_and_dates_are_what_the_writer_meant(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("lr: 1e-3\nbig: 1.5E+6\nissued: 2026-01-31\nwhole: 3\nword: e5\n")
    assert read_yaml(path).values == {"lr": 0.001, "big": 1.5e6, "issued": "2026-01-31", "whole": 3, "word": "e5"}


def test_an_inner_field_is_placed(tmp_path):
    path = tmp_path / "own.yaml"
    text = "name: own\ntitle: a\ntitle_zh: b\norgan: colon\nsource: s\nminimum_s: 360\nminimum_of: withdrawal\n"
    path.write_text(text + "lesion:\n  treshold: 0.9\n")
    with pytest.raises(ConfigError, match=r"line 9: unknown field 'lesion\.treshold'; did you mean 'threshold'"):
        load_protocol(str(path))
