"""How often the watch for drift raises a false alarm, and how soon it notices a shift of the scores.

``python -m unmissed.benchmarks.studies.proofs.drift_alarms``: years of runs at 500 slides a day, compared by the code
of triage with a certified distribution that is drawn anew for every year. The four measures are drawn independently,
which gives the most false alarms; the shifts are of one of them, in standard deviations.
"""

import argparse
from time import perf_counter

import numpy as np

from unmissed.datasets.basis.errors import run_main
from unmissed.inference.cytology.policy.drift import MEASURES, Distribution, compare

_CERTIFIED = 4000  # slides: about what 99.9 % takes
_A_DAY, _DAYS = 500, 365


def reference(rng: np.random.Generator) -> dict[str, Distribution]:
    """The distributions of certified slides."""
    return {measure: Distribution.of(rng.normal(size=_CERTIFIED), np.ones(_CERTIFIED)) for measure in MEASURES}


def states(certified: dict[str, Distribution], rng: np.random.Generator, slides: int, shift: float = 0.0) -> list[str]:
    """The state of every measure in a run; the first one is shifted."""
    values = rng.normal(size=(slides, len(MEASURES)))
    values[:, 0] += shift
    run = [dict(zip(MEASURES, row, strict=True)) for row in values.tolist()]
    return [drift.state for drift in compare(certified, run)]


def alarms_a_year(years: int, slides: int, seed: int = 0) -> tuple[float, float]:
    """Runs a year that warn or suspend, and that suspend, although nothing has changed."""
    rng = np.random.default_rng(seed)
    warned = suspended = 0
    for _ in range(years):
        certified = reference(rng)
        for _ in range(_A_DAY * _DAYS // slides):
            found = states(certified, rng, slides)
            suspended += "suspended" in found
            warned += found != ["steady"] * len(found)
    return warned / years, suspended / years


def noticed(tries: int, slides: int, shift: float, within: int = 1000, seed: int = 1) -> tuple[float, float]:
    """Share of shifts for which a run warns, and suspends, within so many slides."""
    rng = np.random.default_rng(seed)
    warned = suspended = 0
    for _ in range(tries):
        certified = reference(rng)
        found = [state for _ in range(within // slides) for state in states(certified, rng, slides, shift)]
        suspended += "suspended" in found
        warned += found != ["steady"] * len(found)
    return warned / tries, suspended / tries


def main() -> None:
    """Print false alarms and what is noticed, by the size of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=30)
    parser.add_argument("--tries", type=int, default=300)
    given = parser.parse_args()
    started = perf_counter()
    shifts = (0.1, 0.2, 0.3)
    words = " | ".join(f"shift of {shift} SD noticed within 1,000 slides: warned, suspended" for shift in shifts)
    print(f"| slides a run | warnings a year | false suspensions a year | {words} |")
    print("|---|---|---|---|---|---|")
    for slides in (1000, 500, 250, 100):
        warned, suspended = alarms_a_year(given.years, slides)
        cells = [noticed(given.tries, slides, shift) for shift in shifts]
        told = " | ".join(f"{one:.0%}, {other:.0%}" for one, other in cells)
        print(f"| {slides} | {warned:.2f} | {suspended:.2f} | {told} |", flush=True)
    print(f"\n{perf_counter() - started:.0f} s")


if __name__ == "__main__":
    run_main(main)
