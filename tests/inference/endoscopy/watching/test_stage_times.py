"""Percentiles of times from a histogram agree with those of the numbers themselves."""

import numpy as np
import pytest

from unmissed.inference.endoscopy.watching.stage_times import StageTimes


def test_percentiles_are_those_of_the_numbers():
    numbers = np.random.default_rng(0).gamma(4, 3, 5000)
    times = StageTimes()
    for value in numbers:
        times.add("stage", float(value))
    summary = times.summary()["stage"]
    for share in (50, 95, 99):
        assert summary[f"p{share}"] == pytest.approx(np.percentile(numbers, share), abs=0.3)
    assert summary["max"] == pytest.approx(numbers.max(), abs=0.01)


def test_what_takes_very_long_keeps_its_maximum():
    times = StageTimes()
    times.add("stage", 12_345.0)
    assert times.summary()["stage"]["max"] == 12_345.0


def test_a_stage_is_timed():
    times = StageTimes()
    with times.stage("a"):
        pass
    assert set(times.summary()) == {"a"}
