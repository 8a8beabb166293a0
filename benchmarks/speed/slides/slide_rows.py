"""What is reported about a slide that was measured: figures, facts, models, and the chart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmissed.benchmarks.speed.bars import stacked_bars
from unmissed.benchmarks.speed.child import ChildRun
from unmissed.benchmarks.speed.machine import warnings
from unmissed.benchmarks.speed.slides.slide_stages import STAGES
from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure
from unmissed.inference.cytology.results.reading import StoredResult

REFERENCE_S = 36.0  # a slide, Huawei Cloud and KingMed, 2019; on which hardware was not said
BY_HAND_S = 360.0  # a slide, a cytologist, in the same announcement
CHART = "bench-slide.png"
_DAY_S = 86_400
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class SlideRun:
    """One triage of one slide.

    Attributes:
        child: time, CPU and memory of the command.
        stages: stage -> seconds of wall time; they add up to ``child.seconds``.
        result: what was found.
        threads: that the command took for the slide.
    """

    child: ChildRun
    stages: Mapping[str, float]
    result: StoredResult
    threads: int


def slide_row(what: Mapping[str, str], file_bytes: int, runs: Sequence[SlideRun]) -> BenchRow:
    """Figures of all rounds, and the facts of the first; every round finds the same."""
    seconds = [run.child.seconds for run in runs]
    size = runs[0].result
    megapixels = size.width_px * size.height_px / 1e6
    figures = {
        "time": Figure(unit="s", rounds=seconds),
        "faster than 36 s": _rate(REFERENCE_S, seconds, "x"),
        "faster than 360 s": _rate(BY_HAND_S, seconds, "x"),
        "slides a day": _rate(_DAY_S, seconds),
        "speed": _rate(megapixels, seconds, "Mpx/s"),
        "peak memory": Figure(unit="MiB", rounds=[run.child.peak_bytes / _MIB for run in runs]),
        "CPU time": Figure(unit="s", rounds=[run.child.cpu_s for run in runs]),
        "bench overhead": Figure(
            unit="%", rounds=[100 * run.child.watch_s / run.child.seconds for run in runs], better=""
        ),
    }
    for stage in STAGES:
        figures[stage] = Figure(unit="s", rounds=[run.stages[stage] for run in runs], better="", table="stages")
    return BenchRow(what=what, figures=figures, facts=_facts(file_bytes, runs[0]))


def models_of(result: StoredResult) -> dict[str, dict[str, str]]:
    """Model and variant -> file, variant and SHA-256 of what ran."""
    return {
        f"{model['name']} {model['variant']}": {key: str(model[key]) for key in ("file", "variant", "sha256")}
        for model in result.provenance["models"].values()
    }


def draw_chart(folder: Path, bench: Bench) -> None:
    """Bars of the stages, one for each row that was measured."""
    bars = [(", ".join(row.what.values()), median_stages(row.figures)) for row in bench.rows if row.figures]
    if bars:
        stacked_bars(
            folder / CHART,
            "Seconds a slide: the whole command unmissed triage",
            bars,
            "s",
            marks={f"{REFERENCE_S:g} s: Huawei Cloud x KingMed, 2019": REFERENCE_S},
            note=f"{bench.machine['processor']}, {bench.machine['cores']} cores; {bench.started[:10]}"
            + "; the machine was loaded, the times are too long" * bool(warnings(bench.load)),
        )


def median_stages(figures: Mapping[str, Figure]) -> dict[str, float]:
    """Stages of the round with the median time, so that they add up to it; of an even number the mean of two rounds."""
    times = figures["time"].rounds
    order = sorted(range(len(times)), key=times.__getitem__)
    middle = (order[(len(times) - 1) // 2], order[len(times) // 2])
    return {stage: sum(figures[stage].rounds[index] for index in middle) / 2 for stage in STAGES}


def area_mm2(result: StoredResult) -> float:
    """Of the glass that the slide shows."""
    return result.width_px * result.height_px * result.pixel_size.um_per_px**2 / 1e6


def _rate(amount: float, seconds: Sequence[float], unit: str = "") -> Figure:
    """The time in other words, so it is not compared; the time itself is."""
    return Figure(unit=unit, rounds=[amount / value for value in seconds], better="")


def _facts(file_bytes: int, run: SlideRun) -> dict[str, Any]:
    result = run.result
    return {
        "file_bytes": file_bytes,
        "sha256": result.sha256,
        "reader": result.reader,
        "width_px": result.width_px,
        "height_px": result.height_px,
        "um_per_px": result.pixel_size.um_per_px,
        "mm2": round(area_mm2(result), 2),
        "foreground_mm2": round(result.adequacy.foreground_mm2, 2),
        "heat_map_places": result.heat_map.rows * result.heat_map.columns,
        "score": result.score,
        "grade": result.grade,
        "adequacy": result.adequacy.verdict,
        "provider": result.provenance["provider"],
        "threads": run.threads,
        "counts": {**asdict(result.reading), **result.counts},
        "thread_s": asdict(result.thread_s),
    }
