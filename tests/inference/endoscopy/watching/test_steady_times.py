"""Frames that arrive in bursts are spread evenly; all other stamps stay as they are."""

import numpy as np
import pytest

from unmissed.inference.endoscopy.watching.steady_times import SteadyTimes


def taken(stamps, indices=None):
    steady = SteadyTimes()
    return np.array([steady.time_of(k, t) for k, t in zip(indices or range(len(stamps)), stamps, strict=True)]), steady


def bursts(count, fps=25.0, each=10):
    return [(k // each + 1) * each / fps + (k % each) * 0.002 for k in range(count)]


@pytest.mark.parametrize(("fps", "each"), [(25.0, 10), (30.0, 12), (60.0, 24), (12.5, 4)])
def test_bursts_are_spread_at_the_rate_of_the_stream(fps, each):
    found, steady = taken(bursts(8 * each, fps, each))
    assert np.diff(found)[each:] == pytest.approx(1 / fps, rel=0.05)
    assert steady.seconds == pytest.approx((7 * each - 1) / fps, abs=2 * each / fps)
    assert len(steady.notes()) == 1


def test_no_frame_is_taken_after_it_came_and_times_never_go_back():
    stamps = bursts(100)
    found, _ = taken(stamps)
    assert (found <= np.array(stamps) + 1e-9).all()
    assert (np.diff(found) >= 0).all()


def test_dropped_frames_keep_their_place():
    kept = [k for k in range(100) if k % 10 not in (3, 4)]
    found, _ = taken([bursts(100)[k] for k in kept], kept)
    late = np.array(kept) >= 20
    assert np.ptp((found - np.array(kept) / 25)[late]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "stamps",
    [
        np.arange(100) / 60,
        np.arange(100) / 25 + np.random.default_rng(0).uniform(0, 0.02, 100),
        np.cumsum(np.random.default_rng(1).choice([0.02, 0.04, 0.2], 100)),
    ],
    ids=["even", "uneven", "variable rate"],
)
def test_other_stamps_stay(stamps):
    found, steady = taken(list(stamps))
    assert found.tolist() == list(stamps)
    assert steady.notes() == ()


def test_a_gap_starts_again():
    stamps = [*bursts(40), *(t + 60 for t in np.arange(40) / 25)]
    found, _ = taken(stamps)
    assert found[40:].tolist() == stamps[40:]
