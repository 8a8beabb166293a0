"""The clocks of an examination: inside, withdrawal from the caecum, therapy, effective observation."""

from array import array
from bisect import bisect_right

from unmissed.datasets.basis.clock import clock
from unmissed.inference.endoscopy.monitors.scenes import SceneSmoother
from unmissed.inference.endoscopy.monitors.stretches import ClockTotals, FrameTotals, SceneStretch, TurningPoint
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, Scene

_LONGEST_FRAME_S = 2.0  # a frame represents no more time than this; what is missing is not an observation
_PAST_STEP_S = 1.0
_LONG_ILLEGIBLE_S = 10.0
_LONG_FROZEN_S = 0.5


class Clocks:
    """Follows scenes, legibility and frozen pictures; times are stream seconds.

    A scene counts when it has lasted a second or two (see ``scenes``), and then from its start, so a few wrong frames
    neither start nor stop a clock. Frozen pictures and gaps stop all clocks.

    What was counted before a stretch of one scene hangs on the stretch, so a result takes the same time after an hour
    as after a minute. What grows are the stretches, some hundred bytes each and at most one a second, and 32 bytes a
    second for a key that marks a past time.

    Args:
        protocol: its minimum is what SHORT is judged by.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._scenes = SceneSmoother(protocol.caecum)
        self._last: tuple[float, Scene | None, bool, bool] | None = None
        self._frame_totals, self._counted_until_s = FrameTotals(), float("-inf")
        self._past_s, self._past = array("d"), (array("d"), array("d"), array("d"))
        self._marked_s: float | None = None
        self._frame_totals_at_mark: FrameTotals | None = None  # None as long as the mark is ahead
        self._clock_totals_at_mark: ClockTotals | None = None  # None as long as the scene at the mark can change
        self._reported: SceneStretch | None = None
        self._short_reported = False
        self._announced_s: float | None = None
        self._illegible_s = self._frozen_s = 0.0

    def update(self, time_s: float, scene: Scene | None, legible: bool, frozen: bool) -> list[Event]:
        """Take a frame; returns what is certain now, which may have happened a moment ago.

        Args:
            scene: what the frame alone says; None where it does not show where the tip is.
            legible: whether it can be assessed; an illegible frame may only show that it is outside or not.
            frozen: whether the picture is frozen.
        """
        found = self._count(time_s)
        self._last = (time_s, scene, legible, frozen)
        return found + self._new_events()

    def gap(self, start_s: float, end_s: float) -> None:
        """Nothing was watched from one time to another."""
        if self._last is not None:
            self._count(min(max(start_s, self._last[0]), end_s))
            self._last = (end_s, *self._last[1:])

    def mark_caecum(self, time_s: float) -> list[Event]:
        """Mark the turning point by hand; this takes precedence over what was recognised in pictures.

        Args:
            time_s: of the last frame, or later: exact. What was seen up to an earlier time is known to about a second.
        """
        self._marked_s, self._frame_totals_at_mark = time_s, self._frame_totals_at(time_s)
        self._clock_totals_at_mark = None
        return [_caecum(time_s, "by key", "marked manually", "手动标记")]

    def finish(self, time_s: float) -> list[Event]:
        """The stream ends; returns what had not been reported yet."""
        found = self._count(time_s)
        self._last = None
        last = self._scenes.best()
        found += self._events_up_to(last)
        found += self._turns(None if last is None else last.turn_at(self._frame_totals))
        return sorted(found + self._short(time_s), key=lambda event: event.time_s)

    def result(self) -> ClockTimes:
        """The current clocks."""
        stretch = self._scenes.best()
        now = ClockTotals() if stretch is None else stretch.clock_totals_at(self._frame_totals)
        turn = self._turning_point(stretch, now)
        before = ClockTotals() if turn is None else turn.before
        return ClockTimes(
            examination_s=_whole_us(now.open_s + now.therapy_s),
            withdrawal_s=None if turn is None else _whole_us(now.open_s - before.open_s),
            therapy_s=_whole_us(now.therapy_s - before.therapy_s),
            effective_s=_whole_us(now.effective_s - before.effective_s),
            caecum_s=None if turn is None else turn.time_s,
            frozen_s=_whole_us(now.frozen_s),
            illegible_s=_whole_us(now.illegible_s),
            caecum_by=None if turn is None else "picture" if self._marked_s is None else "key",
        )

    def _count(self, time_s: float) -> list[Event]:
        """The last frame lasted until now."""
        if self._last is None:
            return []
        start_s, scene, legible, frozen = self._last
        end_s = min(time_s, start_s + _LONGEST_FRAME_S)
        if end_s <= start_s:
            return []
        if self._marked_s is not None and self._frame_totals_at_mark is None and self._marked_s < end_s:
            past_s = max(0.0, self._marked_s - start_s)
            self._frame_totals_at_mark = self._frame_totals.plus(past_s, legible=legible, frozen=frozen)
        before = self._frame_totals
        self._keep_past(start_s)
        self._frame_totals, self._counted_until_s = before.plus(end_s - start_s, legible=legible, frozen=frozen), end_s
        if frozen:
            self._scenes.update(start_s, end_s, None, frame_totals=before)
        elif (legible and scene is not None) or scene is Scene.OUTSIDE:
            self._scenes.update(start_s, end_s, scene, frame_totals=before)
        else:
            self._scenes.update(start_s, end_s, None, frame_totals=before, only_not=Scene.OUTSIDE)
        is_blind = not legible and not frozen and scene is not Scene.OUTSIDE
        return self._stretches(end_s, end_s - start_s, frozen=frozen, is_blind=is_blind)

    def _stretches(self, end_s: float, seconds: float, *, frozen: bool, is_blind: bool) -> list[Event]:
        """Frozen and long illegible stretches, once each."""
        found = []
        before_s, self._frozen_s = self._frozen_s, self._frozen_s + seconds if frozen else 0.0
        if before_s < _LONG_FROZEN_S <= self._frozen_s:
            start_s = end_s - self._frozen_s
            found.append(Event(start_s, EventKind.FROZEN, "Picture frozen: clocks stopped", "画面冻结：计时暂停"))
        before_s, self._illegible_s = self._illegible_s, self._illegible_s + seconds if is_blind else 0.0
        if before_s < _LONG_ILLEGIBLE_S <= self._illegible_s:
            start_s = end_s - self._illegible_s
            found.append(
                Event(
                    start_s,
                    EventKind.ILLEGIBLE,
                    f"No clear view for {_LONG_ILLEGIBLE_S:.0f} s",
                    f"持续{_LONG_ILLEGIBLE_S:.0f}秒看不清",
                )
            )
        return found

    def _new_events(self) -> list[Event]:
        last, until_s = self._scenes.settled()
        if last is not None and self._marked_s is not None and self._marked_s < until_s:
            self._clock_totals_at_mark = self._clock_totals_at_mark or self._find_clock_totals_at_mark(last)
        return self._events_up_to(last)

    def _events_up_to(self, last: SceneStretch | None) -> list[Event]:
        """Events of the stretches up to this one that were not reported yet."""
        fresh: list[SceneStretch] = []
        step = last
        while step is not None and step is not self._reported:
            fresh.append(step)
            step = step.before
        if last is not None:
            self._reported = last
        return [event for stretch in reversed(fresh) for event in self._events_of(stretch)]

    def _events_of(self, stretch: SceneStretch) -> list[Event]:
        before = Scene.OUTSIDE if stretch.before is None else stretch.before.scene
        found = []
        if stretch.scene is Scene.OUTSIDE and stretch.before is not None:
            found.append(Event(stretch.start_s, EventKind.LEFT, "Left the body", "镜身退出体外"))
            found += self._short(stretch.start_s)
        elif stretch.scene is not Scene.OUTSIDE and before is Scene.OUTSIDE:
            found.append(Event(stretch.start_s, EventKind.ENTERED, "Entered the body", "进镜"))
        found += self._turns(stretch.turn)
        if stretch.scene is Scene.INSTRUMENT:
            found.append(Event(stretch.start_s, EventKind.THERAPY, "Instrument in view", "器械进入视野", {"on": True}))
        elif before is Scene.INSTRUMENT:
            found.append(
                Event(stretch.start_s, EventKind.THERAPY, "Instrument out of view", "器械离开视野", {"on": False})
            )
        return found

    def _turns(self, turn: TurningPoint | None) -> list[Event]:
        """The turning point, where the pictures tell it and it was not told yet."""
        if turn is None or self._marked_s is not None or turn.time_s == self._announced_s:
            return []
        self._announced_s = turn.time_s
        return [_caecum(turn.time_s, "by picture", "automatic, image recognition", "自动，图像识别")]

    def _short(self, time_s: float) -> list[Event]:
        """SHORT, once, when what the protocol demands a minimum of has ended before it."""
        times = self.result()
        is_withdrawal = self._protocol.minimum_of == "withdrawal"
        seconds = times.withdrawal_s if is_withdrawal else times.examination_s
        minimum_s = self._protocol.minimum_s
        if self._short_reported or not seconds or seconds >= minimum_s:
            return []
        self._short_reported = True
        what, what_zh = ("Withdrawal", "退镜时间") if is_withdrawal else ("Examination", "检查时间")
        text = f"{what} of {clock(seconds)}: shorter than {clock(minimum_s)}"
        text_zh = f"{what_zh}{clock(seconds)}，短于{clock(minimum_s)}"
        return [Event(time_s, EventKind.SHORT, text, text_zh, {"seconds": round(seconds, 1), "minimum_s": minimum_s})]

    def _turning_point(self, stretch: SceneStretch | None, now: ClockTotals) -> TurningPoint | None:
        """The turning point by picture; what the user marked comes first."""
        if self._marked_s is None:
            return None if stretch is None else stretch.turn_at(self._frame_totals)
        if stretch is None or self._frame_totals_at_mark is None:
            return TurningPoint(self._marked_s, now)
        return TurningPoint(self._marked_s, self._clock_totals_at_mark or self._find_clock_totals_at_mark(stretch))

    def _find_clock_totals_at_mark(self, stretch: SceneStretch) -> ClockTotals:
        """What was counted before the mark, if this is the last stretch."""
        if self._marked_s is None or self._frame_totals_at_mark is None:
            return ClockTotals()
        end = self._frame_totals
        while stretch.start_s > self._marked_s and stretch.before is not None:
            end, stretch = stretch.frame_totals, stretch.before
        return stretch.clock_totals_at(self._frame_totals_at_mark.between(stretch.frame_totals, end))

    def _keep_past(self, time_s: float) -> None:
        """Keep what was seen up to now, once a second."""
        if self._past_s and time_s - self._past_s[-1] < _PAST_STEP_S:
            return
        self._past_s.append(time_s)
        for column, seconds in zip(self._past, self._frame_totals.parts, strict=True):
            column.append(seconds)

    def _frame_totals_at(self, time_s: float) -> FrameTotals | None:
        """What was seen up to a time, to about a second; None for a time that is still to come."""
        if time_s >= self._counted_until_s:
            return None
        after = bisect_right(self._past_s, time_s)
        if after == 0:
            return FrameTotals()
        is_last = after == len(self._past_s)
        start_s, end_s = self._past_s[after - 1], self._counted_until_s if is_last else self._past_s[after]
        ends = self._frame_totals.parts if is_last else tuple(column[after] for column in self._past)
        share = (time_s - start_s) / (end_s - start_s)
        starts = (column[after - 1] for column in self._past)
        return FrameTotals(*(start + share * (end - start) for start, end in zip(starts, ends, strict=True)))


def _whole_us(seconds: float) -> float:
    """A sum of thousands of frames is off by a last digit, and 6:00 must not be shown as 5:59 or called too short."""
    return round(seconds, 6)


def _caecum(time_s: float, how: str, en: str, zh: str) -> Event:
    """The event; ``how`` is a code in its data and not translated."""
    text, text_zh = f"Caecum reached ({en}): withdrawal starts", f"到达盲肠（{zh}）：退镜计时开始"
    return Event(time_s, EventKind.CAECUM, text, text_zh, {"how": how})
