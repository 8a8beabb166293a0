"""The numbers on which the credit of sites turns: a case just below each and one just above it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from draw_constants import Limit
from known_frames import gauge

from unmissed.inference.endoscopy.monitors.coverage import CoverageTracker
from unmissed.inference.endoscopy.monitors.credit import filter_step, site_figures
from unmissed.inference.endoscopy.monitors.samples import SampleJoiner, Samples, log_of
from unmissed.inference.endoscopy.protocol import CoverageLimits, Protocol, Site
from unmissed.inference.endoscopy.values import (
    Scene,
    Sight,
)


def pair(**limits: float) -> Protocol:
    """Two sites that nobody takes for each other."""
    sites = tuple(Site(code=code, name=code, name_zh=code) for code in "AB")
    return Protocol(
        **{"name": "pair", "title": "Pair", "title_zh": "二", "organ": "stomach", "source": "drawn"},
        **{"minimum_s": 1.0, "minimum_of": "examination"},
        sites=sites,
        coverage=CoverageLimits(**limits),
    )


def played(probability: float, frames: int, span_s: float, **limits: float) -> tuple[CoverageTracker, list[Any]]:
    """A tracker for which the credit is the mean probability of the sites, after frames that show A."""
    told = CoverageTracker(pair(**limits), gauge("certainty", "nowhere", -1.0, 1.0, ("credit",)))
    sight = Sight(Scene.INSIDE, {"A": probability})
    events = [event for k in range(frames) for event in told.update(k * span_s / (frames - 1), True, sight)]
    return told, events


def is_seen(probability: float) -> bool:
    return played(probability, 11, 2.0)[0].result().sites[0].seen


def short_view_is_seen(asked_s: float) -> bool:
    """Whether half a second in view is enough for the credit to decide alone, when so many seconds are asked for."""
    return played(1.0, 6, 0.5, seconds=asked_s)[0].result().sites[0].seen


def announced_after(seconds: float) -> bool:
    return bool(played(1.0, 11, seconds)[1])


def announced_with(probability: float) -> bool:
    return bool(played(probability, 61, 12.0)[1])


def pictures_taken(times_s: Sequence[float], *probabilities: float) -> list[float]:
    """Times of the frames of which the picture was asked for."""
    told, asked = CoverageTracker(pair(), gauge("certainty", "nowhere", -1.0, 1.0, ("credit",))), []
    for time_s, probability in zip(times_s, probabilities, strict=True):

        def picture(time_s: float = time_s) -> np.ndarray:
            asked.append(time_s)
            return np.zeros((8, 8, 3), np.uint8)

        told.update(time_s, True, Sight(Scene.INSIDE, {"A": probability}), picture)
    return asked


def picture_is_taken(probability: float) -> bool:
    return pictures_taken([0.0], probability) == [0.0]


def looked_again_after(seconds: float) -> bool:
    return len(pictures_taken([0.0, 0.2, 0.4, 0.2 + seconds], 1.0, 1.0, 1.0, 1.0)) == 3


def sharper_wins(probability: float) -> bool:
    """Whether a sharper picture takes the place of a more certain one."""
    told = CoverageTracker(pair(), gauge("certainty", "nowhere", -1.0, 1.0, ("credit",)))
    sharp = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    for time_s, sure, image in ((0.0, 1.0, sharp * 0), (0.2, 1.0, sharp * 0), (1.4, probability, sharp)):
        told.update(time_s, True, Sight(Scene.INSIDE, {"A": sure}), partial(np.copy, image))
    return told.result().sites[0].best_time_s == 1.4


def belief_after(seconds: float) -> bool:
    """Whether a certain site is still believed by more than one half and a half of 1/e."""
    return bool(filter_step(np.array([1.0, 0.0]), np.zeros(2), seconds)[0] > 0.5 + 0.5 / np.e)


def belief_by(logarithm: float) -> bool:
    """Whether a frame that claims so much makes one of two sites e times as likely as the other."""
    belief = filter_step(np.array([0.5, 0.5]), np.array([logarithm, 0.0]), 0.0)
    return bool(belief[0] / belief[1] > np.e)


def visit_counts(seconds: float) -> bool:
    """Whether a visit of so long speaks for a site having been seen rather than not."""
    row = np.array([[1.0, 0.0, 0.0]])
    samples = Samples(np.array([seconds]), row, log_of(row))
    return bool(site_figures(samples, np.zeros((2, 2), bool))["any_sharp"][0] > np.log(2))


def joined_at(step_s: float) -> bool:
    """Whether two frames, so far apart, complete a sample."""
    joiner, row = SampleJoiner(1), np.array([0.5, 0.5])
    joiner.add(0.0, row)
    return bool(joiner.add(step_s, row))


def sample_is_whole(step_s: float) -> bool:
    """Whether a frame stands for all of the time until the next one."""
    joiner, row = SampleJoiner(1), np.array([0.5, 0.5])
    joiner.add(0.0, row)
    return bool(np.isclose(joiner.add(step_s, row)[0].seconds, step_s))


HERE = "the comment beside it"
LIMITS = [
    Limit(
        "credit of 0.5",
        "inference/endoscopy/protocol.py: credit: float = Field(0.5",
        "docs/reference/protocols.md",
        is_seen,
        (0.49, False),
        (0.51, True),
    ),
    Limit(
        "1 s of view",
        "coverage.py: _FITTED_S = 1.0",
        "the shipped gauge was fitted for it",
        short_view_is_seen,
        (1.0, True),
        (1.05, False),
    ),
    Limit(
        "certain for 2 s",
        "coverage.py: _LIVE_BELIEF, _LIVE_S = 0.9, 2.0",
        HERE,
        announced_after,
        (1.99, False),
        (2.01, True),
    ),
    Limit(
        "certain by 0.9",
        "coverage.py: _LIVE_BELIEF, _LIVE_S = 0.9, 2.0",
        HERE,
        announced_with,
        (0.542, False),
        (0.546, True),
    ),
    Limit(
        "pictures from 0.3 on", "coverage.py: _PICTURE_FROM = 0.3", HERE, picture_is_taken, (0.29, False), (0.31, True)
    ),
    Limit(
        "looked at again after 1 s",
        "coverage.py: _LOOK_AGAIN_S = 1.0",
        HERE,
        looked_again_after,
        (0.99, False),
        (1.01, True),
    ),
    Limit(
        "certainty in steps of 0.05",
        "coverage.py: _STEP = 0.05",
        "equally certain frames are compared by sharpness",
        sharper_wins,
        (0.895, False),
        (0.91, True),
    ),
    Limit("7 s at a site", "credit.py: _STAY_S = 7.0", "GastroHUN's videos", belief_after, (6.9, True), (7.1, False)),
    Limit(
        "half of what a frame claims",
        "credit.py: _SHARP, _BLUNT = 0.5, 0.2",
        "errors of neighbours hang together",
        belief_by,
        (1.95, False),
        (2.05, True),
    ),
    Limit(
        "0.9 s are a visit", "credit.py: _SEEN_S, _EDGE_S = 0.9, 0.15", HERE, visit_counts, (0.89, False), (0.91, True)
    ),
    Limit(
        "samples of 0.15 s",
        "samples.py: SAMPLE_S = 0.15",
        "four frames at 25 a second",
        joined_at,
        (0.149, False),
        (0.151, True),
    ),
    Limit(
        "a frame of 0.6 s",
        "samples.py: _LONGEST_FRAME_S = 0.6",
        "two analysed frames a second are the least",
        sample_is_whole,
        (0.59, True),
        (0.61, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
