"""The score: its parts, their weights, and what is left out."""

import pytest

from unmissed.inference.endoscopy.exam.kpis import Kpi
from unmissed.inference.endoscopy.exam.score import score_of
from unmissed.inference.endoscopy.protocol import ScoreWeights

ALL = ScoreWeights(coverage=1, legible=1, time=1, speed=1, preparation=1)
KPIS = (
    Kpi("withdrawal_s", 432.0, "s", 360.0, True, "", 540.0),
    Kpi("effective", 0.7, "share"),
    Kpi("coverage", 0.5, "share"),
    Kpi("preparation", 1 / 3, "share"),
    Kpi("speed_red", 0.1, "share"),
    Kpi("speed_amber", 0.2, "share"),
    Kpi("speed_grey", 0.2, "share"),
)


def test_by_default_it_is_the_share_of_the_sites():
    assert score_of(KPIS, ScoreWeights()) == (50.0, {"coverage": 0.5})


def test_every_part_and_their_mean():
    score, parts = score_of(KPIS, ALL)
    expected = {"coverage": 0.5, "legible": 0.7, "time": 0.8, "speed": 0.75, "preparation": 1 / 3}
    assert parts == pytest.approx(expected)
    assert score == pytest.approx(100 * sum(expected.values()) / 5)


def test_a_weight_counts_as_often():
    score, _ = score_of(KPIS, ScoreWeights(coverage=1, time=3))
    assert score == pytest.approx(100 * (0.5 + 3 * 0.8) / 4)


def test_what_was_not_assessed_is_left_out_and_named():
    kpis = (Kpi("coverage", None, "share"), *KPIS[:2])
    score, parts = score_of(kpis, ALL)
    assert [name for name, value in parts.items() if value is None] == ["coverage", "speed", "preparation"]
    assert score == pytest.approx(75.0)


def test_time_without_an_aim_goes_by_the_minimum_and_is_full_at_most():
    assert score_of((Kpi("examination_s", 900.0, "s", 420.0),), ScoreWeights(coverage=0, time=1))[0] == 100.0
    assert score_of((Kpi("examination_s", 210.0, "s", 420.0),), ScoreWeights(coverage=0, time=1))[0] == 50.0


def test_nothing_assessed_is_no_score():
    assert score_of((), ALL)[0] is None
    grey = tuple(Kpi(f"speed_{state}", value, "share") for state, value in (("red", 0), ("amber", 0), ("grey", 1.0)))
    assert score_of(grey, ScoreWeights(coverage=0, speed=1)) == (None, {"speed": None})
