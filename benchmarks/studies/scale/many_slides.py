"""What 100,000 slides cost the process that drives a run: memory, start, and the worklist.

    python -m unmissed.benchmarks.studies.scale.many_slides -o DIR [--slides 100000]

The slides are listed, and all of them have been screened, as when a run of a month is resumed: states and results are
those of a small slide, under other names. Nothing is screened.
"""

import json
import resource
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from unmissed.benchmarks.studies.scale.parts import make_slides, plan_for, run_by_slides
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.run.batch import Dispatcher
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.plan import slide_inputs
from unmissed.inference.cytology.run.state import fingerprint_of
from unmissed.inference.cytology.run.status import status_of
from unmissed.inference.cytology.run.triage import triage
from unmissed.inference.cytology.run.worker_handle import LocalCrew
from unmissed.testing.quick_screener import QuickScreener


def make_run(output: Path, slides: list[Path]) -> None:
    """Screen one slide, and write its result and state under the names of all."""
    triage(plan_for(output, slides[:1], cluster=None, workers=1, make_screener=QuickScreener), lambda progress: None)
    folder = RunFolder(output)
    result = json.loads((folder.result(slides[0].stem) / "result.json").read_text("utf-8"))
    state = json.loads((folder.states / f"{slides[0].stem}.json").read_text("utf-8"))
    contents: dict[int, dict[str, Any]] = {}  # by inode: most names are links
    for path in slides[1:]:
        place = folder.result(path.stem)
        place.mkdir()
        inode = path.stat().st_ino
        if inode not in contents:
            contents[inode] = asdict(fingerprint_of(path))
        made = result | {"slide": path.stem, "provenance": result["provenance"] | {"fingerprint": contents[inode]}}
        (place / "result.json").write_text(json.dumps(made), encoding="utf-8")
        told = state | {"slide": path.stem, "path": str(path.absolute()), "fingerprint": contents[inode]}
        (folder.states / f"{path.stem}.json").write_text(json.dumps(told), encoding="utf-8")


def measure(output: Path, count: int) -> dict[str, float]:
    """List, resume, and write the worklist."""
    slides = make_slides(output / "slides", count)
    make_run(output / "run", slides)
    times: dict[str, float] = {"slides": count}
    started = monotonic()
    jobs = slide_inputs([str(output / "slides")]).jobs
    times["list_s"] = monotonic() - started
    times["listed_mb"] = _peak_mb()
    folder = RunFolder(output / "run")
    started = monotonic()
    with folder.locked():
        ledger = Ledger(folder, load_policy("screening"), Preparation.LIQUID)
        names = name_jobs([SlideJob(job.path) for job in jobs], {name: s.path for name, s in ledger.states.items()})
        batch = Dispatcher(ledger, names, LocalCrew(QuickScreener, {}, 1, hashed=True))
        times["resume_s"] = monotonic() - started
        times["left"] = batch.total
        batch.run(lambda progress: None)
        started = monotonic()
        rows = ledger.write_worklist()
        times["worklist_s"] = monotonic() - started
        times["rows"] = len(rows)
        started = monotonic()
        ledger.row(rows[0].slide)
        times["row_s"] = monotonic() - started
    times["peak_mb"] = _peak_mb()
    started = monotonic()
    status_of(output / "run")
    times["status_s"] = monotonic() - started
    return {name: round(value, 4) for name, value in times.items()}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and write ``many_slides.json``."""
    run_by_slides(__doc__, "many_slides", 100_000, measure)


if __name__ == "__main__":
    main()
