"""Time stamps and rates: what is believed of them."""

import math
from itertools import pairwise

import numpy as np
import pytest
from readers import Stamped

from unmissed.datasets.video import Frame, Gap
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.stamps import LiveClock, StreamClock, believed_rate


def times(stamps_s):
    source = RecordedVideo(Stamped(stamps_s), "x")
    return [item.time_s for item in source.frames() if isinstance(item, Frame)], source.notes


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0.0, 0.0, 0.0, 0.0], [0, 0.04, 0.08, 0.12]),  # a raw stream without stamps
        ([None, None, None], [0, 0.04, 0.08]),
        ([0.0, *[None] * 30, 1.24], [index / 25 for index in range(32)]),  # longer than a new start is far
        ([0.0, 0.08, 0.04, 0.12], [0, 0.08, 0.081, 0.12]),  # two stamps in the wrong order
        ([0.0, 0.04, 9.0, 0.0, 0.04], [0, 0.04, 9.0, 9.04, 9.08]),  # joined files
        ([0.0, 0.04, 3600.0, 3600.04], [0, 0.04, 0.08, 0.12]),  # the second one an hour later
        ([0.0, math.nan, 0.08], [0, 0.04, 0.08]),
        ([-1.0, -0.96], [0, 0.04]),
    ],
)
def test_times_go_forward_whatever_the_container_says(stamps, expected):
    clock = StreamClock(0.04)
    found = [clock.update(stamp) for stamp in stamps]
    assert found == pytest.approx(expected, abs=1e-6)
    assert all(later > earlier for earlier, later in pairwise(found))


def test_what_needs_no_repair_is_not_repaired():
    clock = StreamClock(0.04)
    stamps = [5.0, 5.04, 5.2, 5.21, 6.9]
    assert [clock.update(stamp) for stamp in stamps] == pytest.approx([0, 0.04, 0.2, 0.21, 1.9])
    assert clock.repaired == 0 and not clock.is_joint


def test_repairs_are_told():
    found, notes = times([0.0, 0.04, 0.04, 0.04, 0.16])
    assert found == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert notes == ("Time stamps that did not fit and were repaired: 2. 2 个时间戳异常，已修正。",)


@pytest.mark.parametrize("wild", [90.0, 0.0, -50.0, 1e6])
def test_one_wild_stamp_moves_nothing(wild):
    stamps = [index / 25 for index in range(100)]
    stamps[60] = wild
    found, notes = times(stamps)
    assert found == pytest.approx([index / 25 for index in range(100)], abs=1e-6)
    assert len(notes) == 1 and "repaired: 1" in notes[0]


def test_a_leap_of_the_stamps_is_a_gap():
    items = list(RecordedVideo(Stamped([0.0, 0.04, 7.0, 7.04]), "x").frames())
    assert [type(item) for item in items] == [Frame, Frame, Gap, Frame, Frame]
    assert (items[2].start_s, items[2].end_s) == pytest.approx((0.04, 7.0))


def test_missing_pictures_are_counted_where_the_rate_is_constant():
    stamps = [index / 25 for index in range(50) if index not in (10, 11, 20)]
    _, notes = times(stamps)
    assert notes == ("By the time stamps, pictures are missing: 3. 按时间戳缺失 3 帧。",)
    _, notes = times([*stamps[:10], "damaged", "damaged", *stamps[10:]])  # of three that are not shown two are known
    assert "2 damaged pictures left out" in notes[0] and "missing: 1." in notes[1]


# ---- rates ----


@pytest.mark.parametrize(
    ("named", "stamps", "fps", "holds", "is_noted"),
    [
        (25.0, [0, 0.04, 0.08], 25.0, True, False),
        (29.97, [0, 0.033, 0.067, 0.1], 29.97, True, False),  # stamps in whole ms
        (50.0, [0, 0.04, 0.08], 25.0, True, False),
        (1000.0, [0, 0.04, 0.08], 25.0, True, True),
        (1000.0, [0, 0.001, 0.002], 25.0, False, True),
        (30.0, [0, 0.001, 0.002], 30.0, False, True),
        (None, [0, 0.0625, 0.125], 16.0, True, False),
        (None, [], 25.0, True, False),
        (0.2, [0, 5, 10], 25.0, True, False),
        (25.0, [0.04, 0, 0.12, 0.08], 25.0, True, False),  # in the order of decoding
        (12.5, [0, 0, 0, 0], 12.5, True, False),
    ],
)
def test_a_rate_is_believed_where_the_stamps_agree(named, stamps, fps, holds, is_noted):
    rate = believed_rate(named, stamps)
    assert rate.fps == pytest.approx(fps) and rate.stamps_hold == holds and bool(rate.note) == is_noted


def test_fields_that_are_stored_one_by_one_are_not_pictures():
    stamps = [index / 50 for index in range(20)]
    assert believed_rate(25.0, stamps, has_fields=True).fps == 25.0
    assert believed_rate(25.0, stamps).fps == pytest.approx(50.0)


def test_a_constant_rate_is_known_as_such():
    assert believed_rate(25.0, [0, 0.04, 0.08, 0.12]).is_constant
    assert not believed_rate(25.0, [0, 0.04, 0.08, 0.12, 0.2, 0.24]).is_constant


# ---- live ----


def arrivals(times_s, stamps_s):
    clock = LiveClock()
    found = [clock.update(100 + time_s, stamp_s) for time_s, stamp_s in zip(times_s, stamps_s, strict=True)]
    assert all(later > earlier for earlier, later in pairwise(found)) and found[0] == 0
    return clock, found


def test_bursts_have_the_rhythm_of_their_stamps():
    """Ten frames every 0.4 s, from 25 a second."""
    burst = [(index // 10) * 0.4 + 0.4 + (index % 10) * 0.002 for index in range(250)]
    even = [index / 25 for index in range(250)]
    clock, found = arrivals(burst, [7000 + time_s for time_s in even])
    assert found == pytest.approx(even) and clock.repaired == 0 and clock.is_trusted
    _, without = arrivals(burst, [None] * 250)
    assert np.diff(without).max() > 0.3


def test_a_network_that_hangs_and_catches_up_loses_no_time():
    times_s = [index / 25 + (5 - (index - 50) / 25 if 50 <= index < 175 else 0) for index in range(250)]
    _, found = arrivals(times_s, [index / 25 for index in range(250)])
    assert found == pytest.approx([index / 25 for index in range(250)])


@pytest.mark.parametrize("step_s", [-3600.0, -0.5, 3600.0])
def test_stamps_that_start_again_go_on_by_arrival(step_s):
    even = [index / 25 for index in range(100)]
    stamps = [5000 + time_s + (step_s if index >= 50 else 0) for index, time_s in enumerate(even)]
    clock, found = arrivals(even, stamps)
    assert found == pytest.approx(even, abs=1e-6) and clock.repaired == 1 and clock.is_trusted


def test_stamps_of_another_pace_are_not_used():
    """Ten pictures a second whose stamps say 25."""
    even = [index / 10 for index in range(600)]
    clock, found = arrivals(even, [index / 25 for index in range(600)])
    assert not clock.is_trusted
    assert np.diff(found)[-300:] == pytest.approx(0.1)
    assert np.diff(found).max() < 0.2  # no gap where the change is noticed


def test_after_a_loss_the_time_is_that_of_arrival():
    clock = LiveClock()
    clock.update(100.0, 5.0)
    clock.update(100.04, 5.04)
    clock.restart()
    assert clock.update(107.04, 0.0) == pytest.approx(7.04)
    assert clock.update(107.30, 0.04) == pytest.approx(7.08)
