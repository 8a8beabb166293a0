"""YAML as the writer meant it: what is written is read back, and no text is too much for the reader."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unmissed.datasets.basis.yaml_text import YamlTextError, parse_yaml, yaml_text

# PyYAML itself writes line separators of Unicode in a key so that it cannot read them.
TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | TEXT
    | st.from_regex(r"[-+]?[0-9.:_eEx]{1,8}", fullmatch=True)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@given(VALUES)
def test_what_is_written_is_read_back(values):
    assert parse_yaml(yaml_text(values))[0] == values


def test_the_same_list_twice_is_written_twice():
    same = [1, 2]
    assert parse_yaml(yaml_text({"a": same, "b": same}))[0] == {"a": [1, 2], "b": [1, 2]}


def test_numbers_texts_and_lines():
    values, lines = parse_yaml("a: 1e3\nb: 12:30\nc: 2026-01-31\nd: .inf\ne: 0x1f\nf: '7'\ng:\n  h: 1_000\n")
    assert values == {"a": 1000.0, "b": "12:30", "c": "2026-01-31", "d": math.inf, "e": 31, "f": "7", "g": {"h": 1000}}
    assert lines["g", "h"] == 8


def test_other_programs_read_our_dates_as_text():
    assert yaml.safe_load(yaml_text({"a": "2026-01-31", "b": "12:30"})) == {"a": "2026-01-31", "b": "12:30"}


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "a: &x [1]\nb: *x",
        "[" * 5000,
        "? " * 5000,
        "a: 0x" + "f" * 5000,
        "a: " + "9" * 5000,
        "a: !!python/object:os.system x",
        "a: b: c",
        "? [1]\n: 2",
    ],
)
def test_what_is_refused(text):
    with pytest.raises(YamlTextError):
        parse_yaml(text)
    assert parse_yaml("a: 1" + ":59" * 50_000)[0]["a"].startswith("1:59")
