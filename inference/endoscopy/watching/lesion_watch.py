"""When the lesion model looks at a frame, and what is shown in between: every frame of a file, in real time some."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.inference.endoscopy.monitors.alerts import LOST_S, LesionAlerts
from unmissed.inference.endoscopy.values import Box, Event, FrameView, Lesion, LesionLooks
from unmissed.inference.endoscopy.watching.look_pace import LookPace
from unmissed.inference.endoscopy.watching.stage_times import StageTimes

_STAGE = "lesion"
_WAIT_SHARE = 0.75  # of the time between two frames: so long a result waits for the model that looks at every frame
_TRIALS = 3  # looks before the first frame; the first of them is slower than any later one
_NICENESS = 5  # of the model's thread, on Linux: frames that are due go first

DetectLesions = Callable[[FrameView], tuple[Lesion, ...]]


@dataclass(frozen=True, slots=True)
class LesionStatus:
    """What is known of suspicious areas at a frame.

    Attributes:
        lesions: the boxes that were found last.
        frame_s: time of the frame that they lie in; None where nothing is known.
        alert: whether an area is there that has persisted; ``mild``: and all of these look like a mild kind.
        events: what is announced.
    """

    lesions: tuple[Lesion, ...] = ()
    frame_s: float | None = None
    alert: bool = False
    mild: bool = False
    events: tuple[Event, ...] = ()


@dataclass(slots=True, eq=False)
class _Look:
    """A frame that the model looks at, or need not (no ``job``); ``legible`` and ``lesions`` are set later."""

    time_s: float
    frame_px: tuple[int, int]
    job: Future[tuple[tuple[Lesion, ...], float]] | None = None
    legible: bool = False
    lesions: tuple[Lesion, ...] = ()
    is_void: bool = False


class LesionWatch(Closing):
    """Has frames looked at, and keeps the alerts.

    As it is made, every frame is looked at and its result is waited for, so that the result for a file does not depend
    on the machine. After ``keep_pace`` the model runs on a thread of its own at every n-th frame, and a frame takes the
    result that is ready: boxes are held until the next ones come, for a second at most.

    Args:
        find: finds lesions in a frame; None: no lesion model.
        alerts: takes what was found.
        times: gets the time of every look.
        beside: runs the looks until ``keep_pace``.
    """

    def __init__(self, find: DetectLesions | None, alerts: LesionAlerts, times: StageTimes, beside: Executor) -> None:
        self._find, self._alerts, self._times = find, alerts, times
        self._executor = beside
        self._own: ThreadPoolExecutor | None = None
        self._pace: LookPace | None = None
        self._running: _Look | None = None
        self._ready: list[_Look] = []
        self._held: tuple[float, tuple[Lesion, ...]] | None = None
        self._began_s, self._last, self._looked = 0.0, (0, 0.0), 0
        self._frames = self._looks = 0

    @property
    def every(self) -> int:
        """The model looks at every n-th frame; 1 where it looks at all."""
        return 1 if self._pace is None else self._pace.every

    def keep_pace(self, fps: float, width_px: int, height_px: int) -> None:
        """From now on frames come in real time: look as often as this machine can.

        Args:
            fps: of the stream.
            width_px, height_px: of its frames, for trials that measure how long a look takes.
        """
        if self._find is None:
            return
        self._pace = LookPace(1000 / max(fps, 1.0))
        self._executor = self._own = ThreadPoolExecutor(1, "lesions", initializer=_give_way)
        if not (width_px and height_px):
            return
        image = np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), np.uint8)
        grey = image[..., 1]
        view = FrameView(0.0, Box(0.0, 0.0, width_px, height_px), image, grey, grey, grey)
        trials = [self._own.submit(_timed, self._find, view).result()[1] for _ in range(_TRIALS)]
        for milliseconds in trials[1:]:
            self._pace.add_look(milliseconds)

    def start(self, view: FrameView, index: int, is_inside: bool, frame_px: tuple[int, int]) -> None:
        """A frame is analysed from now on; has it looked at if its turn has come.

        Args:
            view: of the frame.
            index: of the frame in the stream, those that were dropped counted.
            is_inside: lesions are not searched outside the body.
            frame_px: width and height of the whole frame.
        """
        self._began_s = perf_counter()
        if self._find is None:
            return
        self._collect()
        if self._pace is not None and index > self._last[0]:
            self._pace.add_interval(1000 * (view.time_s - self._last[1]) / (index - self._last[0]))
        self._last = index, view.time_s
        if not is_inside:
            self._void()
            self._ready.append(_Look(view.time_s, frame_px))
            return
        self._frames += 1
        is_due = self._pace is None or not self._looked < index < self._looked + self._pace.every
        if is_due and self._running is None:
            self._looked = index
            self._running = _Look(view.time_s, frame_px, self._executor.submit(_timed, self._find, view))

    def finish(self, time_s: float, legible: bool) -> LesionStatus:
        """The frame is analysed but for its lesions: what is to be shown of them.

        Raises:
            UnmissedError: What the model raised, at this frame or one before.
        """
        look = self._running
        if look is not None and look.job is not None and look.time_s == time_s:
            look.legible = legible
            wait([look.job], self._patience_s())
        return self._status(time_s)

    def forget(self) -> None:
        """The picture is another one now: what was found before it is not shown any more."""
        self._void()
        self._ready, self._held = [], None
        if self._pace is not None:
            self._alerts.forget()

    def end(self, time_s: float) -> tuple[Event, ...]:
        """Wait for a look that is not over; returns what it leads to.

        Raises:
            UnmissedError: What the model raised.
        """
        if self._running is not None and self._running.job is not None:
            wait([self._running.job])
        return self._status(time_s).events

    def summary(self) -> LesionLooks | None:
        """How often the model looked; None where it looks at every frame anyway, or there is no lesion model."""
        if self._pace is None:
            return None
        times = self._times.summary().get(_STAGE)
        return LesionLooks(
            looks=self._looks,
            frames=self._frames,
            frames_per_look=round(self._frames / self._looks, 2) if self._looks else None,
            median_ms=times["p50"] if times else None,
            interval_ms=round(self._pace.interval_ms, 1),
        )

    def close(self) -> None:
        """Wait for the thread."""
        if self._own is not None:
            self._own.shutdown(wait=True, cancel_futures=True)

    def _patience_s(self) -> float | None:
        """How long this frame may wait for its own look: without end for a file, not at all where most have none."""
        if self._pace is None:
            return None
        if self._pace.every > 1:
            return 0.0
        return max(0.0, self._began_s + _WAIT_SHARE * self._pace.interval_ms / 1000 - perf_counter())

    def _collect(self) -> None:
        """Take the look that is over; an error of the model is raised here, of a look that is void too."""
        look = self._running
        if look is None or look.job is None or not look.job.done():
            return
        self._running = None
        look.lesions, milliseconds = look.job.result()
        self._looks += 1
        self._times.add(_STAGE, milliseconds)
        if self._pace is not None:
            self._pace.add_look(milliseconds)
        if not look.is_void:
            self._ready.append(look)

    def _void(self) -> None:
        if self._running is not None:
            self._running.is_void = True

    def _status(self, time_s: float) -> LesionStatus:
        self._collect()
        events = []
        for look in self._ready:
            _, event = self._alerts.update(look.time_s, look.lesions, look.legible, look.frame_px)
            self._held = None if look.job is None else (look.time_s, self._alerts.name_kinds(look.lesions))
            if event is not None:
                late = {} if look.time_s == time_s else {"frame_s": round(look.time_s, 3)}
                events.append(replace(event, time_s=time_s, data={**event.data, **late}))
        self._ready = []
        if self._held is not None and time_s - self._held[0] > LOST_S:
            self._held = None
        frame_s, lesions = self._held or (None, ())
        alert = self._alerts.is_alert(time_s)
        return LesionStatus(lesions, frame_s, alert, alert and self._alerts.is_mild, tuple(events))


def _timed(find: DetectLesions, view: FrameView) -> tuple[tuple[Lesion, ...], float]:
    """What is found, and the milliseconds that it took."""
    start_s = perf_counter()
    found = find(view)
    return found, 1000 * (perf_counter() - start_s)


def _give_way() -> None:
    """Lower the priority of this thread only, which is possible on Linux."""
    if sys.platform == "linux":
        os.nice(_NICENESS)
