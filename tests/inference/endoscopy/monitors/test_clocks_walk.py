"""The clocks add up as they go; walking the whole examination again at every look must tell the same."""

import tracemalloc
from dataclasses import astuple, dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.monitors.scenes import SceneSmoother
from unmissed.inference.endoscopy.monitors.stretches import FrameTotals, SceneStretch
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import ClockTimes, Scene

COLON = load_protocol("colonoscopy")
LONGEST_FRAME_S, SAME_STAY_S, AGAIN = 2.0, 10.0, 2.0


@dataclass(frozen=True)
class Span:
    start_s: float
    end_s: float
    legible: bool
    frozen: bool


class Walk:
    """Keeps every frame, and goes through all of them for a result."""

    def __init__(self):
        self.scenes, self.spans, self.last, self.marked_s = SceneSmoother(), [], None, None

    def update(self, time_s, scene, legible, frozen):
        self._count(time_s)
        self.last = (time_s, scene, legible, frozen)

    def gap(self, start_s, end_s):
        if self.last is not None:
            self._count(min(max(start_s, self.last[0]), end_s))
            self.last = (end_s, *self.last[1:])

    def result(self):
        runs = _runs(self.scenes.best())
        turn_s = self._turning_point(runs)
        examination = withdrawal = therapy = effective = frozen = illegible = 0.0
        for span in self.spans:
            for start_s, end_s, scene in runs:
                seconds = min(end_s, span.end_s) - max(start_s, span.start_s)
                if seconds <= 0 or scene is Scene.OUTSIDE:
                    continue
                if span.frozen:
                    frozen += seconds
                    continue
                examination += seconds
                illegible += seconds * (not span.legible)
                late_s = max(start_s, span.start_s, float("-inf") if turn_s is None else turn_s)
                after_s = max(0.0, min(end_s, span.end_s) - late_s)
                if scene is Scene.INSTRUMENT:
                    therapy += after_s
                else:
                    withdrawal += after_s
                    effective += after_s * span.legible
        told = None if turn_s is None else withdrawal
        by = None if turn_s is None else "picture" if self.marked_s is None else "key"
        return ClockTimes(examination, told, therapy, effective, turn_s, frozen, illegible, by)

    def _count(self, time_s):
        if self.last is None:
            return
        start_s, scene, legible, frozen = self.last
        end_s = min(time_s, start_s + LONGEST_FRAME_S)
        if end_s <= start_s:
            return
        self.spans.append(Span(start_s, end_s, legible, frozen))
        is_told = not frozen and (legible or scene is Scene.OUTSIDE)
        only_not = None if frozen or is_told else Scene.OUTSIDE
        self.scenes.update(start_s, end_s, scene if is_told else None, frame_totals=FrameTotals(), only_not=only_not)

    def _turning_point(self, runs):
        if self.marked_s is not None:
            return self.marked_s
        stays = []
        for start_s, end_s, scene in runs:
            if scene is Scene.CAECUM:
                if not stays or start_s - stays[-1][1] > SAME_STAY_S:
                    stays.append([start_s, end_s, 0.0])
                stays[-1][1] = end_s
                inside = [
                    min(end_s, span.end_s) - max(start_s, span.start_s)
                    for span in self.spans
                    if span.legible and not span.frozen
                ]
                stays[-1][2] += sum(seconds for seconds in inside if seconds > 0)
        turn = None
        for stay in stays:
            if turn is None or stay[2] > AGAIN * turn[2] + 1e-9:
                turn = stay
        return turn[0] if turn else None


def _runs(last: SceneStretch | None):
    found, end_s = [], float("inf")
    while last is not None:
        found.append((last.start_s, end_s, last.scene))
        end_s, last = last.start_s, last.before
    return found[::-1]


FRAMES = st.tuples(
    st.just("frames"),
    st.integers(1, 40),
    st.sampled_from([0.04, 0.1, 0.4, 3.0]),
    st.lists(st.sampled_from(Scene), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=3),
    st.sampled_from([(False,), (False,), (True,), (False, True)]),
)
STAY = st.tuples(  # long enough to be believed; from one caecum to the next around the ten seconds that part two stays
    st.just("frames"),
    st.sampled_from([5, 12, 23, 24, 26, 27]),
    st.just(0.4),
    st.sampled_from(
        [(Scene.CAECUM,), (Scene.CAECUM,), (Scene.INSIDE,), (Scene.INSIDE,), (Scene.INSTRUMENT,), (Scene.OUTSIDE,)]
    ),
    st.just((True,)),
    st.just((False,)),
)
GAP = st.tuples(st.just("gap"), st.floats(0.0, 20.0))
MARK = st.tuples(st.just("mark"), st.floats(-30.0, 15.0))
LOOK = st.tuples(st.just("look"))


def _play(script, with_marks):
    clocks, walk, time_s, is_past = Clocks(COLON), Walk(), 0.0, False
    for step in [*script, ("look",)]:
        match step:
            case ("frames", count, step_s, scenes, legible, frozen):
                for k in range(count):
                    frame = (scenes[k % len(scenes)], legible[k % len(legible)], frozen[k % len(frozen)])
                    clocks.update(time_s, *frame)
                    walk.update(time_s, *frame)
                    time_s += step_s
            case ("gap", seconds):
                clocks.gap(time_s, time_s + seconds)
                walk.gap(time_s, time_s + seconds)
                time_s += seconds
            case ("mark", ahead_s) if with_marks == "past" or (with_marks and ahead_s >= 0):
                # The time of the last frame at the earliest, as the key tells it, or some time before.
                last_s = walk.last[0] if walk.last else 0.0
                walk.marked_s = max(0.0, last_s + ahead_s)
                clocks.mark_caecum(walk.marked_s)
                is_past = ahead_s < 0
            case ("look",):
                yield clocks.result(), walk.result(), is_past


SCRIPTS = st.lists(st.one_of(STAY, STAY, STAY, FRAMES, GAP, MARK, LOOK), max_size=30)


@settings(max_examples=150, deadline=None)
@given(SCRIPTS, st.sampled_from(["", "present"]))
def test_what_is_added_up_is_what_a_walk_finds(script, with_marks):
    for found, walked, _ in _play(script, with_marks):
        assert astuple(found) == pytest.approx(astuple(walked), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(SCRIPTS)
def test_a_mark_in_the_past_is_exact_to_a_frame_and_a_second(script):
    for found, walked, is_past in _play(script, "past"):
        assert found.caecum_s == walked.caecum_s
        assert found.examination_s == pytest.approx(walked.examination_s, abs=1e-6)
        off_s = 1.0 + LONGEST_FRAME_S if is_past else 1e-6
        for name in ("withdrawal_s", "therapy_s", "effective_s"):
            assert (getattr(found, name) or 0.0) == pytest.approx(getattr(walked, name) or 0.0, abs=off_s)
            assert (getattr(found, name) or 0.0) >= 0.0


def test_twenty_minutes_that_flicker_need_little_memory():
    clocks = Clocks(COLON)
    sizes = []
    tracemalloc.start()
    try:
        for index in range(20 * 60 * 10):
            scene = Scene.CAECUM if index % 600 > 500 else Scene.INSIDE
            clocks.update(index / 10, scene, index % 2 == 0, frozen=False)
            if index in (3000, 11_999):
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 100_000
    assert clocks.result().examination_s == pytest.approx(1200, abs=0.2)
