"""The numbers on which clocks and alerts turn: a case just below each and one just above it."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.monitors.events import lesion_pace_notes
from unmissed.inference.endoscopy.monitors.preparation import PreparationMonitor
from unmissed.inference.endoscopy.protocol import LesionLimits, PreparationLimits, load_protocol
from unmissed.inference.endoscopy.values import (
    Box,
    ClockTimes,
    EventKind,
    Lesion,
    LesionLooks,
    Reason,
    Scene,
    Sight,
)

protocol_of = cache(load_protocol)


def times_of(parts: Sequence[tuple[float, Scene]], fps: float = 100.0) -> tuple[ClockTimes, list[EventKind]]:
    """Clocks and events of stretches of one scene."""
    clocks, events, frame = Clocks(protocol_of("colonoscopy")), [], 0
    for seconds, scene in parts:
        for _ in range(round(seconds * fps)):
            events += clocks.update(frame / fps, scene, scene is not Scene.OUTSIDE, False)
            frame += 1
    events += clocks.finish(frame / fps)
    return clocks.result(), [event.kind for event in events]


def is_believed(seconds: float, scene: Scene, within: Scene, told_by: EventKind) -> bool:
    """Whether a scene that is seen for so long within another one is told."""
    _, without = times_of([(10.0, within)], 20.0)
    _, kinds = times_of([(5.0, within), (seconds, scene), (5.0, within)], 20.0)
    return kinds.count(told_by) > without.count(told_by)


def times_told(seconds: float, aside: EventKind, scene: Scene) -> int:
    """How often a stay is told that is left for so many seconds of ``Scene.INSIDE``."""
    _, kinds = times_of([(5.0, Scene.INSIDE), (5.0, scene), (seconds, Scene.INSIDE), (5.0, scene)], 20.0)
    return kinds.count(aside)


def stays(aside_s: float) -> int:
    """How often the caecum is told when it was left for so long, the second time for more than twice as long."""
    _, kinds = times_of([(5.0, INSIDE), (5.0, CAECUM), (aside_s, INSIDE), (12.0, CAECUM)], 20.0)
    return kinds.count(EventKind.CAECUM)


def is_caecum_of(frames: int) -> bool:
    """Whether minutes start the clock in which so many of ten frames show the caecum."""
    clocks = Clocks(protocol_of("colonoscopy"))
    for index in range(1200):
        of_ten = index % 10 * frames % 10 < frames
        clocks.update(index / 10, Scene.CAECUM if of_ten else Scene.INSIDE, True, False)
    return clocks.result().caecum_s is not None


def turns(seconds: float) -> int:
    """How often the caecum is told that was there for 5 s and, a minute later, for so long."""
    _, kinds = times_of([(5.0, INSIDE), (5.0, CAECUM), (60.0, INSIDE), (seconds, CAECUM), (9.0, INSIDE)], 20.0)
    return kinds.count(EventKind.CAECUM)


def first_third(parts: Sequence[tuple[float, float | None, bool]], end_s: float = 300.0) -> Any:
    """Preparation of the first third, of parts (seconds, probability of good, washing) of ten frames a second."""
    monitor, time_s = PreparationMonitor(PreparationLimits()), 0.0
    for seconds, good, is_water in parts:
        for _ in range(round(10 * seconds)):
            sight = Sight(Scene.INSIDE, {}, preparation=good)
            monitor.update(time_s, not is_water, sight, Reason.WATER if is_water else Reason.NONE)
            time_s += 0.1
    monitor.update(time_s, False, Sight(Scene.INSIDE, {}), Reason.BLUR)
    found = monitor.result(0.0, end_s)
    return found.thirds[0]


def score_of_good(good: float) -> int | None:
    return first_third([(30.0, good, False)]).score


def score_of_seconds(seconds: float) -> int | None:
    return first_third([(seconds, 0.9, False)]).score


def window_seconds(seconds: float) -> float:
    """Seconds that are in whole windows."""
    return round(first_third([(seconds, 0.9, False)]).seconds, 3)


def score_of_wash(wash_s: float, before_s: float) -> int | None:
    """Score of a dirty stretch, seconds without an answer, washing, and a shorter clean stretch."""
    return first_third([(13.0, 0.1, False), (before_s, None, False), (wash_s, None, True), (10.0, 0.9, False)]).score


def windows_across(pause_s: float) -> float:
    """Seconds in a window of 2 s and of 1 s with so much between them that shows nothing."""
    return round(first_third([(2.0, 0.9, False), (pause_s - 2.0, None, False), (1.0, 0.9, False)]).seconds, 3)


def slow_frames(step_s: float, frames: int) -> float:
    """Seconds in windows of so few frames; the last one is not over."""
    monitor = PreparationMonitor(PreparationLimits())
    for index in range(frames):
        monitor.update(index * step_s, True, Sight(Scene.INSIDE, {}, preparation=0.9), Reason.NONE)
    return round(monitor.result(0.0, 300.0).thirds[0].seconds, 3)


def tools(aside_s: float) -> int:
    """How often a tool comes and goes that was out of the view for so long."""
    return times_told(aside_s, EventKind.THERAPY, Scene.INSTRUMENT)


def counted(step_s: float) -> float:
    """What a frame counts that was the last one for so long."""
    clocks = Clocks(protocol_of("colonoscopy"))
    clocks.update(0.0, Scene.INSIDE, True, False)
    clocks.update(step_s, Scene.INSIDE, True, False)
    return round(clocks.result().examination_s, 3)


def told_after(seconds: float, kind: EventKind, *, legible: bool, frozen: bool) -> bool:
    clocks, steps = Clocks(protocol_of("colonoscopy")), 20
    events = clocks.update(0.0, Scene.INSIDE, True, False)
    for step in range(steps + 1):
        events += clocks.update(0.04 + step * seconds / steps, Scene.INSIDE, legible, frozen)
    return any(event.kind is kind for event in events)


def is_short(seconds: float, protocol: str) -> bool:
    """Whether an examination (of a colon: a withdrawal) of so long is told to be short."""
    clocks, frames = Clocks(protocol_of(protocol)), 300
    first = Scene.CAECUM if protocol == "colonoscopy" else Scene.INSIDE
    events = []
    for frame in range(frames + 1):
        events += clocks.update(frame * seconds / frames, first if frame < 5 else Scene.INSIDE, True, False)
    events += clocks.finish(seconds)
    return any(event.kind is EventKind.SHORT for event in events)


def lesion(x: float, y: float = 300.0, width: float = 40.0, height: float = 40.0, score: float = 0.95) -> Lesion:
    return Lesion(Box(x, y, width, height), score)


def alerts_of(frames: Sequence[Sequence[Lesion]], step_s: float = 0.04, limits: Any = None) -> tuple[list[bool], int]:
    """Of each frame whether there is an alert, and how many were announced."""
    alerts = LesionAlerts(limits or LesionLimits())
    told = [alerts.update(index * step_s, tuple(found), True, (300, 400)) for index, found in enumerate(frames)]
    return [alert for alert, _ in told], sum(event is not None for _, event in told)


def alerts_after(seconds: float) -> bool:
    """Whether an area alerts that has been there for so long, in five frames."""
    return alerts_of([[lesion(100)]] * 5, seconds / 4)[0][-1]


def alerts_with(score: float) -> bool:
    return alerts_of([[lesion(100, score=score)]] * 10)[0][-1]


def is_mild_with(share: float) -> bool:
    alerts = LesionAlerts(LesionLimits())
    for index in range(10):
        alerts.update(0.04 * index, (Lesion(Box(100, 300, 40, 40), 0.95, "non-neoplastic", share),), True, (300, 400))
    return alerts.is_mild


def alerts_in_frames(count: int) -> bool:
    return alerts_of([[lesion(100)]] * count, 0.5)[0][-1]


def alerts_of_pattern(pattern: str) -> bool:
    """Whether what is there in some frames ("x") and not in others (".") alerts at last."""
    return alerts_of([[lesion(100)] if sign == "x" else [] for sign in pattern])[0][-1]


def follows(step_px: float, width: float, height: float) -> bool:
    """Whether a box that goes to and fro by so much is taken for one."""
    return alerts_of([[lesion(100 + step_px * (k % 2), 100, width, height)] for k in range(16)])[0][-1]


def is_new(away_px: float) -> bool:
    """Whether an area so far from an announced one is announced; the diagonal of the frame has 500 px."""
    frames = [[lesion(0)]] * 8 + [[]] * 4 + [[lesion(away_px)]] * 12
    return alerts_of(frames)[1] == 2


def is_announced_again(after_s: float) -> bool:
    alerts = LesionAlerts(LesionLimits())
    times = [0.1 * k for k in range(5)]
    told = [alerts.update(time_s, (lesion(100),), True, (300, 400))[1] for time_s in times]
    told += [alerts.update(times[-1] + after_s - 0.3 + time_s, (lesion(100),), True, (300, 400))[1] for time_s in times]
    return sum(event is not None for event in told) == 2


def is_still_there(after_s: float) -> bool:
    alerts = LesionAlerts(LesionLimits())
    for k in range(10):
        alerts.update(0.04 * k, (lesion(100),), True, (300, 400))
    return alerts.is_alert(0.36 + after_s)


def alerts_among(boxes: int) -> bool:
    """Whether a lasting box alerts that comes last of so many, the others being somewhere else in every frame."""
    rng = np.random.default_rng(0)
    frames = [
        [*(lesion(*rng.uniform(0, 10_000, 2), 1.0, 1.0) for _ in range(boxes - 1)), lesion(-500)] for _ in range(3)
    ]
    return alerts_of(frames, 0.12)[0][-1]


def notes_at(frames_per_look: float, interval_ms: float = 40.0) -> int:
    return len(lesion_pace_notes(LesionLooks(10, 11, frames_per_look, 30.0, interval_ms)))


ESGE_COLON = "ESGE/UEG 2017: withdrawal of 6 min or more"
ESGE_STOMACH = "ESGE 2025: at least 7 min"
GI_GENIUS = "GI Genius: boxes of up to six frames withheld, 88 % of the false ones, no polyp"
HERE = "the comment beside it"
SCENES = "scenes: the cost of going there and back"
INSIDE, OUT, TOOL, CAECUM = Scene.INSIDE, Scene.OUTSIDE, Scene.INSTRUMENT, Scene.CAECUM
LIMITS = [
    Limit(
        "6 min of withdrawal",
        "configs/protocols/colonoscopy.yaml: minimum_s: 360",
        ESGE_COLON,
        partial(is_short, protocol="colonoscopy"),
        (359.9, True),
        (360.1, False),
    ),
    Limit(
        "7 min, gastroscopy",
        "configs/protocols/gastroscopy.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "7 min, gastroscopy-10",
        "configs/protocols/gastroscopy-10.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy-10"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "7 min, gastroscopy-22",
        "configs/protocols/gastroscopy-22.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy-22"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "7 min, gastroscopy-esge",
        "configs/protocols/gastroscopy-esge.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy-esge"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "7 min, gastroscopy-gastrovision",
        "configs/protocols/gastroscopy-gastrovision.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy-gastrovision"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "7 min, gastroscopy-landmarks",
        "configs/protocols/gastroscopy-landmarks.yaml: minimum_s: 420",
        ESGE_STOMACH,
        partial(is_short, protocol="gastroscopy-landmarks"),
        (419.9, True),
        (420.1, False),
    ),
    Limit(
        "the caecum for 3 s",
        "inference/endoscopy/protocol.py: seconds: float = Field(3.0",
        f"{SCENES}: it starts a clock",
        partial(is_believed, scene=CAECUM, within=INSIDE, told_by=EventKind.CAECUM),
        (2.9, False),
        (3.1, True),
    ),
    Limit(
        "the caecum in 6 of 10 frames",
        "inference/endoscopy/protocol.py: share: float = Field(0.6",
        "more than half: a classifier's errors hang together",
        is_caecum_of,
        (5, False),
        (7, True),
    ),
    Limit(
        "a stay twice as long starts anew",
        "inference/endoscopy/protocol.py: again: float = Field(2.0",
        "a false start is shorter than the caecum, and going back no restart",
        turns,
        (9.8, 1),
        (10.3, 2),
    ),
    Limit(
        "a median of 0.4 well prepared",
        "inference/endoscopy/protocol.py: good: float = Field(0.4",
        "18 of 20 films of validation pictures are right; 16 at 0.5",
        score_of_good,
        (0.39, 1),
        (0.41, 2),
    ),
    Limit(
        "6 s of a third assessable",
        "inference/endoscopy/protocol.py: least_s: float = Field(6.0",
        "two windows; with three, short thirds of films were not assessed",
        score_of_seconds,
        (5, None),
        (7, 2),
    ),
    Limit(
        "windows of 3 s",
        "inference/endoscopy/protocol.py: window_s: float = Field(3.0",
        "a few seconds of one view",
        window_seconds,
        (11, 9.0),
        (12.1, 12.0),
    ),
    Limit(
        "washing of 1 s",
        "preparation.py: _WASH_S = 1.0",
        HERE,
        partial(score_of_wash, before_s=0.0),
        (0.8, 1),
        (1.2, 2),
    ),
    Limit(
        "washed within 15 s",
        "preparation.py: _WASHED_S = 15.0",
        HERE,
        partial(score_of_wash, 2.0),
        (0.0, 2),
        (16.0, 1),
    ),
    Limit(
        "a window of 15 s at most",
        "preparation.py: _LONGEST_WINDOW_S = 15.0",
        HERE,
        windows_across,
        (13, 3.0),
        (16, 0.0),
    ),
    Limit(
        "a frame stands for 1 s of preparation",
        "preparation.py: _LONGEST_FRAME_S = 1.0",
        HERE,
        partial(slow_frames, frames=4),
        (0.75, 0.0),
        (1.5, 3.0),
    ),
    Limit(
        "outside for 1.5 s",
        "scenes.py: Scene.OUTSIDE: 1.0",
        SCENES,
        partial(is_believed, scene=OUT, within=INSIDE, told_by=EventKind.LEFT),
        (1.4, False),
        (1.6, True),
    ),
    Limit(
        "a tool for 1 s",
        "scenes.py: Scene.INSTRUMENT: 0.5",
        SCENES,
        partial(is_believed, scene=TOOL, within=INSIDE, told_by=EventKind.THERAPY),
        (0.9, False),
        (1.1, True),
    ),
    Limit("a tool away for 1 s", "scenes.py: Scene.INSIDE: 0.5", SCENES, tools, (0.9, 1), (1.1, 3)),
    Limit(
        "a stay in the caecum, left for 10 s",
        "stretches.py: _SAME_STAY_S = 10.0",
        "told again within it, it is the same turning point",
        stays,
        (9.9, 1),
        (10.1, 2),
    ),
    Limit(
        "a frame stands for 2 s",
        "clocks.py: _LONGEST_FRAME_S = 2.0",
        "what is missing is no observation",
        counted,
        (1.95, 1.95),
        (2.05, 2.0),
    ),
    Limit(
        "nothing seen for 10 s",
        "clocks.py: _LONG_ILLEGIBLE_S = 10.0",
        "long enough to be told",
        partial(told_after, kind=EventKind.ILLEGIBLE, legible=False, frozen=False),
        (9.9, False),
        (10.1, True),
    ),
    Limit(
        "standing still for 0.5 s",
        "clocks.py: _LONG_FROZEN_S = 0.5",
        "long enough to be told",
        partial(told_after, kind=EventKind.FROZEN, legible=True, frozen=True),
        (0.49, False),
        (0.51, True),
    ),
    Limit(
        "6 frames of 25 a second",
        "inference/endoscopy/protocol.py: persistence_frames: int = Field(6",
        GI_GENIUS,
        alerts_after,
        (0.23, False),
        (0.24, True),
    ),
    Limit(
        "a box from 0.5 on",
        "inference/endoscopy/protocol.py: threshold: float = Field(0.5",
        "docs/reference/protocols.md",
        alerts_with,
        (0.49, False),
        (0.5, True),
    ),
    Limit(
        "a mean share of 0.85 for a kind",
        "inference/endoscopy/protocol.py: 0.85, gt=0.5, lt=1",
        "docs/reference/protocols.md",
        is_mild_with,
        (0.84, False),
        (0.86, True),
    ),
    Limit(
        "3 frames",
        "alerts.py: _LEAST_FRAMES = 3",
        "a slow stream reaches the time with two, which is no persistence",
        alerts_in_frames,
        (2, False),
        (3, True),
    ),
    Limit(
        "3 of 4 frames",
        "alerts.py: _LEAST_SHARE = 0.75",
        "what comes and goes is noise",
        alerts_of_pattern,
        ("x.x.xxx", False),
        ("x.x.xxxx", True),
    ),
    Limit(
        "2 frames are forgiven",
        "alerts.py: _FORGIVEN_FRAMES = 2",
        HERE,
        alerts_of_pattern,
        ("xxxxxxxx..x", True),
        ("xxxxxxxx...x", False),
    ),
    Limit(
        "overlap of 0.2",
        "alerts.py: _OVERLAP = 0.2",
        HERE,
        partial(follows, width=100, height=10),
        (66, True),
        (67, False),
    ),
    Limit(
        "half a size apart",
        "alerts.py: _NEAR_SIZES = 0.5",
        HERE,
        partial(follows, width=10, height=100),
        (50, True),
        (51, False),
    ),
    Limit(
        "a fifth of the diagonal",
        "alerts.py: _NEAR_FRAMES = 0.2",
        "how far an area drifts while it is not found",
        is_new,
        (100, False),
        (101, True),
    ),
    Limit(
        "announced once in 5 s",
        "inference/endoscopy/protocol.py: repeat_s: float = Field(5.0",
        "docs/reference/protocols.md",
        is_announced_again,
        (4.9, False),
        (5.1, True),
    ),
    Limit(
        "lost after 1 s",
        "alerts.py: LOST_S = 1.0",
        "after so long without a frame nothing is the same place",
        is_still_there,
        (0.99, True),
        (1.01, False),
    ),
    Limit(
        "32 boxes",
        "alerts.py: _MOST_BOXES = 32",
        "a frame with more shows nothing in particular",
        alerts_among,
        (32, True),
        (33, False),
    ),
    Limit("1.1 frames a look", "events.py: _SELDOM = 1.1", HERE, notes_at, (1.09, 0), (1.1, 1)),
    Limit(
        "1 s between looks",
        "alerts.py: LOST_S = 1.0",
        "too lesion_pace_notes for alerts",
        partial(notes_at, 10.0),
        (99.9, 1),
        (100.1, 2),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
