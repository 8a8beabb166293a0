"""A whole examination watched: a source in, a folder with signals, events and the report out."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from time import perf_counter

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.files import output_error
from unmissed.datasets.basis.versions import package_versions
from unmissed.datasets.video import Frame, Gap, VideoSource
from unmissed.datasets.video.live import SILENT_S
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, ExamResult, FrameSignals
from unmissed.inference.endoscopy.watching.annotate import AnnotatedVideo
from unmissed.inference.endoscopy.watching.exam_folder import ExamFolder
from unmissed.inference.endoscopy.watching.feed import Arrival, Feed
from unmissed.inference.endoscopy.watching.overlay import ExamProgress
from unmissed.inference.endoscopy.watching.stage_times import StageTimes
from unmissed.inference.endoscopy.watching.watcher import Watcher

ANNOTATED_FILE = "annotated.mp4"
STOPPED = "stopped"

_TURN_S = 0.2  # how often the user is listened to while no picture comes
_PACKAGES = ("unmissed", "numpy", "opencv-python-headless", "av", "onnxruntime", "onnxruntime-gpu")


class Request(StrEnum):
    """A request of the user, polled between two frames."""

    NONE = "none"
    STOP = "stop"
    """Write the report of what was watched so far."""
    CAECUM = "caecum"
    """The caecum is reached: the withdrawal begins."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """The current state, for the screen.

    Attributes:
        time_s: of the last frame.
        signals: of that frame; None before the first.
        clocks: the current ones.
        sites_seen: credited so far.
        new_events: since the last call.
        silent_s: seconds since a frame was analysed.
        analysed, dropped: frames so far.
        latency_ms: from the arrival of the last frame to its result; None where the stream is not in real time.
        frames_per_look: the lesion model looks at every n-th frame.
    """

    time_s: float
    signals: FrameSignals | None
    clocks: ClockTimes
    sites_seen: int
    new_events: tuple[Event, ...]
    silent_s: float
    analysed: int
    dropped: int
    latency_ms: float | None = None
    frames_per_look: int = 1


OnFrame = Callable[[WatchStatus], Request]


def watch(
    source: VideoSource,
    protocol: Protocol,
    output: Path,
    *,
    annotate: bool = False,
    every_frame: bool | None = None,
    paced: bool = False,
    limit_s: float | None = None,
    overwrite: bool = False,
    notes: tuple[str, ...] = (),
    on_frame: OnFrame | None = None,
    make_watcher: Callable[[Protocol, str], Watcher] = Watcher,
) -> ExamResult:
    """Watch a source to its end and write the folder of the examination.

    Whatever ends the stream, what was watched so far becomes a complete result; ``ended`` says how it ended.

    Args:
        source: closed at the end.
        protocol: what the examination should contain.
        output: the folder; made when it is not there.
        annotate: write ``annotated.mp4`` too.
        every_frame: analyse all frames, however long it takes; otherwise those that come too late are dropped, and the
            lesion model looks at every n-th frame where it cannot look at all. None takes every frame of a file that is
            not paced.
        paced: play a file in real time.
        limit_s: stop after so much of the stream; of a live or paced one also while no picture comes.
        overwrite: forget an earlier examination in that folder.
        notes: shown to the reader of the results.
        on_frame: called after every frame, and five times per second while none comes; answers with a request.
        make_watcher: (protocol, name of the source) -> what analyses the frames.

    Returns:
        ExamResult: Of a live or paced source ``times_ms`` has "latency", from the arrival of a frame to its result.

    Raises:
        OutputError: When the folder cannot be written, or holds an examination already.
        UnmissedError: When a model cannot be used.
    """
    if every_frame is None:
        every_frame = not (source.is_live or paced)
    with ExitStack() as opened:
        opened.enter_context(source)
        watcher = opened.enter_context(make_watcher(protocol, source.name))
        folder = opened.enter_context(ExamFolder(output, protocol, clocks=watcher.clocks, overwrite=overwrite))
        _forget_video(output)
        video = opened.enter_context(AnnotatedVideo(output / ANNOTATED_FILE, source, every_frame)) if annotate else None
        if not every_frame:
            watcher.looks.keep_pace(source.fps, source.width_px, source.height_px)
        with Feed(source, every_frame=every_frame, paced=paced) as feed:
            loop = _WatchLoop(
                watcher, folder, feed, video, assessed_sites(protocol), on_frame or (lambda _: Request.NONE)
            )
            ended = loop.run(limit_s, is_timed=paced or source.is_live)
        result = watcher.finish(ended, feed.dropped)
        for event in watcher.new_events():
            folder.add_event(event)
        of_video = video.finish() if video is not None else []
        stream = {
            "live": source.is_live,
            "fps": round(source.fps, 3),
            "every_frame": every_frame,
            "paced": paced,
            "limit_s": limit_s,
        }
        result = replace(
            result,
            times_ms={**result.times_ms, **loop.times.summary()},
            notes=(*notes, *result.notes, *source.notes, *of_video),
            provenance={
                **result.provenance,
                "stream": stream,
                "versions": package_versions(_PACKAGES),
                "machine": hardware.describe(),
            },
        )
        folder.finish(result)
    return result


class _WatchLoop:
    """The loop over the frames, and what it counts."""

    def __init__(
        self,
        watcher: Watcher,
        folder: ExamFolder,
        feed: Feed,
        video: AnnotatedVideo | None,
        sites: int,
        on_frame: OnFrame,
    ) -> None:
        self._watcher, self._folder, self._feed, self._video = watcher, folder, feed, video
        self._sites, self._on_frame = sites, on_frame
        self._time_s, self._last_frame_s, self._analysed = 0.0, perf_counter(), 0
        self._signals: FrameSignals | None = None
        self._latency_ms: float | None = None
        self.times = StageTimes()

    def run(self, limit_s: float | None, *, is_timed: bool) -> str:
        """Take frames until there are no more, or the user wants no more; returns how it ended.

        Args:
            limit_s: stop after so much of the stream.
            is_timed: the stream goes by the clock, so that its time passes while no frame comes too.
        """
        ended = self._run(math.inf if limit_s is None else limit_s, is_timed)
        if ended == STOPPED and is_timed and self._silent_s > SILENT_S:
            self._watcher.take(Gap(self._time_s, self._time_s + self._silent_s, "no picture arrived"))
        return ended

    def _run(self, limit_s: float, is_timed: bool) -> str:
        while not self._feed.is_done:
            arrival = self._feed.take(_TURN_S)
            if arrival is not None:
                if isinstance(arrival.item, Frame) and arrival.item.time_s >= limit_s:
                    return STOPPED
                self._take(arrival, is_timed)
            elif is_timed and self._time_s + self._silent_s >= limit_s:
                return STOPPED
            request = self._report()
            if request is Request.STOP:
                return STOPPED
            if request is Request.CAECUM:
                self._watcher.mark_caecum(self._time_s)
        return self._feed.ended

    def _take(self, arrival: Arrival, is_timed: bool) -> None:
        signals = self._watcher.take(arrival.item)
        if signals is None or isinstance(arrival.item, Gap):
            return
        if is_timed:
            self._latency_ms = 1000 * (perf_counter() - arrival.at_s)
            self.times.add("latency", self._latency_ms)
        self._signals, self._time_s, self._last_frame_s = signals, signals.time_s, perf_counter()
        self._analysed += 1
        self._folder.add(signals)
        if self._video is not None:
            now = ExamProgress(self._watcher.clocks(), self._watcher.seen_sites(), self._sites, self._watcher.targets_s)
            self._video.add(arrival.item, signals, now)

    @property
    def _silent_s(self) -> float:
        """Seconds since a frame was analysed."""
        return perf_counter() - self._last_frame_s

    def _report(self) -> Request:
        events = tuple(self._watcher.new_events())
        for event in events:
            self._folder.add_event(event)
        return self._on_frame(
            WatchStatus(
                self._time_s,
                self._signals,
                self._watcher.clocks(),
                self._watcher.seen_sites(),
                events,
                self._silent_s,
                self._analysed,
                self._feed.dropped,
                self._latency_ms,
                self._watcher.looks.every,
            )
        )


def assessed_sites(protocol: Protocol) -> int:
    """How many sites are counted on the screen; 0 where they are not assessed, or "0 of 26" would be shown."""
    return len(protocol.sites) if protocol.models.site and (protocol.models.sites or not protocol.models.scenes) else 0


def _forget_video(output: Path) -> None:
    """A video of an earlier examination must not be kept beside the tables of this one."""
    try:
        (output / ANNOTATED_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(output / ANNOTATED_FILE, error) from error
