"""``unmissed bench video``: from the moment a frame is due to its finished result, in a process of its own."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unmissed.benchmarks.speed.child import ChildError, ChildRun, MemorySample, run_child
from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.benchmarks.speed.video.orders import WatchOrder, WatchReport
from unmissed.datasets.basis.files import write_json

DRAWN = "drawn"
NOTES = (
    "Latency is from the moment at which a frame is due to its finished result, with signals, clocks and events.",
    "The CPU share holds the conversion of every frame from BGR, as a capture card gives it.",
    "Memory is that of the process that watches, without the frames of the played clip.",
)

_MIB = 2**20
_LOOKS, _LOOK_S = 50, (0.1, 1.0)  # how often memory is looked at in a run, and how far looks are apart
_LOADING_S = 300.0
_LEAST_FRAMES = 2  # a rate needs two
_SLOWEST = 20.0  # an unpaced run on a slow machine may take this many times the duration of the stream
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """What is measured.

    Attributes:
        clip: a video that OpenCV reads.
        clip_name: how the rows call it.
        start_s: where in it to begin.
        sizes: (width, height) in pixels.
        fps: frames a second.
        seconds: of every paced or unpaced run.
        protocol, runtimes: as in ``unmissed watch``.
        protocol_name: how the rows call it.
        models: false measures the monitors alone.
        unpaced: also measure how many frames a second are possible.
    """

    clip: str
    clip_name: str
    start_s: float
    sizes: tuple[tuple[int, int], ...]
    fps: tuple[float, ...]
    seconds: float
    protocol: str
    protocol_name: str
    runtimes: tuple[str, ...]
    models: bool = True
    unpaced: bool = True

    def order(
        self, runtime: str, size: tuple[int, int], fps: float, *, paced: bool, seconds: float | None = None
    ) -> WatchOrder:
        """One run of it."""
        return WatchOrder(
            clip=self.clip,
            start_s=self.start_s,
            width_px=size[0],
            height_px=size[1],
            fps=fps,
            seconds=self.seconds if seconds is None else seconds,
            protocol=self.protocol,
            runtime=runtime,
            models=self.models,
            paced=paced,
            window_s=_WINDOW_S,
        )

    def words(self, order: WatchOrder) -> dict[str, str]:
        """What distinguishes a row from the others."""
        runtime = order.runtime if self.models else "no models"
        size = f"{order.width_px}x{order.height_px}"
        return {"clip": self.clip_name, "protocol": self.protocol_name, "runtime": runtime, "size": size}


@dataclass(frozen=True, slots=True)
class WatchRun:
    """One run of the process that watches.

    Attributes:
        report: of the process.
        child: its time and memory.
        memory: (stream time in s, resident bytes without the played clip), as often as it was looked at.
    """

    report: WatchReport
    child: ChildRun
    memory: tuple[tuple[float, float], ...]

    @property
    def cpu_share(self) -> float:
        """CPU time of all its threads over wall time while frames came."""
        return self.report.cpu_s / max(self.report.seconds, 1e-9)


def measure_video(recorder: Recorder, plan: VideoPlan, notify: Callable[[str], None]) -> int:
    """Add a row for each runtime, size and frame rate, and one for each size at full speed.

    Args:
        recorder: gets the rows, and the models that ran.
        plan: what is measured.
        notify: called with what is measured now.

    Returns:
        int
            How many runs failed; what this machine does not have is not counted.
    """
    failed = 0
    for runtime in plan.runtimes:
        for size in plan.sizes:
            for fps in plan.fps:
                order = plan.order(runtime, size, fps, paced=True)
                what = {**plan.words(order), "fps": f"{fps:g}"}
                failed += measure_row(recorder, what, order, paced_row, notify)
            if plan.unpaced:
                order = plan.order(runtime, size, plan.fps[0], paced=False)
                what = {**plan.words(order), "pace": "as fast as it goes"}
                failed += measure_row(recorder, what, order, unpaced_row, notify)
    return failed


def measure_row(
    recorder: Recorder,
    what: dict[str, str],
    order: WatchOrder,
    make_row: Callable[[dict[str, str], WatchRun], BenchRow],
    notify: Callable[[str], None],
) -> bool:
    """Run an order and add its row; a row says so when it was not measured. Returns whether the run failed."""
    notify(f"{', '.join(what.values())}: {order.seconds:g} s of the stream")
    try:
        watched = run_order(order)
    except ChildError as error:
        notify(str(error))
        recorder.rows.append(BenchRow(what=what, not_measured=error.found.splitlines()[-1]))
        return True
    report = watched.report
    if report.not_measured:
        recorder.rows.append(BenchRow(what=what, not_measured=report.not_measured))
        return False
    if report.analysed < _LEAST_FRAMES:
        recorder.rows.append(BenchRow(what=what, not_measured=f"only {report.analysed} frames: {report.ended}"))
        return True
    recorder.models.update(report.models)
    recorder.rows.append(make_row(what, watched))
    return False


def run_order(order: WatchOrder) -> WatchRun:
    """Watch as ordered in a process of its own, and look at its memory on the way.

    Raises:
        ChildError: When the process fails or takes far too long.
    """
    samples: list[MemorySample] = []
    longest_s = _LOADING_S + order.seconds * (2 if order.paced else _SLOWEST)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "order.json"
        write_json(path, order)
        started_at = time.time()
        child = run_child(
            ("unmissed.benchmarks.speed.video.worker", str(path)),
            look_s=min(max(order.seconds / _LOOKS, _LOOK_S[0]), _LOOK_S[1]),
            on_sample=samples.append,
            timeout_s=longest_s,
        )
    try:
        report = WatchReport.model_validate_json(child.stdout.strip().rpartition("\n")[2])
    except ValueError as error:
        raise ChildError(f"the process that watches did not report: {child.stdout[-200:]!r}") from error
    before_s = report.begun_at - started_at
    memory = tuple((one.time_s - before_s, float(one.memory_bytes - report.clip_bytes)) for one in samples)
    return WatchRun(report, child, memory)


def paced_row(what: dict[str, str], watched: WatchRun) -> BenchRow:
    """Latency, dropped frames, CPU and memory of a stream in real time."""
    report = watched.report
    late = report.stages["latency"]
    return BenchRow(
        what=what,
        figures={
            "latency p50": Figure(unit="ms", rounds=(late["p50"],)),
            "p95": Figure(unit="ms", rounds=(late["p95"],)),
            "p99": Figure(unit="ms", rounds=(late["p99"],)),
            "max": Figure(unit="ms", rounds=(late["max"],)),
            **_common(watched),
        },
        facts=facts(watched),
    )


def unpaced_row(what: dict[str, str], watched: WatchRun) -> BenchRow:
    """How many frames per second are possible."""
    report = watched.report
    fps = (report.analysed - 1) / max(report.seconds, 1e-9)
    return BenchRow(
        what=what,
        figures={
            "most": Figure(unit="fps", rounds=(fps,), better="higher"),
            "a frame": Figure(unit="ms", rounds=(1000 / fps,)),
            **_common(watched),
        },
        facts=facts(watched),
    )


def facts(watched: WatchRun) -> dict[str, object]:
    """What is reported beside the figures: stages, the clip, and the overhead of monitoring."""
    report, child = watched.report, watched.child
    stages = {name: times["p50"] for name, times in report.stages.items() if name != "latency"}
    return {
        "stages_p50_ms": stages,
        "frames_per_lesion_look": report.frames_per_look,
        "ended": report.ended,
        "clip_frames": report.clip_frames,
        "clip_mib": round(report.clip_bytes / _MIB, 1),
        "bench_cpu_share_percent": round(100 * child.watch_s / max(child.seconds, 1e-9), 3),
    }


def _common(watched: WatchRun) -> dict[str, Figure]:
    report = watched.report
    peak = max((amount for _, amount in watched.memory), default=watched.child.peak_bytes - report.clip_bytes)
    return {
        "dropped": Figure(unit="", rounds=(report.dropped,)),
        "frames": Figure(unit="", rounds=(report.read,), better=""),
        "CPU of a core": Figure(unit="%", rounds=(100 * watched.cpu_share,)),
        "peak memory": Figure(unit="MiB", rounds=(peak / _MIB,)),
    }
