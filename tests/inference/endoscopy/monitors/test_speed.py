"""The speed monitor: with the shipped gauges on tubes of known motion, and its bands and slips by themselves."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from unmissed.inference.endoscopy.monitors.speed import Bands, SlipFinder, SpeedMonitor
from unmissed.inference.endoscopy.monitors.speed_features import FEATURES, SpeedWindow
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import SpeedLimits
from unmissed.inference.endoscopy.values import Clarity, FrameView, Reason, SpeedState, WithdrawalSpeed

TubeView = Callable[..., FrameView]
CLEAR, BLURRED = Clarity(0.97, True, Reason.NONE), Clarity(0.1, False, Reason.BLUR)
RED_RADII_S = 1.5  # 30 mm/s at a radius of 20 mm


def watched(views: Iterable[FrameView], clarity: Clarity = CLEAR, *, frozen: bool = False) -> list[WithdrawalSpeed]:
    similarity, motion, monitor = SimilarityMeter(), MotionMeter(), SpeedMonitor(SpeedLimits())
    return [
        monitor.update(view.time_s, clarity, similarity.update(view), motion.update(view), frozen) for view in views
    ]


def flight(
    tube_view: TubeView, radii_s: float, seconds: float = 1.2, fps: float = 25, **motion: float
) -> list[FrameView]:
    times = np.arange(round(seconds * fps)) / fps
    return [tube_view(t, z=-radii_s * t, **{name: rate * t for name, rate in motion.items()}) for t in times]


def told(speed: WithdrawalSpeed) -> float:
    assert speed.speed is not None
    return speed.speed


def test_the_gauge_rises_with_the_speed(tube_view: TubeView) -> None:
    speeds = [told(watched(flight(tube_view, radii_s))[-1]) for radii_s in (0.2, 0.6, 1.1, 1.9, 2.8)]
    assert speeds == sorted(speeds)
    assert speeds[1] < 44 < 60 < speeds[3]
    assert all(0 <= speed <= 100 for speed in speeds)


def test_fast_withdrawal_is_red_and_slow_withdrawal_green(tube_view: TubeView) -> None:
    fast, slow = watched(flight(tube_view, 1.5 * RED_RADII_S)), watched(flight(tube_view, 0.4 * RED_RADII_S))
    assert fast[-1].state is SpeedState.RED
    assert {speed.state for speed in slow[10:]} == {SpeedState.GREEN}


@pytest.mark.parametrize("motion", [{"roll_deg": 70.0}, {"pan_deg": 25.0}, {}])
def test_motion_on_the_spot_is_never_red(tube_view: TubeView, motion: dict[str, float]) -> None:
    states = {speed.state for speed in watched(flight(tube_view, 0.0, **motion))}
    assert states <= {SpeedState.GREY, SpeedState.GREEN}


def median_and_red(speeds: list[WithdrawalSpeed]) -> tuple[float, float]:
    """Median of the gauge, and the share of the frames in red."""
    median = float(np.median([speed.speed for speed in speeds if speed.speed is not None]))
    return median, float(np.mean([speed.state is SpeedState.RED for speed in speeds]))


@pytest.mark.parametrize("radii_s", [0.6, 1.2, 2.2])
@pytest.mark.parametrize("fps", [10, 12.5, 15, 30, 50, 60])
def test_other_frame_rates_read_alike(tube_view: TubeView, fps: float, radii_s: float) -> None:
    usual, other = (
        median_and_red(watched(flight(tube_view, radii_s, seconds=2.0, fps=rate, roll_deg=10.0))) for rate in (25, fps)
    )
    assert other[0] == pytest.approx(usual[0], rel=0.05)
    assert other[1] == pytest.approx(usual[1], abs=0.02 + 0.5 / fps)  # a state begins with a frame


def test_uneven_stamps_read_alike(tube_view: TubeView) -> None:
    times = np.arange(50) / 25 + np.random.default_rng(0).uniform(0, 0.03, 50)
    uneven = [tube_view(t, z=-1.2 * t) for t in times]
    usual, other = (median_and_red(watched(views)) for views in (flight(tube_view, 1.2, seconds=2.0), uneven))
    assert other[0] == pytest.approx(usual[0], rel=0.05)


def test_a_burst_of_frames_without_times_of_its_own_is_no_alarm(tube_view: TubeView) -> None:
    late = [tube_view((k // 10) * 0.4 + (k % 10) * 0.002, z=-0.05 * k) for k in range(60)]
    assert {speed.state for speed in watched(late)} == {SpeedState.GREY}


def test_the_gauge_is_grey_while_nothing_can_be_judged(tube_view: TubeView) -> None:
    views = flight(tube_view, 1.0, seconds=0.6)
    for speeds in (watched(views, BLURRED), watched(views, frozen=True)):
        assert {(speed.speed, speed.state, speed.motion) for speed in speeds} == {(None, SpeedState.GREY, None)}
    assert watched(views)[0].state is SpeedState.GREY
    assert watched(views)[-1].state is not SpeedState.GREY


def test_a_gap_starts_again(tube_view: TubeView) -> None:
    before = flight(tube_view, 2.5, seconds=1.2)
    after = [replace(view, time_s=view.time_s + 5) for view in flight(tube_view, 0.0, seconds=0.8)]
    speeds = watched([*before, *after])
    assert speeds[len(before) - 1].state is SpeedState.RED
    assert speeds[len(before)].state is SpeedState.GREY
    assert speeds[-1].state is SpeedState.GREEN


def test_without_limits_the_speed_is_told_and_not_assessed(tube_view: TubeView) -> None:
    similarity, motion, monitor = SimilarityMeter(), MotionMeter(), SpeedMonitor(None)
    views = flight(tube_view, 2.5, seconds=1.2)
    speeds = [monitor.update(view.time_s, CLEAR, similarity.update(view), motion.update(view), False) for view in views]
    assert told(speeds[-1]) > 60
    assert speeds[-1].state is SpeedState.NOT_ASSESSED
    assert {speed.state for speed in speeds} == {SpeedState.GREY, SpeedState.NOT_ASSESSED}


def test_the_window_names_every_feature_and_stays_finite(tube_view: TubeView) -> None:
    window, motion = SpeedWindow(), MotionMeter()
    for step, view in enumerate(flight(tube_view, 3.0, seconds=0.4)):
        window.add(view.time_s, 0.04 if step else 0.0, 0.5, motion.update(view))
        features = window.features()
        assert tuple(features) == FEATURES
        assert np.isfinite(list(features.values())).all()


def bands(speeds: list[float], soon: list[float] | None = None) -> str:
    limits = SpeedLimits(amber=44, red=60, release=5, persistence_s=0.2)
    judge = Bands(limits)
    pairs = zip(speeds, soon or speeds, strict=True)
    return "".join(judge.update(k * 0.1, speed, fast).value[0] for k, (speed, fast) in enumerate(pairs))


def test_bands_have_hysteresis_and_red_has_to_last() -> None:
    assert bands([10, 44, 40, 39, 38]) == "gaaag"
    assert bands([70, 10, 70, 10]) == "agag"
    assert bands([70, 70, 70, 56, 55, 54, 40, 38]) == "aarrraag"


def test_what_rises_soon_brings_red_and_the_last_second_holds_it() -> None:
    assert bands([20, 30, 40, 50, 62, 65], [70, 80, 80, 80, 80, 20]) == "ggrrrr"
    assert bands([65, 65, 65, 65], [50, 50, 50, 50]) == "aaaa"


def slips(frames: list[tuple[float, float]], usable: bool = True) -> int:
    finder = SlipFinder()
    return sum(finder.update(k * 0.04, similarity, trust, usable) for k, (similarity, trust) in enumerate(frames))


def test_a_cut_and_a_slide_out_of_sight_are_slips_told_once() -> None:
    usual = [(0.95, 0.9)] * 30
    assert slips([*usual, (0.6, 0.1), *usual]) == 1
    assert slips([*usual, *[(0.86, 0.1)] * 10, *usual]) == 1
    assert slips([*usual, *[(0.55, 0.1)] * 10], usable=False) == 0


def test_fast_motion_that_is_followed_is_no_slip() -> None:
    usual = [(0.95, 0.9)] * 30
    assert slips([*usual, *[(0.6, 0.7)] * 20]) == 0
    assert slips([*usual, *[(0.93, 0.1)] * 20]) == 0
    assert slips([*usual, *[(0.86, 0.1)] * 2, *usual]) == 0
    assert slips([(0.6, 0.1)] * 60) == 0


def test_the_monitor_tells_a_slip(tube_view: TubeView) -> None:
    views = flight(tube_view, 0.3)
    jump = [tube_view(view.time_s + 1.2, z=40 - 0.3 * view.time_s, seed=3) for view in views[:8]]
    speeds = watched([*views, *jump])
    assert [speed.slipped for speed in speeds].index(True) in range(len(views), len(views) + 5)
    assert sum(speed.slipped for speed in speeds) == 1
