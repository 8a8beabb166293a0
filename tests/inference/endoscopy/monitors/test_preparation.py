"""Preparation of the bowel and regions of a coarse model: what counts, what does not, and what is said."""

import pytest

from unmissed.inference.endoscopy.monitors.preparation import PreparationMonitor
from unmissed.inference.endoscopy.monitors.regions import RegionTracker
from unmissed.inference.endoscopy.protocol import PreparationLimits, load_protocol
from unmissed.inference.endoscopy.values import Reason, Scene, Sight

CLEAN, DIRTY = 0.9, 0.1


def monitored(*parts, scene=Scene.INSIDE, legible=True):
    """Parts of (seconds, probability of good or None, or "wash"), five frames a second."""
    monitor, time_s = PreparationMonitor(PreparationLimits()), 0.0
    for seconds, good in parts:
        for _ in range(round(5 * seconds)):
            is_wash = good == "wash"
            reason = Reason.WATER if is_wash else Reason.NONE if legible else Reason.BLUR
            sight = Sight(scene, {}, preparation=None if is_wash else good)
            monitor.update(time_s, legible and not is_wash, sight, reason)
            time_s += 0.2
    return monitor


def scores(monitor, start_s=0.0, end_s=90.0):
    return [third.score for third in monitor.result(start_s, end_s).thirds]


class TestThirds:
    def test_each_third_of_the_time_has_its_score(self):
        monitor = monitored((30, CLEAN), (30, DIRTY), (30, CLEAN))
        found = monitor.result(0.0, 90.0)
        assert [third.score for third in found.thirds] == [2, 1, 2]
        assert [third.start_s for third in found.thirds] == [0, 30, 60]
        assert (found.adequate, found.reason) == (False, "")

    def test_all_clean_is_adequate(self):
        assert monitored((91, CLEAN)).result(0.0, 90.0).adequate is True

    def test_nothing_before_the_caecum_counts(self):
        assert scores(monitored((60, DIRTY), (91, CLEAN)), 60.0, 150.0) == [2, 2, 2]

    def test_a_third_that_shows_nothing_is_not_assessed(self):
        found = monitored((30, CLEAN), (30, None), (31, CLEAN)).result(0.0, 90.0)
        assert [third.score for third in found.thirds] == [2, None, 2]
        assert (found.adequate, found.reason) == (None, "few_frames")

    def test_a_dirty_third_is_inadequate_whatever_the_others_are(self):
        found = monitored((30, DIRTY), (60, None)).result(0.0, 90.0)
        assert (found.adequate, found.reason) == (False, "few_frames")

    def test_a_median_is_not_moved_by_a_moment(self):
        assert scores(monitored((20, CLEAN), (9, DIRTY), (62, CLEAN))) == [2, 2, 2]

    @pytest.mark.parametrize("how", [{"legible": False}, {"scene": Scene.OUTSIDE}, {"scene": Scene.INSTRUMENT}])
    def test_frames_that_do_not_count(self, how):
        found = monitored((90, DIRTY), **how).result(0.0, 90.0)
        assert found is None or [third.score for third in found.thirds] == [None] * 3


class TestTheLastPass:
    def test_what_was_washed_does_not_count(self):
        assert scores(monitored((14, DIRTY), (3, "wash"), (13, CLEAN)), 0.0, 90.0)[0] == 2

    def test_what_stayed_dirty_does(self):
        assert scores(monitored((14, DIRTY), (3, "wash"), (13, DIRTY)), 0.0, 90.0)[0] == 1

    def test_washing_without_a_look_afterwards_washes_nothing(self):
        assert scores(monitored((14, DIRTY), (3, "wash"), (13, None)), 0.0, 90.0)[0] == 1


def test_without_an_answer_or_a_turning_point():
    assert PreparationMonitor(PreparationLimits()).result(0.0, 90.0) is None
    assert monitored((90, None)).result(0.0, 90.0) is None
    found = monitored((90, CLEAN)).result(None, 90.0)
    assert (found.thirds, found.adequate, found.reason) == ((), None, "no_caecum")


class TestRegions:
    def test_a_region_that_was_in_clear_view_is_seen(self):
        tracker = RegionTracker(load_protocol("gastroscopy"))
        assert tracker.result() is None
        for index in range(100):
            region = "antrum" if index < 50 else "duodenum"
            regions = {name: float(name == region) for name in load_protocol("gastroscopy").models.regions}
            tracker.update(index / 10, index < 50, Sight(Scene.INSIDE, {}, regions))
        assert tracker.result() == ("antrum",)
