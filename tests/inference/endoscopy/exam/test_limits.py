"""The numbers on which the figures of an examination turn: a case just below each and one just above it."""

from functools import cache, partial
from typing import Any

import pytest
from draw_constants import Limit

from unmissed.inference.endoscopy.exam.kpis import kpis_of
from unmissed.inference.endoscopy.exam.timeline import Timeline
from unmissed.inference.endoscopy.motion.motion import nothing
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import (
    Clarity,
    ClockTimes,
    Coverage,
    ExamResult,
    FrameSignals,
    Reason,
    Scene,
    Sight,
    SiteCredit,
    SpeedState,
    WithdrawalSpeed,
)

CLEAR = Clarity(0.97, True, Reason.NONE)


UNTOLD = WithdrawalSpeed(None, SpeedState.GREY, None, None, None)


protocol_of = cache(load_protocol)


def figures(protocol: Protocol, **changes: Any) -> dict[str, bool | None]:
    """Name of a figure -> whether its limit was met."""
    fields = {
        **{"source": "", "started_at": "", "duration_s": 1.0, "ended": "end", "frames": {}, "width_px": 1},
        **{"height_px": 1, "events": (), "times_ms": {}, "notes": ()},
        "clocks": ClockTimes(0.0, None, 0.0, 0.0, None, 0.0, 0.0),
        "coverage": Coverage((), None),
    }
    return {kpi.name: kpi.met for kpi in kpis_of(ExamResult(**(fields | changes)), protocol, Timeline())}


def withdrawal_is_met(seconds: float) -> bool | None:
    clocks = ClockTimes(seconds, seconds, 0.0, 0.0, 0.0, 0.0, 0.0)
    return figures(protocol_of("colonoscopy"), clocks=clocks)["withdrawal_s"]


def coverage_is_met(seen: int, protocol: str) -> bool | None:
    """Whether so many sites are all that a protocol asks for."""
    sites = protocol_of(protocol).sites
    told = tuple(SiteCredit(site.code, 1.0, place < seen, 1.0, None, None) for place, site in enumerate(sites))
    return figures(protocol_of(protocol), coverage=Coverage(told, 0.0))["coverage"]


def signals(time_s: float, scene: Scene = Scene.INSIDE) -> FrameSignals:
    return FrameSignals(time_s, CLEAR, False, 1.0, nothing(), UNTOLD, Sight(scene, {}), (), alert=False)


def watched(step_s: float) -> bool:
    """Whether the time between two frames so far apart was watched."""
    timeline = Timeline()
    for time_s in (0.0, step_s):
        timeline.add(signals(time_s))
    return sum(timeline.seconds_by_state(-1.0, 100.0).values()) > 0


def stretches_at(time_s: float) -> int:
    """Stretches of two frames a tenth apart and one so late."""
    timeline = Timeline()
    for each in (0.0, 0.1, time_s):
        timeline.add(signals(each))
    return len(timeline.stretches)


ESGE_COLON = "ESGE/UEG 2017: withdrawal of 6 min or more"
LIMITS = [
    Limit(
        "6 min of withdrawal as a figure",
        "configs/protocols/colonoscopy.yaml: minimum_s: 360",
        ESGE_COLON,
        withdrawal_is_met,
        (359.9, False),
        (360.0, True),
    ),
    Limit(
        "26 sites",
        "configs/protocols/gastroscopy.yaml: sites:",
        "ENDOANGEL",
        partial(coverage_is_met, protocol="gastroscopy"),
        (25, False),
        (26, True),
    ),
    Limit(
        "10 sites",
        "configs/protocols/gastroscopy-10.yaml: sites:",
        "the pictures of upper-gi-sites",
        partial(coverage_is_met, protocol="gastroscopy-10"),
        (9, False),
        (10, True),
    ),
    Limit(
        "22 sites",
        "configs/protocols/gastroscopy-22.yaml: sites:",
        "Yao 2013, GastroHUN",
        partial(coverage_is_met, protocol="gastroscopy-22"),
        (21, False),
        (22, True),
    ),
    Limit(
        "10 pictures",
        "configs/protocols/gastroscopy-esge.yaml: sites:",
        "ESGE 2016",
        partial(coverage_is_met, protocol="gastroscopy-esge"),
        (9, False),
        (10, True),
    ),
    Limit(
        "a pause of 1 s",
        "timeline.py: LONGEST_STEP_S = 1.0",
        "that time was not watched",
        watched,
        (0.99, True),
        (1.01, False),
    ),
    Limit(
        "1,500 stretches",
        "timeline.py: MOST_STRETCHES = 1500",
        "at most, however long it is",
        stretches_at,
        (149.95, 3),
        (150.05, 2),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
