"""Motion and similarity on tubes whose motion is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from unmissed.inference.endoscopy.motion.motion import MOTION_FEATURES, MotionMeter, pairs_of
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter, dhash
from unmissed.inference.endoscopy.values import FrameView, Motion

TubeView = Callable[..., FrameView]


def watched(views: list[FrameView]) -> list[Motion]:
    meter = MotionMeter()
    return [meter.update(view) for view in views]


def mean(motions: list[Motion], name: str) -> float:
    return float(np.mean([getattr(motion, name) for motion in motions[1:]]))


def mean_feature(motions: list[Motion], name: str) -> float:
    return float(np.mean([motion.features[name] for motion in motions[1:]]))


@pytest.mark.parametrize("radii_s", [-1.2, 0.4, 1.0, 2.0])
def test_axial_motion_is_measured_with_its_sign(tube_view: TubeView, radii_s: float) -> None:
    motions = watched([tube_view(k / 25, z=-radii_s * k / 25) for k in range(12)])
    assert mean(motions, "expansion_s") == pytest.approx(radii_s, rel=0.1)
    assert mean(motions, "trust") > 0.6


@pytest.mark.parametrize("fps", [10, 25, 50, 60])
def test_any_frame_rate_reads_alike(tube_view: TubeView, fps: int) -> None:
    motions = watched([tube_view(k / fps, z=-0.8 * k / fps, roll_deg=20 * k / fps) for k in range(fps)])
    late = [motion for motion in motions[fps // 4 :] if motion.past_s > 0]
    assert 0.065 <= late[-1].past_s <= 0.1 + 1e-6
    assert sum(motion.past_s for motion in motions) == pytest.approx(1, abs=0.11)
    assert np.mean([motion.expansion_s for motion in late]) == pytest.approx(0.8, rel=0.12)
    assert abs(np.mean([motion.rotation_deg_s for motion in late])) == pytest.approx(20, rel=0.12)


@pytest.mark.parametrize(
    ("fps", "ages_s"),
    [
        (60, [1 / 12, 0.1]),
        (50, [0.08, 0.1]),
        (30, [1 / 15, 0.1]),
        (25, [0.08, 0.12]),
        (20, [0.05, 0.1]),
        (15, [1 / 15, 2 / 15]),
        (12.5, [0.08, 0.16]),
        (10, [0.1, 0.2]),
        (8, [0.125, 0.25]),
        (11, [1 / 11]),
    ],
)
def test_pictures_90_ms_apart_are_compared_or_what_they_would_show_is_worked_out(
    fps: float, ages_s: list[float]
) -> None:
    ages = [k / fps for k in range(int(0.3 * fps + 1e-6), 0, -1)]
    pairs = pairs_of(ages)
    assert sorted(ages[place] for place in pairs) == pytest.approx(sorted(ages_s))
    assert sum(pairs.values()) == pytest.approx(1)
    assert sum(weight * ages[place] for place, weight in pairs.items()) == pytest.approx(0.09, rel=0.06)


def test_a_burst_of_frames_is_not_compared_with_itself(tube_view: TubeView) -> None:
    assert pairs_of([0.018, 0.01, 0.002]) == pairs_of([0.398, 0.382]) == pairs_of([]) == {}
    late = [tube_view((k // 10) * 0.4 + (k % 10) * 0.002, z=-0.04 * k) for k in range(40)]
    assert {motion.past_s for motion in watched(late)} == {0.0}


def test_a_slower_stream_is_led_back_to_90_ms_as_long_as_it_can_be() -> None:
    assert pairs_of([0.2, 0.1]) == {1: pytest.approx(1.1), 0: pytest.approx(-0.1)}
    assert pairs_of([0.28, 0.14]) == {1: 1.0}
    assert pairs_of([0.2]) == {0: 1.0}
    assert pairs_of([0.31]) == {}


def test_rotation_on_the_spot_is_no_axial_motion(tube_view: TubeView) -> None:
    motions = watched([tube_view(k / 25, roll_deg=60 * k / 25) for k in range(12)])
    assert abs(mean(motions, "rotation_deg_s")) == pytest.approx(60, rel=0.1)
    assert abs(mean(motions, "expansion_s")) < 0.06


def test_angulation_is_no_axial_motion(tube_view: TubeView) -> None:
    motions = watched([tube_view(k / 25, pan_deg=-12 + 25 * k / 25) for k in range(24)])
    assert mean_feature(motions, "pan") == pytest.approx(25 / 140, rel=0.15)
    assert abs(mean(motions, "expansion_s")) < 0.1


def test_turning_does_not_hide_axial_motion(tube_view: TubeView) -> None:
    motions = watched([tube_view(k / 25, z=-k / 25, roll_deg=40 * k / 25, pan_deg=15 * k / 25) for k in range(14)])
    assert mean(motions, "expansion_s") == pytest.approx(1.0, rel=0.2)


def test_a_still_picture_does_not_move(tube_view: TubeView) -> None:
    motions = watched([tube_view(k / 25) for k in range(4)])
    assert mean(motions, "expansion_s") == pytest.approx(0, abs=1e-3)
    assert mean_feature(motions, "pan") == pytest.approx(0, abs=1e-3)


def test_nothing_is_told_across_a_gap_or_a_change_of_size(tube_view: TubeView) -> None:
    first, second, later = tube_view(0.0), tube_view(0.1, z=-0.1), tube_view(1.0, z=-1.0)
    smaller = replace(tube_view(1.1, z=-1.1), small=later.small[:200], small_mask=later.small_mask[:200])
    _, moved, after_gap, after_change = watched([first, second, later, smaller])
    assert moved.expansion_s > 0.5
    assert after_gap.trust == after_gap.expansion_s == 0
    assert after_change.trust == after_change.expansion_s == 0


@pytest.mark.parametrize("shape", [(240, 240), (135, 240), (7, 9), (1, 1)])
def test_black_and_tiny_pictures_tell_nothing(tube_view: TubeView, shape: tuple[int, int]) -> None:
    black, mask = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
    views = [replace(tube_view(k / 25), small=black, small_mask=mask) for k in range(3)]
    motions = watched(views)
    assert motions[-1].trust == 0
    assert set(motions[-1].features) == set(MOTION_FEATURES)
    masked = [replace(view, small_mask=np.zeros(shape, np.uint8)) for view in views]
    assert all(np.isfinite(list(motion.features.values())).all() for motion in watched(masked))


def test_time_that_runs_backwards_starts_again(tube_view: TubeView) -> None:
    motions = watched([tube_view(1.0), tube_view(0.5, z=-0.5), tube_view(0.6, z=-0.6)])
    assert motions[1].trust == 0
    assert motions[2].expansion_s == pytest.approx(1.0, rel=0.15)


def test_a_hash_tells_which_neighbour_is_darker() -> None:
    rising = np.tile(np.arange(90, dtype=np.uint8), (80, 1))
    assert dhash(rising).all()
    assert not dhash(rising[:, ::-1].copy()).any()


def test_similarity_falls_with_speed_and_starts_again_after_a_gap(tube_view: TubeView) -> None:
    def at(radii_s: float) -> float:
        meter = SimilarityMeter()
        return float(np.mean([meter.update(tube_view(k / 25, z=-radii_s * k / 25)) for k in range(15)][5:]))

    assert at(0.0) == 1.0
    assert at(0.0) > at(0.7) > at(2.5)
    meter = SimilarityMeter()
    assert meter.update(tube_view(0.0)) == 1.0
    assert meter.update(tube_view(0.04, seed=1)) < 0.8
    assert meter.update(tube_view(0.7, seed=2)) == 1.0
