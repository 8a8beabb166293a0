"""The numbers on which motion and similarity turn: a case just below each and one just above it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from draw_constants import Limit
from known_frames import view

from unmissed.inference.endoscopy.motion.flow import usable
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter, is_still
from unmissed.inference.endoscopy.motion.motion import MotionMeter, pairs_of
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
    return frozen_at([textured() if k % 2 else changed_by(mean) for k in range(15)], 0.08)


def frozen_after(seconds: float) -> bool:
    return frozen_at([textured()] * 2, seconds)


def frozen_with_pulses(count: int) -> bool:
    """Whether five looks of which so many pulse a little are a picture that stands still."""
    pulse = changed_by(1.0)
    steps = [k < count for k in range(5)]
    pictures, other = [textured()], False
    for is_pulse in steps:
        other = other != is_pulse
        pictures.append(pulse if other else textured())
    return frozen_at(pictures, 0.08)


def is_looked_at(seconds: float) -> bool:
    """Whether a frame so soon after the last one counts as a look: after six of them the picture is frozen."""
    return frozen_at([textured()] * 8, seconds)


def is_still_with(times: float, pixels: float) -> bool:
    """Whether a picture is still whose cells change by so many times its noise, as a motion by so many pixels would."""
    grain, side = 8.0, 240
    change = times * grain * np.sqrt(8 / 9) / 8
    cells = np.kron(
        np.random.default_rng(0).permutation(np.repeat([-change, change], 450)).reshape(30, 30), np.ones((8, 8))
    )
    noise = np.kron(np.ones((side // 2, side // 2)), np.array([[grain, -grain], [-grain, grain]]))
    slope = np.tile(np.arange(side) * change / pixels, (side, 1))
    across = slope + slope.T
    now = replace(view(textured((side, side))), small=(across + cells + noise).astype(np.float32))
    return is_still(across.astype(np.float32), now)


def still_with_change(times: float) -> bool:
    return is_still_with(times, 0.1)


def still_with_motion(pixels: float) -> bool:
    return is_still_with(1.0, pixels)


def frozen_after_a_step_of(mean: float) -> bool:
    return frozen_at([*[textured()] * 15, changed_by(mean)])


def is_measured(seconds: float) -> bool:
    """Whether motion is measured between two frames so far apart."""
    motion = MotionMeter()
    motion.update(view(textured((96, 128))))
    return motion.update(view(textured((96, 128)), seconds)).past_s > 0


def looks_again(seconds: float) -> bool:
    """Whether motion is measured again so long after the last look."""
    motion = MotionMeter()
    return [motion.update(view(textured((96, 128)), time_s)) for time_s in (0.0, 0.1, 0.1 + seconds)][-1].past_s > 0


def is_enough(age_s: float) -> bool:
    """Whether a picture of this age is compared alone, though there is an older one."""
    return len(pairs_of([0.2, age_s])) == 1


def leads_back(age_s: float) -> bool:
    """Whether two pictures, of this age and twice as old, tell what one of 90 ms would show."""
    return len(pairs_of([2 * age_s, age_s])) == 2


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
        "4 of 5 looks",
        "freeze.py: _SHARE = 0.8",
        "the others may be key frames, which pulse",
        frozen_with_pulses,
        (1, True),
        (2, False),
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
        "65 ms between frames",
        "freeze.py: _LEAST_S = 0.065",
        "nearer frames of a live picture can be alike",
        is_looked_at,
        (0.064, False),
        (0.066, True),
    ),
    Limit(
        "2.5 times the noise",
        "freeze.py: _NOISE_TIMES, _MOVED_PX = 2.5, 0.5",
        HERE,
        still_with_change,
        (2.4, True),
        (2.6, False),
    ),
    Limit(
        "half a pixel",
        "freeze.py: _NOISE_TIMES, _MOVED_PX = 2.5, 0.5",
        HERE,
        still_with_motion,
        (0.48, True),
        (0.52, False),
    ),
    Limit(
        "1 s between frames",
        "freeze.py: _GAP_S = 1.0",
        "frames further apart are not compared",
        frozen_after,
        (0.99, True),
        (1.01, False),
    ),
    Limit(
        "0.3 s between pictures",
        "motion.py: _MOST_S = 0.3",
        "over more, too many points are lost",
        is_measured,
        (0.29, True),
        (0.31, False),
    ),
    Limit("50 ms after a start", "motion.py: _SOON_S = 0.05", HERE, is_measured, (0.049, False), (0.051, True)),
    Limit(
        "65 ms between looks",
        "motion.py: _LEAST_S = 0.065",
        "motion is averaged over longer times",
        looks_again,
        (0.064, False),
        (0.066, True),
    ),
    Limit(
        "6 % from 90 ms",
        "motion.py: _NEAR_SHARE = 0.06",
        HERE,
        is_enough,
        (0.0953, True),
        (0.0955, False),
    ),
    Limit("130 ms lead back", "motion.py: _SLOW_S = 0.13", HERE, leads_back, (0.129, True), (0.131, False)),
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
        "0.3 s before",
        "similarity.py: _LAGS_S, _WEIGHTS = (0.1, 0.2, 0.3)",
        "patent EP3848891: n frames before",
        is_compared,
        (0.499, True),
        (0.501, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
