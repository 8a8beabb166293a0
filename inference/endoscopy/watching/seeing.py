"""What a frame shows: runs the stages that look at the picture, and keeps nothing longer than some seconds."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.clarity import ClarityMeter
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.lesions import LesionModel
from unmissed.inference.endoscopy.frame.outside import OUTSIDE, OutsideMeter
from unmissed.inference.endoscopy.frame.sight import SightModel
from unmissed.inference.endoscopy.monitors import events as watch_events
from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.monitors.likeness import LikenessWatch
from unmissed.inference.endoscopy.monitors.speed import SpeedMonitor
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import (
    Box,
    Clarity,
    Event,
    FrameSignals,
    FrameView,
    LesionLooks,
    Motion,
    Reason,
    Scene,
    Sight,
)
from unmissed.inference.endoscopy.watching.lesion_watch import LesionWatch
from unmissed.inference.endoscopy.watching.stage_times import StageTimes
from unmissed.inference.endoscopy.watching.steady_times import SteadyTimes

Sighting = Callable[[FrameView, float], Sight]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a frame shows.

    Attributes:
        signals: of the frame.
        size_px: width and height of the whole frame.
        content: where the picture of the endoscope is in it.
        events: of the picture: lesions, colour, likeness.
    """

    signals: FrameSignals
    size_px: tuple[int, int]
    content: Box
    events: tuple[Event, ...] = ()

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The content of the whole frame, uint8 (height, width, 3)."""
        left, top = int(self.content.x_px), int(self.content.y_px)
        return image[top : top + int(self.content.height_px), left : left + int(self.content.width_px)]


@dataclass(frozen=True, slots=True)
class SeeingFacts:
    """What is to be said of the models in the results: times of the stages, notes, hashes, how often lesions were
    looked for."""

    times_ms: dict[str, dict[str, float]]
    notes: tuple[str, ...]
    models: dict[str, Any]
    looks: LesionLooks | None = None


class Seeing(Closing):
    """Looks at frames; they come from one thread, in the order of time.

    Classifiers and motion run on threads of their own beside the other monitors, so that two cores serve one frame.

    Args:
        protocol: names the models and their limits.
        runtime: what runs the models.
        sighting: what recognises sites in place of the protocol's classifier: (view, probability of outside) -> Sight.

    Attributes:
        looks: has frames looked at for lesions; informed by ``keep_pace`` when they come in real time.

    Raises:
        ModelError, ConfigError, RuntimeUnavailableError: When a model cannot be used.
    """

    def __init__(self, protocol: Protocol, *, runtime: str = "onnx-cpu", sighting: Sighting | None = None) -> None:
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
        self._times, self._steady = StageTimes(), SteadyTimes()
        self._beside = ThreadPoolExecutor(2, thread_name_prefix="beside")
        find = self._lesions.detect if self._lesions.choice else None
        self.looks = LesionWatch(find, LesionAlerts(protocol.lesion, self._lesions.kinds), self._times, self._beside)
        self._colour_events = watch_events.ColourEvents()
        self._before: FrameView | None = None
        self._size: tuple[int, int] | None = None
        cv2.setNumThreads(1)  # two threads of ours are the parallelism

    def see(self, frame: Frame) -> Seen:
        """Analyse a frame.

        Raises:
            UnmissedError: What a model raised.
        """
        start = perf_counter()
        frame = replace(frame, time_s=self._steady.time_of(frame.index, frame.time_s))
        height, width = frame.image.shape[:2]
        if self._size is not None and self._size != (width, height):
            self.forget()
        self._size = (width, height)
        with self._times.stage("content"):
            view = self._content.view(frame)
        outside = self._outside.update(view)
        events = [*self._colour_events.update(view.time_s, self._outside.doubt)]
        classified = self._beside.submit(self._classify, view, outside)
        moved = self._beside.submit(self._follow_points, view)
        self.looks.start(view, frame.index, outside <= OUTSIDE, self._size)
        signals = self._monitor(view, outside, moved)
        sight = classified.result()
        status = self.looks.finish(view.time_s, signals.clarity.legible)
        observed = signals.clarity.legible and not signals.frozen
        events += (*status.events, *self._likeness.update(view.time_s, observed, view.image))
        signals = replace(
            signals,
            sight=sight,
            lesions=status.lesions,
            lesion_time_s=status.frame_s,
            alert=status.alert,
            mild=status.mild,
        )
        self._before = view
        self._times.add("total", 1000 * (perf_counter() - start))
        return Seen(signals, self._size, view.content, tuple(events))

    def forget(self) -> None:
        """The picture is another one now: nothing is compared with what was before."""
        self._before = None
        self.looks.forget()

    def facts(self) -> SeeingFacts:
        """What is to be said of the models so far."""
        looks = self.looks.summary()
        notes = (
            *(self._sight_model.notes if self._sight_model else ()),
            *self._lesions.notes,
            *self._colour_events.notes(),
            *self._likeness.notes(),
            *self._steady.notes(),
            *watch_events.lesion_pace_notes(looks),
        )
        models = {role: choice.provenance() for role, choice in self._choices.items()}
        return SeeingFacts(self._times.summary(), notes, models, looks)

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
