"""What frames add up to: clocks, coverage, events, the result. It needs no model, and outlives whoever looks."""

from collections.abc import Callable

import numpy as np

from unmissed.datasets.basis.clock import local_now
from unmissed.datasets.video import Gap
from unmissed.inference.endoscopy.monitors import events as watch_events
from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.monitors.coverage import CoverageTracker
from unmissed.inference.endoscopy.monitors.preparation import PreparationMonitor
from unmissed.inference.endoscopy.monitors.regions import RegionTracker
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, ExamResult, FrameSignals, Scene
from unmissed.inference.endoscopy.watching.seeing import SeeingFacts, Seen


class Following:
    """Follows an examination through what was seen in its frames, in the order of time.

    Args:
        protocol: what the examination should contain.
        source: the stream, as the user named it.
    """

    def __init__(self, protocol: Protocol, source: str) -> None:
        self._protocol, self._source, self._started_at = protocol, source, local_now()
        self._coverage, self._clocks = CoverageTracker(protocol), Clocks(protocol)
        self._regions, self._preparation = RegionTracker(protocol), PreparationMonitor(protocol.preparation)
        self._speed_events = watch_events.SpeedEvents()
        self._events, self._reported = list[Event](), 0
        self._frames = {"analysed": 0, "legible": 0}
        self._size: tuple[int, int] | None = None
        self._span_s = (0.0, 0.0)

    def take(self, seen: Seen, picture: Callable[[], np.ndarray | None]) -> None:
        """Take what a frame showed.

        Args:
            seen: of the frame.
            picture: gives its content, uint8 (h, w, 3) RGB; called only when it may be the best of its site so far;
                None where it is gone.
        """
        signals, time_s = seen.signals, seen.signals.time_s
        if self._size is None:
            self._events.append(watch_events.started(time_s))
            self._span_s = (time_s, time_s)
        elif self._size != seen.size_px:
            self._events.append(watch_events.resized(time_s, self._size, seen.size_px))
        self._size, self._span_s = seen.size_px, (self._span_s[0], time_s)
        self._frames["analysed"] += 1
        self._frames["legible"] += signals.clarity.legible
        self._events += (*self._follow(signals, picture), *seen.events, *self._fast(signals))

    def gap(self, gap: Gap) -> None:
        """Time without a picture, or without anybody who looked: it counts for no clock."""
        self._clocks.gap(gap.start_s, gap.end_s)
        self._span_s = (self._span_s[0], max(self._span_s[1], gap.end_s))
        self._events.append(watch_events.lost(gap))

    def mark_caecum(self, time_s: float) -> None:
        """The user says that the caecum is reached: the withdrawal clock starts."""
        self._events += self._clocks.mark_caecum(time_s)

    def new_events(self) -> list[Event]:
        """What has happened since the last call, in time order."""
        found = self._events[self._reported :]
        self._reported = len(self._events)
        return found

    def clocks(self) -> ClockTimes:
        """The current clocks."""
        return self._clocks.result()

    def seen_sites(self) -> tuple[str, ...]:
        """Codes of the sites that are credited so far, in their order."""
        return tuple(event.data["site"] for event in self._events if event.kind is EventKind.SITE)

    def finish(
        self, facts: SeeingFacts, ended: str = "end", frames_dropped: int = 0, late: tuple[Event, ...] = ()
    ) -> ExamResult:
        """Finish: the result of what was watched so far, as a whole.

        Args:
            facts: of who looked.
            ended: "end" of the stream, "stopped" by the user, or what went wrong.
            frames_dropped: by the queue before the analysis.
            late: events that were found after the last frame.
        """
        self._events += (*late, *self._clocks.finish(self._span_s[1]))
        clocks = self._clocks.result()
        self._events.append(watch_events.ended(self._span_s[1], ended))
        width, height = self._size or (0, 0)
        read = self._frames["analysed"] + frames_dropped
        return ExamResult(
            source=self._source,
            started_at=self._started_at,
            duration_s=self._span_s[1] - self._span_s[0],
            ended=ended,
            frames={"read": read, **self._frames, "dropped": frames_dropped},
            width_px=width,
            height_px=height,
            clocks=clocks,
            coverage=self._coverage.result(),
            events=tuple(self._events),
            times_ms=facts.times_ms,
            notes=facts.notes,
            provenance={"protocol": self._protocol.model_dump(mode="json"), "models": facts.models},
            lesion_looks=facts.looks,
            preparation=self._preparation.result(clocks.caecum_s, watch_events.left_s(self._events, self._span_s[1])),
            regions_seen=self._regions.result(),
        )

    def _follow(self, signals: FrameSignals, picture: Callable[[], np.ndarray | None]) -> list[Event]:
        time_s, legible = signals.time_s, signals.clarity.legible
        observed = legible and not signals.frozen
        # An area that fills the view, such as a polyp, can look like the caecum.
        scene = None if signals.alert and signals.sight.scene is Scene.CAECUM else signals.sight.scene
        found = self._clocks.update(time_s, scene, legible, signals.frozen)
        found += self._coverage.update(time_s, observed, signals.sight, picture)
        self._regions.update(time_s, observed, signals.sight)
        self._preparation.update(time_s, observed, signals.sight, signals.clarity.reason)
        return found

    def _fast(self, signals: FrameSignals) -> list[Event]:
        if not self._protocol.speed:
            return []
        return self._speed_events.update(signals.time_s, signals.speed, signals.motion)
