"""The numbers on which the pace of the lesion model turns: a case just below each and one just above it."""

from functools import partial

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.inference.endoscopy.watching.look_pace import LookPace
from unmissed.inference.endoscopy.watching.steady_times import SteadyTimes


def every(look_ms: float, *, interval_ms: float = 40.0, looks: int = 7) -> int:
    pace = LookPace(interval_ms)
    for _ in range(looks):
        pace.add_look(look_ms)
    return pace.every


def calm_after(look_ms: float) -> int:
    """Every how many frames after a slow time, once looks take so long."""
    pace = LookPace(40.0)
    for milliseconds in [60.0] * 7 + [look_ms] * 7:
        pace.add_look(milliseconds)
    return pace.every


def forgotten_after(slow_and_fast: tuple[float, int]) -> int:
    """Every how many frames when so many fast looks follow seven that took so long."""
    pace, (slow_ms, fast) = LookPace(40.0), slow_and_fast
    for milliseconds in [slow_ms] * 7 + [10.0] * fast:
        pace.add_look(milliseconds)
    return pace.every


def interval_is_taken(milliseconds: float) -> bool:
    pace = LookPace(40.0)
    pace.add_interval(milliseconds)
    return pace.interval_ms != 40.0


HERE = "the comment beside it"


def spread(stamps: list[float]) -> bool:
    """Whether the last of these stamps is replaced."""
    steady = SteadyTimes()
    return [steady.time_of(index, stamp) for index, stamp in enumerate(stamps)][-1] < stamps[-1] - 1e-9


def spread_with(apart_s: float) -> bool:
    """Whether frames so far apart are one burst."""
    return spread([burst * 0.4 + place * apart_s for burst in range(4) for place in range(10)][:-3])


def spread_when(late: int) -> bool:
    """Whether stamps are replaced where so many frames of ten come right after another one."""
    steps = [0.002] * late + [0.05] * (10 - late)
    return spread(np.cumsum(steps * 4).tolist())


def spread_after(silence_s: float) -> bool:
    before = [burst * 0.4 + place * 0.002 for burst in range(4) for place in range(10)]
    return spread([*before, before[-1] + silence_s])


LIMITS = [
    Limit(
        "8 ms are one burst",
        "steady_times.py: _SAME_S = 0.008",
        "no endoscope gives 125 frames a second",
        spread_with,
        (0.0079, True),
        (0.0081, False),
    ),
    Limit(
        "3 of 10 in bursts",
        "steady_times.py: _BURST_SHARE = 0.3",
        "now and then a late frame is no burst",
        spread_when,
        (2, False),
        (4, True),
    ),
    Limit(
        "1 s of silence",
        "steady_times.py: _GAP_S = 1.0",
        "everything starts again",
        spread_after,
        (0.99, True),
        (1.01, False),
    ),
    Limit("looks of 0.8", "look_pace.py: _SHARE = 0.8", "of the time between two looks", every, (31.9, 1), (32.1, 2)),
    Limit(
        "calm at 0.8 of that",
        "look_pace.py: _CALM = 0.8",
        "looks more often only with time to spare",
        calm_after,
        (25.5, 1),
        (25.7, 2),
    ),
    Limit(
        "250 frames",
        "look_pace.py: _MOST_FRAMES = 250",
        HERE,
        partial(every, interval_ms=4.0),
        (798.0, 250),
        (900.0, 250),
    ),
    Limit(
        "the median of 7 looks",
        "look_pace.py: _LOOKS, _INTERVALS = 7, 25",
        "a second or so",
        forgotten_after,
        ((40.0, 3), 2),
        ((60.0, 4), 1),
    ),
    Limit(
        "4 ms",
        "look_pace.py: _INTERVAL_MS = (4.0, 1000.0)",
        "250 frames a second",
        interval_is_taken,
        (3.9, False),
        (4.1, True),
    ),
    Limit(
        "1,000 ms",
        "look_pace.py: _INTERVAL_MS = (4.0, 1000.0)",
        "1 frame a second",
        interval_is_taken,
        (999.0, True),
        (1001.0, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
