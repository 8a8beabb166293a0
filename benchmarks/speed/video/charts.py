"""Charts of ``unmissed bench video``: latency by size and frame rate, and an hour by the minute."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unmissed.benchmarks.speed.bars import COLOURS, stacked_bars
from unmissed.benchmarks.speed.values import Bench, BenchRow
from unmissed.benchmarks.speed.video.soak import BY_MINUTE
from unmissed.datasets.basis.files import write_whole

LATENCY_CHART, SOAK_CHART = "bench-video.png", "bench-video-soak.png"
TARGET_MS = 40.0  # the time of a frame at 25 a second


def draw_charts(folder: Path, bench: Bench) -> None:
    """Write the charts that the rows of a benchmark give."""
    note = f"{bench.machine.get('processor')}, {bench.machine.get('cores')} cores; {bench.started[:10]}"
    bars = [(_label(row), _parts(row)) for row in bench.rows if "latency p50" in row.figures]
    if bars:
        stacked_bars(
            folder / LATENCY_CHART,
            "From the moment a frame is due to its result: 50, 95 and 99 of 100 frames",
            bars,
            "ms",
            marks={"40 ms, a frame at 25 fps": TARGET_MS},
            note=note,
        )
    soak = next((row for row in bench.rows if row.facts.get(BY_MINUTE) and row.figures), None)
    if soak is not None:
        draw_soak(folder / SOAK_CHART, f"Soak of {soak.what['soak']}: {_label(soak)}", soak.facts[BY_MINUTE], note)


def draw_soak(path: Path, title: str, points: Sequence[Mapping[str, Any]], note: str) -> None:
    """Draw memory and latency by the minute.

    Args:
        path: of the PNG.
        title: above the curves.
        points: "minute", "memory_mib" (None where it was not seen), "p50_ms" and "p99_ms".
        note: small print below: machine and date.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    minutes = [point["minute"] for point in points]
    picture = Figure(figsize=(10, 5.5), dpi=130, layout="constrained")
    FigureCanvasAgg(picture)
    above, below = picture.subplots(2, 1, sharex=True)
    seen = [point for point in points if point["memory_mib"] is not None]
    memory = [point["memory_mib"] for point in seen]
    above.plot([point["minute"] for point in seen], memory, color=COLOURS[0], marker=".")
    above.set_ylabel("memory, MiB")
    above.set_ylim(0, 1.15 * max(memory, default=1.0))
    for name, colour in (("p99_ms", COLOURS[5]), ("p50_ms", COLOURS[2])):
        below.plot(minutes, [point[name] for point in points], color=colour, marker=".", label=name.partition("_")[0])
    below.set_ylabel("latency, ms")
    below.set_ylim(0, 1.15 * max(point["p99_ms"] for point in points))
    below.set_xlabel("minute")
    below.legend(frameon=False, loc="lower right", ncol=2, fontsize=9)
    above.set_title(title, loc="left", fontweight="bold")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    picture.supxlabel(note, fontsize=8, color="#555555", x=0.01, ha="left")
    with write_whole(path, "wb") as stream:
        picture.savefig(stream, format="png")


def _label(row: BenchRow) -> str:
    runtime = "" if row.what["runtime"] == "onnx-cpu" else f", {row.what['runtime']}"
    return f"{row.what['size']}, {row.what['fps']} fps{runtime}"


def _parts(row: BenchRow) -> dict[str, float]:
    """Lengths that add up to the 99th percentile."""
    half, most, nearly = (row.figures[name].median for name in ("latency p50", "p95", "p99"))
    return {"p50": half, "to p95": most - half, "to p99": nearly - most}
