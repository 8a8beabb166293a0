"""Figures and rows: what they hold, and what they refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unmissed.benchmarks.speed.values import BenchRow, Figure

SECONDS = Figure(unit="s", rounds=(3.0, 1.0, 2.0))


def test_a_figure_tells_median_and_range_of_its_rounds() -> None:
    assert (SECONDS.median, SECONDS.low, SECONDS.high) == (2.0, 1.0, 3.0)
    assert SECONDS.better == "lower"


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=8))
def test_the_median_is_finite_and_in_the_range(rounds: list[float]) -> None:
    figure = Figure(unit="s", rounds=tuple(rounds))
    assert math.isfinite(figure.median)
    assert figure.low <= figure.median <= figure.high


@pytest.mark.parametrize(
    "wrong",
    [
        {"rounds": ()},
        {"rounds": (1.0, math.nan)},
        {"rounds": (math.inf,)},
        {"rounds": (1e308, 1e308)},  # their mean would overflow
        {"rounds": (1.0,) * 10_001},
        {"unit": "furlongs per fortnight"},
        {"better": "up"},
        {"mean": 2.0},
    ],
)
def test_a_figure_refuses_what_cannot_be(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Figure.model_validate({"unit": "s", "rounds": (1.0,), **wrong})


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        SECONDS.unit = "ms"


def test_a_row_has_figures_or_a_reason_and_never_both() -> None:
    assert BenchRow(what={"slide": "a"}, figures={"total": SECONDS}).not_measured == ""
    assert BenchRow(what={"slide": "a"}, not_measured="no CUDA device").figures == {}
    for wrong in ({}, {"figures": {"total": SECONDS}, "not_measured": "no CUDA device"}):
        with pytest.raises(ValidationError, match="either figures or the reason"):
            BenchRow(what={"slide": "a"}, **wrong)
