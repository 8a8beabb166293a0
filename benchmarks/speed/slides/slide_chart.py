"""The one chart that matters: seconds a slide against 36, ours and the peers'.

python -m unmissed.benchmarks.speed.slides.slide_chart benchmarks/results/MACHINE.json -o docs/seconds-a-slide.png
"""

import argparse
from pathlib import Path

from unmissed.benchmarks.speed.bars import stacked_bars
from unmissed.benchmarks.speed.results import load_results
from unmissed.benchmarks.speed.slides.slide_rows import REFERENCE_S
from unmissed.benchmarks.speed.values import Results
from unmissed.datasets.basis.errors import ConfigError, run_main

_OURS = "the whole command: two finders, judge, score, pages"
_FINDER = "our coarse finder's network alone, over the whole slide"


def main() -> None:
    """Draw the chart from the results of one machine."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="results.json with the benchmark `peers`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the PNG")
    arguments = parser.parse_args()
    draw(load_results(arguments.results), arguments.output)


def draw(results: Results, path: Path) -> None:
    """Bars of the benchmark `peers`: the whole command, and the finder alone in ours and in each peer at its fastest.

    Raises:
        ConfigError: When the results have no such benchmark.
    """
    bench = results.benches.get("peers")
    if bench is None:
        raise ConfigError("the results have no benchmark `peers`", fix="run python -m unmissed.benchmarks.peers first")
    fastest: dict[str, float] = {}
    for row in bench.rows:
        if row.what.get("contender") and "process" in row.figures:
            title, seconds = row.what["contender"].replace("`", ""), row.figures["process"].median
            fastest[title] = min(seconds, fastest.get(title, seconds))
    bars = [
        ("Unmissed, all of triage", {_OURS: seconds}) if "triage" in title else (title, {_FINDER: seconds})
        for title, seconds in sorted(fastest.items(), key=lambda bar: bar[1])
    ]
    slide = Path(bench.command[0]).stem if bench.command else ""
    stacked_bars(
        path,
        f"Seconds a slide: {slide}",
        bars,
        "s",
        marks={f"{REFERENCE_S:g} s: Huawei Cloud x KingMed, 2019 (hardware not stated)": REFERENCE_S},
        note=f"{bench.machine['processor']}, {bench.machine['cores']} cores, no GPU; {bench.started[:10]}",
    )


if __name__ == "__main__":
    run_main(main)
