"""The numbers on which motion and similarity turn: a case just below each and one just above it."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from draw_constants import Limit
from known_frames import view

from unmissed.inference.endoscopy.motion.flow import usable
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter


@cache
def textured(shape: tuple[int, int] = (100, 100)) -> np.ndarray:
    return np.random.default_rng(0).integers(20, 200, shape).astype(np.uint8)


def changed_by(mean: float) -> np.ndarray:
    """That picture with pixels so much brighter, on the average of 10,000."""
    picture = textured().copy().ravel()
    whole, rest = divmod(round(mean * 10_000), 10_000)
    picture += np.uint8(whole)
    picture[:rest] += 1
    return picture.reshape(100, 100)


def frozen_at(pictures: Sequence[np.ndarray], step_s: float = 0.04) -> bool:
    found = FreezeMeter()
    return [found.update(view(picture, index * step_s)) for index, picture in enumerate(pictures)][-1]


def frozen_with(mean: float) -> bool:
    return frozen_at([textured() if k % 2 else changed_by(mean) for k in range(15)])


def frozen_after(seconds: float) -> bool:
    return frozen_at([textured()] * 2, seconds)


def frozen_with_pulses(count: int) -> bool:
    """Whether ten steps of which so many pulse a little are a picture that stands still."""
    pulse = changed_by(1.0)
    steps = [k < count for k in range(10)]
    pictures, other = [textured()], False
    for is_pulse in steps:
        other = other != is_pulse
        pictures.append(pulse if other else textured())
    return frozen_at(pictures)


def frozen_after_a_step_of(mean: float) -> bool:
    return frozen_at([*[textured()] * 15, changed_by(mean)])


def has_interval(seconds: float) -> bool:
    """Whether motion is told between two frames so far apart."""
    motion = MotionMeter()
    motion.update(view(textured((96, 128))))
    return motion.update(view(textured((96, 128)), seconds)).features["interval"] > 0


def corners_allowed(grey: int) -> bool:
    return bool(usable(np.full((40, 40), grey, np.uint8), np.full((40, 40), 255, np.uint8))[20, 20])


def corners_allowed_at(pixel: int) -> bool:
    return bool(usable(np.full((40, 40), 99, np.uint8), np.full((40, 40), 255, np.uint8))[20, pixel])


def is_compared(seconds: float) -> bool:
    """Whether a frame that looks otherwise lowers the similarity so much later."""
    one, other = textured((80, 96)), np.ascontiguousarray(textured((80, 96))[::-1, ::-1])
    alike = SimilarityMeter()
    alike.update(view(one))
    alike.update(view(other, 0.2))
    return alike.update(view(other, seconds)) < 1.0


HERE = "the comment beside it"
LIMITS = [
    Limit(
        "0.35 grey levels",
        "freeze.py: _SAME = 0.35",
        "a live sensor's noise alone makes more",
        frozen_with,
        (0.34, True),
        (0.36, False),
    ),
    Limit(
        "still for 0.4 s", "freeze.py: _SPAN_S = 0.4", "by its time stamps", frozen_after, (0.39, False), (0.41, True)
    ),
    Limit(
        "8 of 10 steps",
        "freeze.py: _SHARE = 0.8",
        "the others may be key frames, which pulse",
        frozen_with_pulses,
        (2, True),
        (3, False),
    ),
    Limit(
        "2 grey levels",
        "freeze.py: _JUMP = 2.0",
        "no key frame of a still picture makes as much",
        frozen_after_a_step_of,
        (1.9, True),
        (2.1, False),
    ),
    Limit(
        "1 s between frames",
        "freeze.py: _GAP_S = 1.0",
        "frames further apart are not compared",
        frozen_after,
        (0.99, True),
        (1.01, False),
    ),
    Limit("0.5 s without motion", "motion.py: _GAP_S = 0.5", "a gap", has_interval, (0.49, True), (0.51, False)),
    Limit(
        "28 ms between frames",
        "motion.py: _LEAST_S = 0.028",
        "nearer ones move too little: every other one of 50 a second",
        has_interval,
        (0.027, False),
        (0.029, True),
    ),
    Limit(
        "245 is burnt",
        "flow.py: _BURNT = 245",
        "a highlight moves with the lamp, not with the wall",
        corners_allowed,
        (244, True),
        (245, False),
    ),
    Limit("5 px from the border", "flow.py: _BORDER_PX = 5", HERE, corners_allowed_at, (4, False), (5, True)),
    Limit(
        "9 frames of 25 a second",
        "similarity.py: _REACH_S = 0.36",
        "patent EP3848891: n frames before",
        is_compared,
        (0.379, True),
        (0.381, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
