"""What the engine costs: stand-in slides of half a second over ten workers, against the ideal.

python -m unmissed.benchmarks.studies.scale.engine_cost -o DIR [--slides 5000]
"""

from pathlib import Path
from time import monotonic

from unmissed.benchmarks.studies.scale.parts import (
    STAND_IN_S,
    make_slides,
    nodes_on_this_machine,
    plan_for,
    run_by_slides,
)
from unmissed.inference.cytology.run.messages import TriageProgress
from unmissed.inference.cytology.run.triage import triage

NODES, CPUS = 5, 3  # Ray's nodes are told of more processors than there are, because stand-ins sleep
WORKERS = 10


def measure(output: Path, slides: int) -> dict[str, float]:
    """Run it; seconds from the first slide that was given to a worker to the last that is done."""
    ends: list[float] = []
    paths = make_slides(output / "slides", slides)

    def on_progress(progress: TriageProgress) -> None:
        if progress.row:
            ends.append(monotonic())

    with nodes_on_this_machine(NODES, CPUS):
        triage(plan_for(output / "run", paths, workers=WORKERS), on_progress)
    began = ends[0] - STAND_IN_S
    ideal = slides * STAND_IN_S / WORKERS
    seconds = ends[-1] - began
    return {
        "slides": slides,
        "workers": WORKERS,
        "seconds": round(seconds, 2),
        "ideal_s": ideal,
        "ratio": round(seconds / ideal, 4),
    }


def main() -> None:
    """Measure and write ``engine_cost.json``."""
    run_by_slides(__doc__, "engine_cost", 5000, measure)


if __name__ == "__main__":
    main()
