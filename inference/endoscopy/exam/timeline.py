"""An examination over time, in at most 1,500 stretches however long it is: for the report and its figures."""

from collections import defaultdict
from dataclasses import dataclass, field

from unmissed.inference.endoscopy.values import FrameSignals, Reason, Scene, SpeedState

MOST_STRETCHES = 1500

_FIRST_WIDTH_S = 0.1
# A longer pause between two frames is a gap: that time was not watched.
LONGEST_STEP_S = 1.0


def _seconds() -> dict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class TimelineStretch:
    """Some frames that follow each other; seconds are those from the frame before, gaps left out.

    Attributes:
        start_s, end_s: times of the first and the last frame.
        speed_low, speed_high: range of the gauge; None where it was grey throughout.
        states, reasons, scenes, sites: value -> seconds; reasons only of what was not legible.
        probability: highest probability of each site.
        frozen_s: standing still.
        alert: whether an area alerted.
    """

    start_s: float
    end_s: float
    speed_low: float | None = None
    speed_high: float | None = None
    states: dict[str, float] = field(default_factory=_seconds)
    reasons: dict[str, float] = field(default_factory=_seconds)
    scenes: dict[str, float] = field(default_factory=_seconds)
    sites: dict[str, float] = field(default_factory=_seconds)
    probability: dict[str, float] = field(default_factory=_seconds)
    frozen_s: float = 0.0
    alert: bool = False

    @property
    def seconds(self) -> float:
        """Time that was watched."""
        return sum(self.states.values())

    @property
    def legible_s(self) -> float:
        """Time with a legible picture."""
        return self.seconds - sum(self.reasons.values())

    @property
    def state(self) -> SpeedState:
        """The fastest state, which has to stay visible however few points there are; grey where nothing else was."""
        order = (SpeedState.RED, SpeedState.AMBER, SpeedState.GREEN, SpeedState.NOT_ASSESSED)
        return next((state for state in order if state.value in self.states), SpeedState.GREY)

    def take(self, other: "TimelineStretch") -> None:
        """Add a later one."""
        self.end_s = max(self.end_s, other.end_s)
        if other.speed_low is not None and other.speed_high is not None:
            self.speed_low = other.speed_low if self.speed_low is None else min(self.speed_low, other.speed_low)
            self.speed_high = other.speed_high if self.speed_high is None else max(self.speed_high, other.speed_high)
        for mine, theirs in (
            (self.states, other.states),
            (self.reasons, other.reasons),
            (self.scenes, other.scenes),
            (self.sites, other.sites),
        ):
            for name, seconds in theirs.items():
                mine[name] += seconds
        for name, probability in other.probability.items():
            self.probability[name] = max(self.probability[name], probability)
        self.frozen_s += other.frozen_s
        self.alert = self.alert or other.alert


class Timeline:
    """Collects frames as they come.

    The stretches are equally wide in time. When they become too many, neighbours are joined: low and high values,
    and seconds, stay exact.
    """

    def __init__(self) -> None:
        self._width_s = _FIRST_WIDTH_S
        self._stretches: dict[int, TimelineStretch] = {}
        self._last: FrameSignals | None = None
        self._illegible_s = 0.0
        self.longest_illegible_s = 0.0
        self.frames = self.legible = 0

    @property
    def stretches(self) -> tuple[TimelineStretch, ...]:
        """In time order."""
        return tuple(self._stretches[place] for place in sorted(self._stretches))

    def add(self, signals: FrameSignals) -> None:
        """Take the next frame."""
        last = self._last
        step_s = 0.0 if last is None else signals.time_s - last.time_s
        is_gap = not 0 <= step_s <= LONGEST_STEP_S
        seconds = 0.0 if is_gap else step_s
        self._count(signals, seconds, is_gap)
        place = self._place(signals.time_s)
        found = _stretch(signals, seconds)
        if place in self._stretches:
            self._stretches[place].take(found)
        else:
            self._stretches[place] = found
        self._last = signals

    def seconds_by_state(self, start_s: float, end_s: float) -> dict[str, float]:
        """Seconds of each speed state between two times, to the width of a stretch."""
        total = {state.value: 0.0 for state in SpeedState}
        for stretch in self._stretches.values():
            if start_s <= (stretch.start_s + stretch.end_s) / 2 <= end_s:
                for state, seconds in stretch.states.items():
                    total[state] += seconds
        return total

    def _count(self, signals: FrameSignals, seconds: float, is_gap: bool) -> None:
        self.frames += 1
        self.legible += signals.clarity.legible
        hidden = not signals.clarity.legible and signals.clarity.reason is not Reason.OUTSIDE
        if is_gap or not hidden or signals.sight.scene is Scene.OUTSIDE:
            self._illegible_s = 0.0
        else:
            self._illegible_s += seconds
            self.longest_illegible_s = max(self.longest_illegible_s, self._illegible_s)

    def _place(self, time_s: float) -> int:
        while time_s / self._width_s >= MOST_STRETCHES:
            self._width_s *= 2
            joined: dict[int, TimelineStretch] = {}
            for place in sorted(self._stretches):
                if place // 2 in joined:
                    joined[place // 2].take(self._stretches[place])
                else:
                    joined[place // 2] = self._stretches[place]
            self._stretches = joined
        return max(0, int(time_s / self._width_s))


def _stretch(signals: FrameSignals, seconds: float) -> TimelineStretch:
    """One frame as a stretch."""
    speed, sight = signals.speed, signals.sight
    made = TimelineStretch(signals.time_s, signals.time_s, speed.speed, speed.speed)
    made.states[speed.state.value] = seconds
    made.scenes[sight.scene.value] = seconds
    if not signals.clarity.legible:
        made.reasons[signals.clarity.reason.value] = seconds
    if sight.site:
        made.sites[sight.site] = seconds
        made.probability[sight.site] = sight.site_probability
    made.frozen_s = seconds if signals.frozen else 0.0
    made.alert = signals.alert
    return made
