"""Errors of the clocks on scripted colonoscopies: ``python -m unmissed.benchmarks.studies.exam_clocks --help``."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, fields

import numpy as np

from unmissed.datasets.synthetic.exams.colonoscopies import TrueClocks, simulate_scenes, true_clocks, write_colonoscopy
from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import Scene


def main(words: Sequence[str] | None = None) -> None:
    """Print a table: the clock, the median, 90th percentile and largest absolute error in seconds."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--exams", type=int, default=60)
    reader.add_argument("--fps", type=float, nargs="+", default=[25.0, 5.0])
    reader.add_argument("--wrong", type=float, nargs="+", default=[0.05, 0.15], help="chance that a frame is wrong")
    reader.add_argument("--seed", type=int, default=2_000_000)
    given = reader.parse_args(words)
    print(f"{'frames/s':>8} {'wrong':>6} {'clock':<14} {'median':>7} {'p90':>7} {'largest':>8}")
    for fps in given.fps:
        for wrong in given.wrong:
            errors = np.array([clock_errors(given.seed + index, fps, wrong) for index in range(given.exams)])
            for column, name in enumerate(field.name for field in fields(TrueClocks)):
                low, high, largest = np.percentile(errors[:, column], [50, 90, 100])
                print(f"{fps:8g} {wrong:6g} {name:<14} {low:7.2f} {high:7.2f} {largest:8.2f}")


def clock_errors(seed: int, fps: float, wrong: float) -> list[float]:
    """Absolute errors of one examination, in the order of the fields of ``TrueClocks``."""
    parts = write_colonoscopy([seed, 1])
    simulated = simulate_scenes(parts, [seed, 2], fps=fps, wrong=wrong)
    clocks = Clocks(load_protocol("colonoscopy"))
    gaps = list(simulated.gaps)
    for time_s, scene, legible, frozen in zip(
        simulated.times_s.tolist(), simulated.scenes, simulated.legible.tolist(), simulated.frozen.tolist(), strict=True
    ):
        if gaps and time_s >= gaps[0][1]:
            clocks.gap(*gaps.pop(0))
        clocks.update(time_s, Scene(scene), legible, frozen)
    clocks.finish(parts[-1].end_s)
    found, truth = asdict(clocks.result()), asdict(true_clocks(parts))
    return [abs((float("inf") if found[name] is None else found[name]) - value) for name, value in truth.items()]


if __name__ == "__main__":
    main()
