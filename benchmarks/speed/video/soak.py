"""An hour of watching: does memory grow, do results come later?"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.benchmarks.speed.video.latency import VideoPlan, WatchRun, facts, measure_row

BY_MINUTE = "by_minute"

_MIB = 2**20
_FULL_MINUTES = 12.0  # a shorter soak is cut into shorter parts
_WARM_MINUTES, _PART_MINUTES = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class SoakParts:
    """Which parts of a soak are compared, in seconds of the stream.

    Attributes:
        total_s: of the whole.
        minute_s: of a point of the curves; a minute when the soak is long enough.
    """

    total_s: float

    @property
    def minute_s(self) -> float:
        """A minute, or a twelfth of a short soak."""
        return 60 * min(1.0, self.total_s / 60 / _FULL_MINUTES)

    @property
    def settled_s(self) -> float:
        """When memory is first looked at."""
        return _PART_MINUTES * self.minute_s

    @property
    def first_s(self) -> tuple[float, float]:
        """Five minutes after the first one."""
        return _WARM_MINUTES * self.minute_s, (_WARM_MINUTES + _PART_MINUTES) * self.minute_s

    @property
    def last_s(self) -> tuple[float, float]:
        """The last five minutes."""
        return self.total_s - _PART_MINUTES * self.minute_s, self.total_s


def measure_soak(recorder: Recorder, plan: VideoPlan, minutes: float, notify: Callable[[str], None]) -> bool:
    """Add the row of a long paced run at the first runtime, size and frame rate; returns whether it failed.

    Memory growth is from the median of the sixth minute to that of the last one; drift of the 99th percentile of the
    latency from minutes 2 to 6 to the last five.

    Args:
        recorder: gets the row.
        plan: what is watched.
        minutes: how long.
        notify: called with what is measured now.
    """
    parts = SoakParts(60 * minutes)
    order = plan.order(plan.runtimes[0], plan.sizes[0], plan.fps[0], paced=True, seconds=parts.total_s)
    spans = {"first": parts.first_s, "last": parts.last_s}
    order = order.model_copy(update={"window_s": parts.minute_s, "spans_s": spans})
    what = {**plan.words(order), "fps": f"{order.fps:g}", "soak": f"{minutes:g} min"}
    return measure_row(recorder, what, order, lambda what, watched: soak_row(what, watched, parts), notify)


def soak_row(what: dict[str, str], watched: WatchRun, parts: SoakParts) -> BenchRow:
    """Growth of memory and drift of latency."""
    report = watched.report
    settled = _memory(watched, parts.settled_s, parts.settled_s + parts.minute_s)
    end = _memory(watched, parts.total_s - parts.minute_s, parts.total_s)
    first, last = report.spans.get("first"), report.spans.get("last")
    if settled is None or end is None or first is None or last is None:
        return BenchRow(what=what, not_measured=f"the stream ended early: {report.ended}")
    return BenchRow(
        what=what,
        figures={
            "memory settled": Figure(unit="MiB", rounds=(settled,)),
            "memory at the end": Figure(unit="MiB", rounds=(end,)),
            "growth": Figure(unit="%", rounds=(100 * (end - settled) / settled,)),
            "p99 first": Figure(unit="ms", rounds=(first.p99,)),
            "p99 last": Figure(unit="ms", rounds=(last.p99,)),
            "drift": Figure(unit="%", rounds=(100 * (last.p99 - first.p99) / first.p99,)),
            "dropped": Figure(unit="", rounds=(report.dropped,)),
            "frames": Figure(unit="", rounds=(report.read,), better=""),
            "CPU of a core": Figure(unit="%", rounds=(100 * watched.cpu_share,)),
        },
        facts={
            **facts(watched),
            "compared_s": {"settled": parts.settled_s, "first": parts.first_s, "last": parts.last_s},
            BY_MINUTE: _by_minute(watched, parts),
        },
    )


def _by_minute(watched: WatchRun, parts: SoakParts) -> list[dict[str, float | None]]:
    found: list[dict[str, float | None]] = []
    for window in watched.report.windows:
        memory = _memory(watched, window.start_s, window.start_s + parts.minute_s)
        found.append(
            {
                "minute": round(window.start_s / 60, 4),
                "memory_mib": None if memory is None else round(memory, 2),
                "p50_ms": window.p50,
                "p99_ms": window.p99,
                "max_ms": window.largest,
                "frames": window.frames,
                "dropped": window.dropped,
            }
        )
    return found


def _memory(watched: WatchRun, start_s: float, end_s: float) -> float | None:
    """Median of the samples of a part in MiB; None where there are none."""
    found = [amount / _MIB for time_s, amount in watched.memory if start_s <= time_s < end_s]
    return median(found) if found else None
