"""The long run of ``unmissed bench video``: what is compared with what, and what is told of it."""

import cv2
import pytest

from unmissed.benchmarks.speed.child import ChildRun
from unmissed.benchmarks.speed.video.charts import draw_soak
from unmissed.benchmarks.speed.video.latency import WatchRun
from unmissed.benchmarks.speed.video.orders import WatchReport, Window
from unmissed.benchmarks.speed.video.soak import BY_MINUTE, SoakParts, soak_row

MIB = 2**20
CHILD = ChildRun(seconds=3700.0, cpu_s=5.0, peak_bytes=80 * MIB, watch_s=0.01, stdout="")
REPORT = WatchReport(seconds=3600.0, cpu_s=900.0, read=90_000, analysed=89_997, dropped=3, ended="end")


def test_an_hour_is_compared_by_minutes():
    parts = SoakParts(3600.0)
    assert (parts.minute_s, parts.settled_s, parts.first_s, parts.last_s) == (60, 300, (60, 360), (3300, 3600))


@pytest.mark.parametrize("minutes", [0.1, 1, 6, 12, 100])
def test_parts_never_overlap(minutes):
    parts = SoakParts(60 * minutes)
    assert parts.first_s[1] <= parts.last_s[0]
    assert parts.settled_s + parts.minute_s <= parts.total_s - parts.minute_s


def test_growth_and_drift_are_those_that_were_put_in():
    """A library that takes memory in the first minute, then 1 MiB in every further one."""
    parts = SoakParts(3600.0)
    memory = tuple((float(second), (100 + second // 60) * MIB) for second in range(-20, 3600))
    spans = {"first": _window(60, p99=20.0), "last": _window(3300, p99=25.0)}
    windows = tuple(_window(60.0 * minute, p99=20.0) for minute in range(60))
    report = REPORT.model_copy(update={"spans": spans, "windows": windows})
    row = soak_row({"soak": "60 min"}, WatchRun(report, CHILD, memory), parts)
    told = {name: figure.median for name, figure in row.figures.items()}
    assert told["memory settled"] == 105 and told["memory at the end"] == 159
    assert told["growth"] == pytest.approx(100 * 54 / 105)
    assert told["drift"] == pytest.approx(25.0)
    assert told["dropped"] == 3
    assert [point["memory_mib"] for point in row.facts[BY_MINUTE]] == [100 + minute for minute in range(60)]
    assert len(row.facts[BY_MINUTE]) == 60


def test_a_stream_that_ended_early_is_no_soak():
    report = REPORT.model_copy(update={"spans": {"first": _window(60, p99=20.0)}, "ended": "the cable"})
    row = soak_row({"soak": "60 min"}, WatchRun(report, CHILD, ()), SoakParts(3600.0))
    assert row.not_measured == "the stream ended early: the cable"


def test_curves_are_drawn_where_memory_was_not_seen_too(tmp_path):
    points = [{"minute": 0, "memory_mib": None, "p50_ms": 8, "p99_ms": 20}, _point(1), _point(2)]
    draw_soak(tmp_path / "soak.png", "Soak", points, "note")
    assert cv2.imread(str(tmp_path / "soak.png")).shape[1] > 1000


def _window(start_s, p99):
    return Window(start_s=start_s, frames=1500, dropped=0, p50=9.0, p95=12.0, p99=p99, largest=30.0)


def _point(minute):
    return {"minute": minute, "memory_mib": 150.0, "p50_ms": 8, "p99_ms": 20}
