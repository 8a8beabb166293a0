"""One frame in, its signals out: runs the stages of a watched examination in order and combines their results."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter

import cv2

from unmissed.datasets.basis.clock import local_now
from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.video import Frame, Gap
from unmissed.inference.endoscopy.frame.clarity import ClarityMeter
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.lesions import LesionModel
from unmissed.inference.endoscopy.frame.outside import OUTSIDE, OutsideMeter
from unmissed.inference.endoscopy.frame.sight import SightModel
from unmissed.inference.endoscopy.monitors import events as watch_events
from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.monitors.coverage import CoverageTracker
from unmissed.inference.endoscopy.monitors.likeness import LikenessWatch
from unmissed.inference.endoscopy.monitors.preparation import PreparationMonitor
from unmissed.inference.endoscopy.monitors.regions import RegionTracker
from unmissed.inference.endoscopy.monitors.speed import SpeedMonitor
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import (
    Clarity,
    ClockTimes,
    Event,
    EventKind,
    ExamResult,
    FrameSignals,
    FrameView,
    Motion,
    Reason,
    Scene,
    Sight,
)
from unmissed.inference.endoscopy.watching.lesion_watch import LesionStatus, LesionWatch
from unmissed.inference.endoscopy.watching.stage_times import StageTimes
from unmissed.inference.endoscopy.watching.steady_times import SteadyTimes

Sighting = Callable[[FrameView, float], Sight]


class Watcher(Closing):
    """Watches an examination frame by frame; frames come from one thread, in the order of time.

    Classifiers and motion run on threads of their own beside the other monitors, so that two cores serve one frame.

    Args:
        protocol: what the examination should contain.
        source: the stream, as the user named it.
        runtime: what runs the models.
        sighting: what recognises sites in place of the protocol's classifier: (view, probability of outside) -> Sight.

    Attributes:
        targets_s: least time of the protocol, and what to aim at.
        looks: has frames looked at for lesions; informed by ``keep_pace`` when they come in real time.

    Raises:
        ModelError, ConfigError, RuntimeUnavailableError: When a model cannot be used.
    """

    def __init__(
        self, protocol: Protocol, source: str = "", *, runtime: str = "onnx-cpu", sighting: Sighting | None = None
    ) -> None:
        self._protocol, self._source = protocol, source
        self._started_at, self.targets_s = local_now(), (protocol.minimum_s, protocol.aim_s)
        self._content, self._clarity, self._freeze = ContentFinder(), ClarityMeter(), FreezeMeter()
        self._similarity, self._motion, self._outside = SimilarityMeter(), MotionMeter(), OutsideMeter()
        self._speed = SpeedMonitor(protocol.speed)
        self._sight_model: SightModel | None = None
        if sighting is None:
            self._sight_model = SightModel(protocol.models, protocol.preparation, protocol.caecum, runtime=runtime)
            sighting = self._sight_model.classify
        self._sighting = sighting
        self._lesions = LesionModel(protocol.models.lesion, protocol.lesion.threshold, runtime=runtime)
        chosen = {**(self._sight_model.choices if self._sight_model else {}), "lesion": self._lesions.choice}
        self._choices = {role: choice for role, choice in chosen.items() if choice is not None}
        self._likeness = LikenessWatch([choice.file.card for choice in self._choices.values()])
        self._coverage, self._clocks = CoverageTracker(protocol), Clocks(protocol)
        self._regions, self._preparation = RegionTracker(protocol), PreparationMonitor(protocol.preparation)
        self._times, self._steady = StageTimes(), SteadyTimes()
        self._beside = ThreadPoolExecutor(2, thread_name_prefix="beside")
        find = self._lesions.detect if self._lesions.choice else None
        self.looks = LesionWatch(find, LesionAlerts(protocol.lesion, self._lesions.kinds), self._times, self._beside)
        self._before: FrameView | None = None
        self._speed_events, self._colour_events = watch_events.SpeedEvents(), watch_events.ColourEvents()
        self._events, self._reported = list[Event](), 0
        self._frames = {"read": 0, "analysed": 0, "dropped": 0, "legible": 0}
        self._size: tuple[int, int] | None = None
        self._span_s = (0.0, 0.0)
        cv2.setNumThreads(1)  # two threads of ours are the parallelism

    def take(self, item: Frame | Gap) -> FrameSignals | None:
        """Analyse a frame; None for a gap, whose time counts for no clock."""
        if isinstance(item, Gap):
            self._take_gap(item)
            return None
        start = perf_counter()
        item = replace(item, time_s=self._steady.time_of(item.index, item.time_s))
        if self._size is None:
            self._events.append(watch_events.started(item.time_s))
            self._span_s = (item.time_s, item.time_s)
        self._note_size(item)
        self._span_s = (self._span_s[0], item.time_s)
        self._frames["read"] += 1
        with self._times.stage("content"):
            view = self._content.view(item)
        outside = self._outside.update(view)
        self._events += self._colour_events.update(view.time_s, self._outside.doubt)
        classified = self._beside.submit(self._classify, view, outside)
        moved = self._beside.submit(self._follow_points, view)
        self.looks.start(view, item.index, outside <= OUTSIDE, self._size or (1, 1))
        signals = self._monitor(view, outside, moved)
        sight = classified.result()
        status = self.looks.finish(view.time_s, signals.clarity.legible)
        signals = self._follow(replace(signals, sight=sight), status, view)
        self._before = view
        self._frames["analysed"] += 1
        self._frames["legible"] += signals.clarity.legible
        self._times.add("total", 1000 * (perf_counter() - start))
        return signals

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

    def seen_sites(self) -> int:
        """How many sites of the protocol are credited so far."""
        return sum(event.kind is EventKind.SITE for event in self._events)

    def finish(self, ended: str = "end", frames_dropped: int = 0) -> ExamResult:
        """Finish: the result of what was watched so far, as a whole.

        Args:
            ended: "end" of the stream, "stopped" by the user, or what went wrong.
            frames_dropped: by the queue before the watcher.
        """
        self._events += (*self.looks.end(self._span_s[1]), *self._clocks.finish(self._span_s[1]))
        looks, clocks = self.looks.summary(), self._clocks.result()
        self._events.append(watch_events.ended(self._span_s[1], ended))
        width, height = self._size or (0, 0)
        return ExamResult(
            source=self._source,
            started_at=self._started_at,
            duration_s=self._span_s[1] - self._span_s[0],
            ended=ended,
            frames={**self._frames, "read": self._frames["read"] + frames_dropped, "dropped": frames_dropped},
            width_px=width,
            height_px=height,
            clocks=clocks,
            coverage=self._coverage.result(),
            events=tuple(self._events),
            times_ms=self._times.summary(),
            notes=(
                *(self._sight_model.notes if self._sight_model else ()),
                *self._lesions.notes,
                *self._colour_events.notes(),
                *self._likeness.notes(),
                *self._steady.notes(),
                *watch_events.lesion_pace_notes(looks),
            ),
            provenance={
                "protocol": self._protocol.model_dump(mode="json"),
                "models": {role: choice.provenance() for role, choice in self._choices.items()},
            },
            lesion_looks=looks,
            preparation=self._preparation.result(clocks.caecum_s, watch_events.left_s(self._events, self._span_s[1])),
            regions_seen=self._regions.result(),
        )

    def close(self) -> None:
        """Free the models and the threads."""
        self.looks.close()
        self._beside.shutdown(wait=True)
        self._lesions.close()
        if self._sight_model is not None:
            self._sight_model.close()

    def _classify(self, view: FrameView, outside: float) -> Sight:
        with self._times.stage("site"):
            return self._sighting(view, outside)

    def _follow_points(self, view: FrameView) -> Motion:
        with self._times.stage("motion"):
            return self._motion.update(view)

    def _monitor(self, view: FrameView, outside: float, moved: Future[Motion]) -> FrameSignals:
        """Everything that is measured on the picture itself."""
        with self._times.stage("clarity"):
            clarity = self._clarity.update(view, self._before)
            if outside > OUTSIDE:
                clarity = Clarity(clarity.score, False, Reason.OUTSIDE)
            frozen = self._freeze.update(view)
        with self._times.stage("similarity"):
            similarity = self._similarity.update(view)
        motion = moved.result()
        with self._times.stage("speed"):
            speed = self._speed.update(view.time_s, clarity, similarity, motion, frozen)
        return FrameSignals(
            view.time_s, clarity, frozen, similarity, motion, speed, Sight(Scene.INSIDE, {}), (), alert=False
        )

    def _follow(self, signals: FrameSignals, status: LesionStatus, view: FrameView) -> FrameSignals:
        """What frames add up to: clocks, coverage, alerts, and the events of the speed gauge."""
        time_s, legible = signals.time_s, signals.clarity.legible
        with self._times.stage("trackers"):
            observed = legible and not signals.frozen
            # An area that fills the view, such as a polyp, can look like the caecum.
            scene = None if status.alert and signals.sight.scene is Scene.CAECUM else signals.sight.scene
            found = self._clocks.update(time_s, scene, legible, signals.frozen)
            found += self._coverage.update(time_s, observed, signals.sight, lambda: view.image)
            self._regions.update(time_s, observed, signals.sight)
            self._preparation.update(time_s, observed, signals.sight, signals.clarity.reason)
            found += (*status.events, *self._likeness.update(time_s, observed, view.image))
            found += self._speed_events.update(time_s, signals.speed, signals.motion) if self._protocol.speed else ()
        self._events += found
        signals = replace(signals, lesions=status.lesions, lesion_time_s=status.frame_s)
        return replace(signals, alert=status.alert, mild=status.mild)

    def _take_gap(self, gap: Gap) -> None:
        self._clocks.gap(gap.start_s, gap.end_s)
        self._span_s = (self._span_s[0], max(self._span_s[1], gap.end_s))
        self._events.append(watch_events.lost(gap))
        self._before = None
        self.looks.forget()

    def _note_size(self, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        if self._size is not None and self._size != (width, height):
            self._events.append(watch_events.resized(frame.time_s, self._size, (width, height)))
            self._before = None
            self.looks.forget()
        self._size = (width, height)
