"""Watches a looped clip in a process of its own and prints what it measured: ``python -m ... ORDER.json``."""

import math
import os
import sys
import tempfile
import time
from pathlib import Path

from unmissed.benchmarks.speed.video.looped_clip import LoopedClip, read_images
from unmissed.benchmarks.speed.video.orders import MOST_WINDOWS, WatchOrder, WatchReport, Window
from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import ExamResult
from unmissed.inference.endoscopy.watching.stage_times import StageTimes
from unmissed.inference.endoscopy.watching.watch import Request, WatchStatus, watch
from unmissed.inference.endoscopy.watching.watcher import Watcher
from unmissed.models import zoo

_LATENCY = "latency"


class Latencies:
    """Histograms of latencies by stretches of the stream, added frame by frame; each has a fixed size.

    Args:
        window_s, spans_s: see ``WatchOrder``.
    """

    def __init__(self, window_s: float, spans_s: dict[str, tuple[float, float]]) -> None:
        self._window_s, self._spans_s = window_s, spans_s
        self._spans = {name: _Stretch(start_s) for name, (start_s, _) in spans_s.items()}
        self._open: _Stretch | None = None
        self.windows: list[Window] = []

    def add(self, time_s: float, milliseconds: float, dropped: int) -> None:
        """Count a frame.

        Args:
            time_s: stream time, rising.
            milliseconds: its latency.
            dropped: frames since the one before.
        """
        start_s = math.floor(time_s / self._window_s) * self._window_s
        if self._open is not None and self._open.start_s != start_s:
            self._close()
        if self._open is None:
            self._open = _Stretch(start_s)
        self._open.add(milliseconds, dropped)
        for name, (first_s, last_s) in self._spans_s.items():
            if first_s <= time_s < last_s:
                self._spans[name].add(milliseconds, dropped)

    def finish(self) -> dict[str, Window]:
        """Close the last window; returns the spans that had frames."""
        self._close()
        return {name: span.window() for name, span in self._spans.items() if span.frames}

    def _close(self) -> None:
        if self._open is not None and len(self.windows) < MOST_WINDOWS:
            self.windows.append(self._open.window())
        self._open = None


class _Stretch:
    def __init__(self, start_s: float) -> None:
        self.start_s, self.frames = start_s, 0
        self._dropped, self._times = 0, StageTimes()

    def add(self, milliseconds: float, dropped: int) -> None:
        self.frames += 1
        self._dropped += dropped
        self._times.add(_LATENCY, milliseconds)

    def window(self) -> Window:
        found = self._times.summary()[_LATENCY]
        return Window(
            start_s=self.start_s,
            frames=self.frames,
            dropped=self._dropped,
            p50=found["p50"],
            p95=found["p95"],
            p99=found["p99"],
            largest=found["max"],
        )


class _Observer:
    """Takes the time of every result; asks for an end when no process is left to wait for the report."""

    def __init__(self, latencies: Latencies) -> None:
        self._latencies, self._analysed, self._dropped = latencies, 0, 0
        self._parent = os.getppid()
        self.begun_at = self.begun_s = self.begun_cpu_s = self.last_s = self.last_cpu_s = 0.0

    def __call__(self, status: WatchStatus) -> Request:
        if status.analysed == self._analysed:  # nothing came
            return Request.NONE
        self.last_s, self.last_cpu_s = time.perf_counter(), time.process_time()
        if self._analysed == 0:
            self.begun_at, self.begun_s, self.begun_cpu_s = time.time(), self.last_s, self.last_cpu_s
        if status.latency_ms is not None:
            self._latencies.add(status.time_s, status.latency_ms, status.dropped - self._dropped)
        self._analysed, self._dropped = status.analysed, status.dropped
        return Request.NONE if os.getppid() == self._parent else Request.STOP


def measure(order: WatchOrder) -> WatchReport:
    """Watch as ordered.

    Raises:
        UnmissedError: When the clip, the protocol, a model or the runtime cannot be had.
    """
    protocol = load_protocol(order.protocol)
    if not order.models:
        no_models = protocol.models.model_copy(update={"site": None, "lesion": None})
        protocol = protocol.model_copy(update={"models": no_models})
    images = read_images(order.clip, order.start_s, order.width_px, order.height_px)
    source = LoopedClip(images, order.fps, max(2, round(order.fps * order.seconds)))
    latencies = Latencies(order.window_s, order.spans_s)
    observer = _Observer(latencies)
    with tempfile.TemporaryDirectory() as folder:
        result = watch(
            source,
            protocol,
            Path(folder) / "exam",
            paced=order.paced,
            on_frame=observer,
            make_watcher=lambda asked, name: Watcher(asked, name, runtime=order.runtime),
        )
    spans = latencies.finish()
    return WatchReport(
        begun_at=observer.begun_at,
        seconds=observer.last_s - observer.begun_s,
        cpu_s=observer.last_cpu_s - observer.begun_cpu_s,
        ended=result.ended,
        read=result.frames["read"],
        analysed=result.frames["analysed"],
        dropped=result.frames["dropped"],
        stages={name: dict(times) for name, times in result.times_ms.items()},
        windows=tuple(latencies.windows),
        spans=spans,
        clip_bytes=images.nbytes,
        clip_frames=len(images),
        models=_models(protocol, result),
        frames_per_look=result.lesion_looks.frames_per_look if result.lesion_looks else None,
    )


def _models(protocol: Protocol, result: ExamResult) -> dict[str, dict[str, str]]:
    """What ran, as the result says; the names of the files from the shelf."""
    named = {"site": protocol.models.site, "lesion": protocol.models.lesion}
    return {
        ran["name"]: {
            "file": zoo.resolve(named[role] or "", ran["variant"]).path.name,
            "variant": ran["variant"],
            "sha256": ran["sha256"],
        }
        for role, ran in result.provenance["models"].items()
    }


def main(words: list[str]) -> None:
    """Read the order, print the report as one line of JSON."""
    if len(words) != 1:
        raise ConfigError(f"{len(words)} arguments", expected="the path of an order in JSON")
    order = WatchOrder.model_validate_json(Path(words[0]).read_text(encoding="utf-8"))
    try:
        report = measure(order)
    except UnmissedError as error:
        report = WatchReport(not_measured=str(error))
    print(report.model_dump_json())


if __name__ == "__main__":
    main(sys.argv[1:])
