"""The clocks of an examination: inside, withdrawal from the caecum, therapy, effective observation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.scenes import Run, SceneSmoother
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, Scene

_LONGEST_FRAME_S = 2.0  # a frame stands for no more time than this; what is missing is no observation
_SAME_STAY_S = 10.0  # the caecum that is told again within this time is still the same turning point
_LONG_ILLEGIBLE_S = 10.0
_LONG_FROZEN_S = 0.5


@dataclass(frozen=True, slots=True)
class _Span:
    """Time during which nothing changed."""

    start_s: float
    end_s: float
    legible: bool
    frozen: bool


class Clocks:
    """Follows scenes, legibility and frozen pictures; times are stream seconds.

    A scene counts when it has lasted a second or two (see ``scenes``), and then from its start, so a few wrong frames
    neither start nor stop a clock. Frozen pictures and gaps stop all clocks.

    Parameters
    ----------
    protocol : its minimum is what SHORT is judged by.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._scenes = SceneSmoother()
        self._last: tuple[float, Scene, bool, bool] | None = None
        self._spans: list[_Span] = []
        self._marked_s: float | None = None
        self._told: Run | None = None
        self._is_short_told = False
        self._illegible_s = self._frozen_s = 0.0

    def of(self, time_s: float, scene: Scene, legible: bool, frozen: bool) -> list[Event]:
        """Take a frame; returns what is certain now, which may have happened a moment ago.

        Parameters
        ----------
        scene : what the frame alone says.
        legible : whether anything can be told from it; an illegible frame may only tell that it is outside or not.
        frozen : whether the picture stands still.
        """
        found = self._count(time_s)
        self._last = (time_s, scene, legible, frozen)
        return found + self._news()

    def gap(self, start_s: float, end_s: float) -> None:
        """Nothing was watched from one time to another."""
        if self._last is not None:
            self._count(min(max(start_s, self._last[0]), end_s))
            self._last = (end_s, *self._last[1:])

    def mark_caecum(self, time_s: float) -> list[Event]:
        """The user says that the turning point is reached; this outweighs what was told by pictures."""
        self._marked_s = time_s
        return [_caecum(time_s, "by key", "手动标记")]

    def finish(self, time_s: float) -> list[Event]:
        """The stream ends; returns what had not been told yet."""
        found = self._count(time_s)
        self._last = None
        found += self._tell(self._scenes.best())
        return sorted(found + self._short(time_s), key=lambda event: event.time_s)

    def result(self) -> ClockTimes:
        """The clocks as they stand."""
        runs = _runs(self._scenes.best())
        turn_s = self._turning_point(runs)
        examination = withdrawal = therapy = effective = frozen = illegible = 0.0
        for start_s, end_s, span, scene in _split(self._spans, runs):
            seconds = end_s - start_s
            if scene is Scene.OUTSIDE:
                continue
            if span.frozen:
                frozen += seconds
                continue
            examination += seconds
            illegible += seconds * (not span.legible)
            after_s = seconds if turn_s is None else max(0.0, end_s - max(start_s, turn_s))
            if scene is Scene.INSTRUMENT:
                therapy += after_s
            else:
                withdrawal += after_s
                effective += after_s * span.legible
        return ClockTimes(
            examination, None if turn_s is None else withdrawal, therapy, effective, turn_s, frozen, illegible
        )

    def _count(self, time_s: float) -> list[Event]:
        """The last frame lasted until now."""
        if self._last is None:
            return []
        start_s, scene, legible, frozen = self._last
        end_s = min(time_s, start_s + _LONGEST_FRAME_S)
        if end_s <= start_s:
            return []
        span = _Span(start_s, end_s, legible, frozen)
        if self._spans and _joins(self._spans[-1], span):
            self._spans[-1] = replace(self._spans[-1], end_s=end_s)
        else:
            self._spans.append(span)
        if frozen:
            self._scenes.of(start_s, end_s, None)
        elif legible or scene is Scene.OUTSIDE:
            self._scenes.of(start_s, end_s, scene)
        else:
            self._scenes.of(start_s, end_s, None, only_not=Scene.OUTSIDE)
        return self._stretches(span, scene)

    def _stretches(self, span: _Span, scene: Scene) -> list[Event]:
        """Frozen and long illegible stretches, once each."""
        found = []
        seconds = span.end_s - span.start_s
        before_s, self._frozen_s = self._frozen_s, self._frozen_s + seconds if span.frozen else 0.0
        if before_s < _LONG_FROZEN_S <= self._frozen_s:
            start_s = span.end_s - self._frozen_s
            found.append(Event(start_s, EventKind.FROZEN, "Picture frozen: clocks stopped", "画面冻结：计时暂停"))
        is_blind = not span.legible and not span.frozen and scene is not Scene.OUTSIDE
        before_s, self._illegible_s = self._illegible_s, self._illegible_s + seconds if is_blind else 0.0
        if before_s < _LONG_ILLEGIBLE_S <= self._illegible_s:
            start_s = span.end_s - self._illegible_s
            found.append(
                Event(
                    start_s,
                    EventKind.ILLEGIBLE,
                    f"Nothing to be seen for {_LONG_ILLEGIBLE_S:.0f} s",
                    f"持续{_LONG_ILLEGIBLE_S:.0f}秒看不清",
                )
            )
        return found

    def _news(self) -> list[Event]:
        return self._tell(self._scenes.settled()[0])

    def _tell(self, last: Run | None) -> list[Event]:
        """Events of the stretches up to this one that were not told yet."""
        fresh: list[Run] = []
        step = last
        while step is not None and step is not self._told:
            fresh.append(step)
            step = step.before
        if last is not None:
            self._told = last
        return [event for run in reversed(fresh) for event in self._events_of(run)]

    def _events_of(self, run: Run) -> list[Event]:
        before = Scene.OUTSIDE if run.before is None else run.before.scene
        found = []
        if run.scene is Scene.OUTSIDE and run.before is not None:
            found.append(Event(run.start_s, EventKind.LEFT, "Left the body", "镜身退出体外"))
            found += self._short(run.start_s)
        elif run.scene is not Scene.OUTSIDE and before is Scene.OUTSIDE:
            found.append(Event(run.start_s, EventKind.ENTERED, "Entered the body", "进镜"))
        if run.scene is Scene.CAECUM and self._marked_s is None and _opens_a_stay(run):
            found.append(_caecum(run.start_s, "by picture", "图像识别"))
        if run.scene is Scene.INSTRUMENT:
            found.append(Event(run.start_s, EventKind.THERAPY, "Instrument in view", "器械进入视野", {"on": True}))
        elif before is Scene.INSTRUMENT:
            found.append(Event(run.start_s, EventKind.THERAPY, "Instrument gone", "器械离开视野", {"on": False}))
        return found

    def _short(self, time_s: float) -> list[Event]:
        """SHORT, once, when what the protocol demands a minimum of has ended before it."""
        times = self.result()
        is_withdrawal = self._protocol.minimum_of == "withdrawal"
        seconds = times.withdrawal_s if is_withdrawal else times.examination_s
        minimum_s = self._protocol.minimum_s
        if self._is_short_told or not seconds or seconds >= minimum_s:
            return []
        self._is_short_told = True
        what, what_zh = ("Withdrawal", "退镜时间") if is_withdrawal else ("Examination", "检查时间")
        text = f"{what} of {_clock(seconds)}: shorter than {_clock(minimum_s)}"
        text_zh = f"{what_zh}{_clock(seconds)}，短于{_clock(minimum_s)}"
        return [Event(time_s, EventKind.SHORT, text, text_zh, {"seconds": round(seconds, 1), "minimum_s": minimum_s})]

    def _turning_point(self, runs: list[tuple[float, float, Scene]]) -> float | None:
        """Start of the last stay in the caecum; what the user marked comes first."""
        if self._marked_s is not None:
            return self._marked_s
        turn_s = left_s = None
        for start_s, end_s, scene in runs:
            if scene is Scene.CAECUM:
                if turn_s is None or left_s is None or start_s - left_s > _SAME_STAY_S:
                    turn_s = start_s
                left_s = end_s
        return turn_s


def _joins(before: _Span, span: _Span) -> bool:
    return before.end_s == span.start_s and (before.legible, before.frozen) == (span.legible, span.frozen)


def _runs(last: Run | None) -> list[tuple[float, float, Scene]]:
    """(start_s, end_s, scene) of all stretches, the oldest first."""
    found: list[tuple[float, float, Scene]] = []
    end_s = float("inf")
    while last is not None:
        found.append((last.start_s, end_s, last.scene))
        end_s, last = last.start_s, last.before
    return found[::-1]


def _split(spans: list[_Span], runs: list[tuple[float, float, Scene]]) -> Iterator[tuple[float, float, _Span, Scene]]:
    """(start_s, end_s, span, scene) of spans cut where the scene changes; both lists are in the order of time."""
    at = 0
    for span in spans:
        while at < len(runs) and runs[at][1] <= span.start_s:
            at += 1
        for start_s, end_s, scene in runs[at:]:
            if start_s >= span.end_s:
                break
            yield max(start_s, span.start_s), min(end_s, span.end_s), span, scene


def _opens_a_stay(run: Run) -> bool:
    """Whether no caecum was told shortly before."""
    step, end_s = run.before, run.start_s
    while step is not None and run.start_s - end_s <= _SAME_STAY_S:
        if step.scene is Scene.CAECUM:
            return False
        end_s, step = step.start_s, step.before
    return True


def _caecum(time_s: float, how: str, how_zh: str) -> Event:
    text = f"Caecum reached ({how}): withdrawal starts"
    return Event(time_s, EventKind.CAECUM, text, f"到达盲肠（{how_zh}）：退镜计时开始", {"how": how})


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
