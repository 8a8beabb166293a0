"""Films at other rates and in bursts: which frames are left, and what is read of them."""

import numpy as np
import pytest

from unmissed.benchmarks.studies.streams.frame_rates import decimated, in_bursts, rate_of, reading_of, table
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.motion.motion import nothing
from unmissed.inference.endoscopy.values import Clarity, FrameSignals, Reason, Scene, Sight, SpeedState, WithdrawalSpeed

BLACK = np.zeros((60, 80, 3), np.uint8)


def film(fps: float, seconds: float) -> list[Frame]:
    return [Frame(k, k / fps, BLACK) for k in range(round(fps * seconds))]


@pytest.mark.parametrize(("fps", "rate", "every"), [(60, 30, 2), (60, 15, 4), (60, 10, 6), (25, 12.5, 2)])
def test_a_lower_rate_keeps_every_nth_frame_with_its_stamp(fps: float, rate: float, every: int) -> None:
    kept = list(decimated(film(fps, 2), rate))
    assert [frame.time_s for frame in kept] == pytest.approx([k * every / fps for k in range(len(kept))])
    assert [frame.index for frame in kept] == list(range(len(kept)))
    assert rate_of(kept) == pytest.approx(rate, abs=0.01)


def test_a_rate_that_does_not_divide_keeps_true_stamps() -> None:
    kept = list(decimated(film(60, 4), 25))
    assert len(kept) == pytest.approx(100, abs=1)
    assert {frame.time_s for frame in kept} <= {frame.time_s for frame in film(60, 4)}
    assert np.diff([frame.time_s for frame in kept]).max() <= 3 / 60 + 1e-9


def test_bursts_come_after_the_frames_were_taken() -> None:
    late = list(in_bursts(film(25, 2)))
    assert [frame.time_s for frame in late[:3]] == pytest.approx([0.4, 0.402, 0.404])
    assert late[10].time_s == pytest.approx(0.8)
    assert all(frame.time_s >= frame.index / 25 for frame in late)


def test_median_and_shares_go_by_time() -> None:
    def signals(time_s: float, speed: float | None, state: SpeedState) -> FrameSignals:
        shown = WithdrawalSpeed(speed, state, speed, speed, speed)
        legible = Clarity(1.0, speed is not None, Reason.NONE)
        return FrameSignals(time_s, legible, False, 1.0, nothing(), shown, Sight(Scene.INSIDE, {}), (), alert=False)

    shown = [(0.0, None, SpeedState.GREY), (1.0, 10.0, SpeedState.GREEN), (4.0, 80.0, SpeedState.RED)]
    found = reading_of([signals(*each) for each in shown])
    assert found.median == 10.0
    assert (found.red, found.grey, found.legible) == pytest.approx((2 / 6, 1 / 6, 5 / 6))


def test_the_table_names_the_film_and_every_rate() -> None:
    lines = table("black", lambda: film(20, 1), [30, 10])
    assert "black, 20 frames a second" in lines
    assert "| 20, as it is | 20 |" in lines and "| 10 | 10 |" in lines and "| 30 |" not in lines
