"""The numbers on which the speed gauge turns: a case just below each and one just above it."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.inference.endoscopy.monitors.speed import Bands, SlipFinder, SpeedMonitor
from unmissed.inference.endoscopy.monitors.speed_features import SpeedWindow
from unmissed.inference.endoscopy.motion.motion import nothing
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import Clarity, Reason

CLEAR = Clarity(0.97, True, Reason.NONE)


protocol_of = cache(load_protocol)


def band(speed: float, *, soon: float = 0.0, before: float | None = None, lasting_s: float = 0.0) -> str:
    bands = Bands(protocol_of("colonoscopy").speed)
    if before is not None:
        bands.update(0.0, before, before)
        bands.update(1.0, before, before)
    bands.update(1.0, speed, soon)
    return bands.update(1.0 + lasting_s, speed, soon).value


def red_after(seconds: float) -> str:
    return band(80.0, soon=80.0, lasting_s=seconds)


def red_at(soon: float) -> str:
    return band(50.0, soon=soon, lasting_s=1.0)


def told_after_span(seconds: float) -> bool:
    """Whether a speed is told from motions of so many seconds."""
    monitor = SpeedMonitor(protocol_of("colonoscopy").speed)
    moved = replace(nothing(), past_s=seconds / 2)
    return [monitor.update(k * seconds / 2, CLEAR, 1.0, moved, False) for k in (1, 2)][-1].speed is not None


def window_after(seconds: float) -> float:
    """Seconds that the window stands for, with two frames so far apart, each of a tenth."""
    window = SpeedWindow()
    window.add(0.0, 0.1, 1.0, nothing())
    window.add(seconds, 0.1, 1.0, nothing())
    return round(window.span_s, 3)


def frame_stands_for(seconds: float) -> bool:
    """Whether a frame stands for all of the time since the one before."""
    window = SpeedWindow()
    window.add(0.0, 0.0, 1.0, nothing())
    window.add(seconds, seconds, 1.0, nothing())
    return bool(np.isclose(window.span_s, seconds))


class Slips:
    """Plays frames to a slip finder: an ordinary second and a half, and then what is asked."""

    def __init__(self, *, trust: float = 0.9, usual: int = 38) -> None:
        self.finder, self.time_s, self.told = SlipFinder(), 0.0, 0
        self.play(usual, 0.95, trust)

    def play(self, frames: int, similarity: float, trust: float, step_s: float = 0.04) -> "Slips":
        for _ in range(frames):
            self.told += self.finder.update(self.time_s, similarity, trust, True)
            self.time_s += step_s
        return self


def cut_is_a_slip(drop: float) -> bool:
    return Slips().play(1, 0.95 - drop, 0.1).told == 1


def slide_is_a_slip(drop: float) -> bool:
    return Slips().play(8, 0.95 - drop, 0.1).told == 1


def slide_lasts(seconds: float) -> bool:
    return Slips().play(2, 0.85, 0.1, seconds).told == 1


def lost_at(trust: float) -> bool:
    return Slips().play(1, 0.5, trust).told == 1


def followed_before_at(trust: float) -> bool:
    return Slips(trust=trust).play(1, 0.5, 0.1).told == 1


def usual_of(frames: int) -> bool:
    """Whether so many frames, half a second before, tell what is usual."""
    slips = Slips(usual=frames)
    slips.time_s += 0.45
    return slips.play(1, 0.5, 0.1).told == 1


def usual_since(seconds: float) -> bool:
    """Whether frames so long ago tell what is usual."""
    finder = SlipFinder()
    for _ in range(6):
        finder.update(0.0, 0.95, 0.9, True)
    return finder.update(seconds, 0.5, 0.1, True)


def slips_again(after_s: float) -> bool:
    slips = Slips().play(1, 0.5, 0.1)
    slips.time_s += after_s - 0.04 * 39
    slips.play(38, 0.95, 0.9)
    return slips.play(1, 0.5, 0.1).told == 2


HERE = "the comment beside it"
REFERENCE = "bands as the reference shows them"
LIMITS = [
    Limit(
        "amber from 44 on",
        "configs/protocols/colonoscopy.yaml: amber: 44",
        REFERENCE,
        band,
        (43.9, "green"),
        (44.0, "amber"),
    ),
    Limit(
        "red from 60 on",
        "configs/protocols/colonoscopy.yaml: red: 60",
        REFERENCE,
        red_at,
        (59.9, "amber"),
        (60.0, "red"),
    ),
    Limit(
        "amber is left 5 below",
        "inference/endoscopy/protocol.py: release: float = Field(5,",
        "SpeedLimits",
        partial(band, before=50.0),
        (38.9, "green"),
        (39.0, "amber"),
    ),
    Limit(
        "red is left 5 below",
        "inference/endoscopy/protocol.py: release: float = Field(5,",
        "SpeedLimits",
        partial(band, before=80.0),
        (54.9, "amber"),
        (55.0, "red"),
    ),
    Limit(
        "red after 0.3 s",
        "inference/endoscopy/protocol.py: persistence_s: float = Field(0.3",
        "SpeedLimits",
        red_after,
        (0.29, "amber"),
        (0.31, "red"),
    ),
    Limit(
        "0.3 s tell a speed",
        "speed.py: _LEAST_S = 0.3",
        "none is told from less",
        told_after_span,
        (0.29, False),
        (0.31, True),
    ),
    Limit("a window of 1 s", "speed_features.py: WINDOW_S = 1.0", HERE, window_after, (0.99, 0.2), (1.01, 0.1)),
    Limit(
        "a frame of 0.2 s",
        "speed_features.py: _MOST_STEP_S = 0.2",
        HERE,
        frame_stands_for,
        (0.199, True),
        (0.201, False),
    ),
    Limit(
        "a cut of 0.22",
        "speed.py: _CUT, _SLIDE = 0.22, 0.06",
        "as much as a cut makes",
        cut_is_a_slip,
        (0.215, False),
        (0.225, True),
    ),
    Limit(
        "a slide of 0.06",
        "speed.py: _CUT, _SLIDE = 0.22, 0.06",
        "less, while the points stay lost",
        slide_is_a_slip,
        (0.055, False),
        (0.065, True),
    ),
    Limit("lost for 0.16 s", "speed.py: _SLIDE_S = 0.16", HERE, slide_lasts, (0.15, False), (0.17, True)),
    Limit(
        "lost at a trust of 0.25",
        "speed.py: _LOST, _FOLLOWED = 0.25, 0.6",
        "of a slip",
        lost_at,
        (0.25, True),
        (0.26, False),
    ),
    Limit(
        "followed at a trust of 0.6",
        "speed.py: _LOST, _FOLLOWED = 0.25, 0.6",
        "usual before it",
        followed_before_at,
        (0.59, False),
        (0.6, True),
    ),
    Limit("4 frames are usual", "speed.py: _LEAST = 4", HERE, usual_of, (3, False), (4, True)),
    Limit("usual since 0.4 s", "speed.py: _USUAL_S = (0.4, 1.6)", HERE, usual_since, (0.39, False), (0.41, True)),
    Limit("usual for 1.6 s", "speed.py: _USUAL_S = (0.4, 1.6)", HERE, usual_since, (1.59, True), (1.61, False)),
    Limit("one slip in 3 s", "speed.py: _REPEAT_S = 3.0", HERE, slips_again, (2.95, False), (3.05, True)),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
