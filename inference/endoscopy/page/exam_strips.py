"""The time line of an examination: strips of what was seen and bars of the speed gauge, in thousandths of its width."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from unmissed.inference.endoscopy.exam.schema import StoredExam
from unmissed.inference.endoscopy.exam.timeline import LONGEST_STEP_S, Timeline, TimelineStretch
from unmissed.inference.endoscopy.page.words import REASONS, SCENES, STATES
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import Reason, SpeedState
from unmissed.inference.reports.words import Word

WIDTH = 1000.0
Bar = tuple[float, float, float, float]

_LEAST_WIDTH = 0.8
# Of a stretch with several values each one is shown that lasted for this share of it.
_LEAST_SHARE = 0.2
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
_MOST_TICKS = 12


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of the time line.

    Attributes:
        word: its label.
        tone: names the colour.
        runs: (start, width), in thousandths of the width.
        dots: places of marks.
        code: shown before the label.
    """

    word: Word
    tone: str
    runs: tuple[tuple[float, float], ...]
    dots: tuple[float, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class SpeedChart:
    """The gauge over time.

    Attributes:
        bars: (start, width, low, high) of what was held against limits, values 0..100.
        not_assessed: the same of what was measured without limits.
        grey: (start, width) where nothing could be measured.
    """

    bars: tuple[Bar, ...]
    not_assessed: tuple[Bar, ...]
    grey: tuple[tuple[float, float], ...]


class Strips:
    """Brings stretches of time to places on the page.

    Args:
        timeline: of the examination.
        duration_s: what the whole width represents, from the first frame.
    """

    def __init__(self, timeline: Timeline, duration_s: float) -> None:
        self._stretches = timeline.stretches
        self.start_s = self._stretches[0].start_s if self._stretches else 0.0
        last_s = self._stretches[-1].end_s - self.start_s if self._stretches else 0.0
        self.duration_s = max(duration_s, last_s, 0.1)
        self._ends = self._end_times()

    def place(self, time_s: float) -> float:
        """Thousandths of the width at a time of the stream."""
        return round(min(max((time_s - self.start_s) / self.duration_s, 0.0), 1.0) * WIDTH, 2)

    def ticks(self) -> tuple[tuple[float, float], ...]:
        """(place, seconds from the first frame) of round times."""
        step_s = next((step for step in _STEPS_S if self.duration_s / step <= _MOST_TICKS), _STEPS_S[-1])
        count = min(int(self.duration_s / step_s), 10 * _MOST_TICKS)
        return tuple((self.place(self.start_s + index * step_s), index * step_s) for index in range(count + 1))

    def runs(self, is_on: Callable[[TimelineStretch], bool]) -> tuple[tuple[float, float], ...]:
        """Stretches for which something holds, neighbours joined."""
        found: list[tuple[float, float]] = []
        for stretch, end_s in zip(self._stretches, self._ends, strict=True):
            if not is_on(stretch):
                continue
            if found and stretch.start_s <= found[-1][1]:
                found[-1] = (found[-1][0], end_s)
            else:
                found.append((stretch.start_s, end_s))
        return tuple(self._span(start_s, end_s) for start_s, end_s in found)

    def speed(self) -> SpeedChart:
        """The gauge."""
        bars: list[Bar] = []
        not_assessed: list[Bar] = []
        for stretch, end_s in zip(self._stretches, self._ends, strict=True):
            if stretch.speed_low is not None and stretch.speed_high is not None:
                low, high = round(stretch.speed_low, 1), round(stretch.speed_high, 1)
                found = not_assessed if stretch.state is SpeedState.NOT_ASSESSED else bars
                found.append((*self._span(stretch.start_s, end_s), low, high))
        grey = self.runs(lambda stretch: stretch.state is SpeedState.GREY)
        return SpeedChart(tuple(bars), tuple(not_assessed), grey)

    def red(self) -> Lane:
        """Where the gauge was red."""
        return Lane(STATES[SpeedState.RED], "bad", self.runs(lambda stretch: stretch.state is SpeedState.RED))

    def states(self) -> tuple[tuple[SpeedState, float, float], ...]:
        """(state, start, end) of every stretch, in seconds of the stream."""
        return tuple(
            (stretch.state, stretch.start_s, end_s) for stretch, end_s in zip(self._stretches, self._ends, strict=True)
        )

    def legibility(self, exam: StoredExam) -> tuple[Lane, ...]:
        """Legible, then each reason that occurs, frozen, and where there was no picture."""
        lanes = [Lane(Word("Clear", "清晰"), "calm", self.runs(lambda stretch: _lasts(stretch, stretch.legible_s)))]
        for reason, word in REASONS.items():
            runs = self._runs_of("reasons", reason)
            if runs:
                lanes.append(Lane(word, "soft" if reason is Reason.OUTSIDE else "warn", runs))
        frozen = self.runs(lambda stretch: stretch.frozen_s > 0 and _lasts(stretch, stretch.frozen_s))
        if frozen:
            lanes.append(Lane(Word("Frozen", "画面冻结"), "soft", frozen))
        gaps = tuple(self._span(gap.start_s, gap.end_s or gap.start_s) for gap in exam.gaps)
        if gaps:
            lanes.append(Lane(REASONS[Reason.GAP], "soft", gaps))
        return tuple(lanes)

    def scenes(self) -> tuple[Lane, ...]:
        """Each scene that occurs, but plain inside."""
        lanes = []
        for scene, word in SCENES.items():
            runs = self._runs_of("scenes", scene)
            if runs:
                lanes.append(Lane(word, "look", runs))
        return tuple(lanes)

    def sites(self, exam: StoredExam, protocol: Protocol) -> tuple[Lane, ...]:
        """A lane for each site: where it was the most probable one, and its best frame."""
        lanes = []
        for site in exam.sites:
            runs = self._runs_of("sites", site.code, least=protocol.coverage.credit)
            dots = () if site.best_time_s is None else (self.place(site.best_time_s),)
            lanes.append(
                Lane(Word(site.name, site.name_zh), "calm" if site.seen else "bad", runs, dots, code=site.code)
            )
        return tuple(lanes)

    def lesions(self) -> Lane:
        """Where an area alerted."""
        return Lane(Word("Suspicious area", "可疑区域"), "bad", self.runs(lambda stretch: stretch.alert))

    def _runs_of(
        self, kind: Literal["reasons", "scenes", "sites"], value: str, least: float = 0.0
    ) -> tuple[tuple[float, float], ...]:
        """Where a value was found for a good part of the stretch; of a site with that probability at least."""

        def is_on(stretch: TimelineStretch) -> bool:
            seconds: dict[str, float] = getattr(stretch, kind)
            if value not in seconds or stretch.probability.get(value, 1.0) < least:
                return False
            return _lasts(stretch, seconds[value])

        return self.runs(is_on)

    def _end_times(self) -> list[float]:
        """A stretch reaches to the next one, or to its own last frame before a gap."""
        after = [stretch.start_s for stretch in self._stretches[1:]]
        ends = [
            start_s if start_s - stretch.end_s <= LONGEST_STEP_S else stretch.end_s
            for stretch, start_s in zip(self._stretches, after, strict=False)
        ]
        return [*ends, self._stretches[-1].end_s] if self._stretches else []

    def _span(self, start_s: float, end_s: float) -> tuple[float, float]:
        start = self.place(start_s)
        return start, round(max(self.place(end_s) - start, _LEAST_WIDTH), 2)


def _lasts(stretch: TimelineStretch, seconds: float) -> bool:
    return seconds >= _LEAST_SHARE * stretch.seconds
