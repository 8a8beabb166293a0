"""The time line keeps extremes and seconds however long the examination is."""

from itertools import pairwise

import numpy as np
import pytest

from unmissed.inference.endoscopy.exam.timeline import MOST_STRETCHES, Timeline
from unmissed.inference.endoscopy.values import Reason, Scene, SpeedState


def filled(signals) -> Timeline:
    timeline = Timeline()
    for one in signals:
        timeline.add(one)
    return timeline


def test_extremes_and_seconds_stay_exact(frame):
    rng = np.random.default_rng(0)
    speeds = rng.uniform(0, 40, 9000)
    speeds[4321] = 93.0  # a single red frame in half an hour
    timeline = filled(frame(index / 5, speed=speed) for index, speed in enumerate(speeds))
    stretches = timeline.stretches
    assert len(stretches) <= MOST_STRETCHES
    assert max(s.speed_high for s in stretches) == 93.0
    assert min(s.speed_low for s in stretches) == speeds.min()
    assert [s.state for s in stretches].count(SpeedState.RED) == 1
    seconds = timeline.seconds_by_state(0, float("inf"))
    assert sum(seconds.values()) == pytest.approx(8999 / 5)
    assert seconds["red"] == pytest.approx(0.2)
    assert all(a.end_s < b.start_s for a, b in pairwise(stretches))


def test_each_stretch_has_what_its_frames_had(frame):
    rng = np.random.default_rng(1)
    speeds = rng.uniform(0, 100, 2000)
    times = np.cumsum(rng.uniform(0.05, 0.4, 2000))
    timeline = filled(frame(t, speed=v) for t, v in zip(times, speeds, strict=True))
    for stretch in timeline.stretches:
        inside = speeds[(times >= stretch.start_s) & (times <= stretch.end_s)]
        assert (stretch.speed_low, stretch.speed_high) == (inside.min(), inside.max())


def test_a_speed_without_limits_is_neither_green_nor_grey(frame):
    signals = [frame(i / 10, speed=97.0 if i % 4 else None, assessed=False) for i in range(101)]
    timeline = filled(signals)
    seconds = timeline.seconds_by_state(0, 20)
    assert (seconds["not_assessed"], seconds["grey"]) == (pytest.approx(7.5), pytest.approx(2.5))
    assert seconds["green"] == seconds["amber"] == seconds["red"] == 0
    wide = filled(frame(i * 2.0, speed=97.0 if i % 4 else None, assessed=False) for i in range(10_000)).stretches
    assert {s.state for s in wide} == {
        SpeedState.NOT_ASSESSED
    }  # a grey frame beside it does not hide what was measured


def test_gaps_are_no_time(frame):
    timeline = filled([frame(0.0), frame(0.2), frame(60.0), frame(60.2)])
    assert sum(timeline.seconds_by_state(0, 100).values()) == pytest.approx(0.4)


def test_part_of_the_time(frame):
    signals = [frame(i / 10, speed=80.0 if i < 100 else 10.0) for i in range(200)]
    seconds = filled(signals).seconds_by_state(5.0, 15.0)
    assert seconds["red"] == pytest.approx(5.0, abs=0.11)
    assert seconds["green"] == pytest.approx(5.0, abs=0.11)


def test_longest_illegible_stretch_is_inside_the_body(frame):
    blurred = [frame(i / 10, reason=Reason.BLUR) for i in range(31)]
    clear = [frame(3.1 + i / 10) for i in range(10)]
    outside = [frame(4.1 + i / 10, reason=Reason.OUTSIDE, scene=Scene.OUTSIDE) for i in range(200)]
    assert filled(blurred + clear + outside).longest_illegible_s == pytest.approx(3.0)


def test_nothing():
    assert Timeline().stretches == ()
    assert sum(Timeline().seconds_by_state(0, 10).values()) == 0
