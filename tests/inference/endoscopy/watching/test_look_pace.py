"""Every how many frames the lesion model looks, by the times that it took."""

import pytest

from unmissed.inference.endoscopy.watching.look_pace import LookPace


def paced(*looks_ms, interval_ms=40.0):
    pace = LookPace(interval_ms)
    for milliseconds in looks_ms:
        pace.add_look(milliseconds)
    return pace


@pytest.mark.parametrize(
    ("look_ms", "every"), [(1, 1), (31, 1), (33, 2), (63, 2), (65, 3), (120, 4), (640, 20), (1_000_000, 250)]
)
def test_a_look_is_over_before_the_next_is_due(look_ms, every):
    assert paced(*[look_ms] * 7).every == every
    assert every == 250 or look_ms < 0.81 * 40 * every


def test_before_anything_is_known_every_frame_is_looked_at():
    assert paced().every == 1


def test_one_slow_look_changes_nothing():
    assert paced(20, 20, 20, 500, 20).every == 1


def test_it_follows_the_machine_both_ways():
    pace = paced(*[20] * 7)
    for _ in range(4):
        pace.add_look(90)
    assert pace.every == 3
    for _ in range(7):
        pace.add_look(20)
    assert pace.every == 1


def test_it_does_not_waver_between_two_numbers():
    pace = paced(*[33] * 7)
    found = set()
    for milliseconds in [31, 33] * 20:
        pace.add_look(milliseconds)
        found.add(pace.every)
    assert found == {2}
    assert paced(*[31] * 7).every == 1  # where it was never slower


def test_the_interval_is_measured():
    pace = paced(*[30] * 7)
    for _ in range(25):
        pace.add_interval(1000 / 60)
    assert pace.interval_ms == pytest.approx(16.67, abs=0.01)
    assert pace.every == 3
    for strange in (0.0, -40.0, 5000.0):
        pace.add_interval(strange)
    assert pace.interval_ms == pytest.approx(16.67, abs=0.01)


@pytest.mark.parametrize("announced", [0.0, 1e9])
def test_a_stream_that_announces_nonsense_can_be_paced(announced):
    pace = paced(20, interval_ms=announced)
    for _ in range(25):
        pace.add_interval(40)
    pace.add_look(20)
    assert pace.every == 1
