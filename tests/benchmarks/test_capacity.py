"""The simulated day against a recursion by hand, and a plan that follows from its assumptions."""

import copy

import numpy as np
import pytest

from unmissed.benchmarks.studies.scale.capacity import ASSUMPTIONS, draw, plan, yardstick
from unmissed.benchmarks.studies.scale.queueing import DAY_S, Fleet, simulate
from unmissed.datasets.basis.yaml_text import parse_yaml

STEADY = Fleet(1, 1, 30.0, 0.0, 1e15, 0.0, 0.0, 0.0)


@pytest.fixture
def given():
    return parse_yaml(ASSUMPTIONS.read_text("utf-8"))[0]


def test_one_machine_that_never_fails_waits_as_the_recursion_says():
    day = simulate(STEADY, 500, (0.0, 20_000.0))
    end, ends = 0.0, []
    for arrival in day.arrivals_s:  # Lindley
        end = max(end, arrival) + 30.0
        ends.append(end)
    np.testing.assert_allclose(day.ends_s, ends)
    assert day.twice == 0 and day.busy == pytest.approx(500 * 30 / max(ends))


def test_failures_cost_work_and_time_but_no_slide():
    failing = Fleet(3, 2, 30.0, 0.3, 3600.0, 600.0, 60.0, 0.02)
    day = simulate(failing, 2000, (0.0, 20_000.0))
    assert (day.ends_s > day.arrivals_s).all()
    # One of 120 attempts of 30 s meets a failure in an hour, half way through; 2 % of the slides are made twice.
    assert day.twice == pytest.approx(0.02 + 0.5 * 30 / 3600, rel=0.5)
    assert (
        day.ends_s.max() > simulate(Fleet(3, 2, 30.0, 0.3, 1e15, 600.0, 60.0, 0.02), 2000, (0.0, 20_000.0)).ends_s.max()
    )


def test_a_plan_keeps_the_demanded_wait_with_the_fewest_machines(given, tmp_path):
    found, day = plan(given, 60_000)
    assert found.wait_min <= given["demand"]["wait_min"] and found.machines >= found.machines_mean
    assert found.machines == 3  # 60,000 x 14.75 s over 8 slots are 31 hours of work for 11 hours
    assert found.peak_gb_s == pytest.approx(60_000 * 1.5 / 36_000)
    assert found.usd_a_slide == pytest.approx(sum(found.usd.values()))
    slower = copy.deepcopy(given)
    slower["measured"]["seconds_a_slide"] *= 2
    assert plan(slower, 60_000)[0].machines > found.machines
    assert yardstick(given, [found])["years on the measured machine"] == pytest.approx(43.5e6 * 11.8 / DAY_S / 365.25)
    draw([found], [day], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
