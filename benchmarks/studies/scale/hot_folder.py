"""A followed folder under stress: slides are written piece by piece while the service is stopped and killed.

    python -m unmissed.benchmarks.studies.scale.hot_folder --slides 1000 --restarts 20

Writers put tiny slides into a folder as scanners and copies over a network do: in pieces with pauses, under a temporary
name or the final one, as one file or as a folder of tiles, with times of clocks that are ten minutes off. Meanwhile
``follow`` is ended again and again, every second time by SIGKILL to all its processes. In the end every slide must have
one result whose SHA-256 is that of the whole file. By default a screener without models stands in; ``--models`` takes
the real ones. Needs a system with process groups (Linux, macOS).
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any

import typer

from unmissed.benchmarks.studies.kill_and_resume import command
from unmissed.benchmarks.studies.scale.writers import SETTLE_S, Writers
from unmissed.datasets.slides.base import Slide
from unmissed.inference.cytology.follow.service import follow
from unmissed.inference.cytology.results.reading import ResultError, read_slide_result
from unmissed.inference.cytology.run.state import read_states
from unmissed.inference.cytology.run.triage import TriageOutcome, triage
from unmissed.inference.cytology.values import SlideResult
from unmissed.testing.quick_plan import quick_plan
from unmissed.testing.quick_screener import QuickScreener


@dataclass
class Report:
    """What was seen.

    Attributes:
        slides, restarts, killed: written, ended, and those ended by SIGKILL.
        screenings: begun, by slide, how often each number was seen.
        seconds: from the first slide to the last result; and what the writers took.
        problems: everything that is not as it should be; empty when all is well.
    """

    slides: int = 0
    restarts: int = 0
    killed: int = 0
    screenings: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    writing_s: float = 0.0
    problems: list[str] = field(default_factory=list)


class Witness(QuickScreener):
    """Puts down every screening that it begins."""

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """As ``QuickScreener.screen``."""
        with Path(os.environ["UNMISSED_WITNESS"]).open("a", encoding="utf-8") as stream:
            stream.write(f"{name}\n")
        return super().screen(slide, name, path)


def follow_quickly(output: str, folder: str, **service: Any) -> None:
    """Follow a folder without models; what the ended process runs."""

    def carry_out(**more: Any) -> TriageOutcome:
        report = more.pop("on_progress")
        return triage(quick_plan(Path(output), make_screener=Witness, workers=2, **more), report)

    follow(carry_out, [folder], Path(output), {"settle_s": SETTLE_S, "um_per_px": 0.25}, **service)


def disturb(folder: Path, *, slides: int, restarts: int, models: bool, seed: int) -> Report:
    """Write slides, end the service again and again, and look at what is there in the end.

    Args:
        folder: an empty folder to work in.
        slides: how many are written.
        restarts: how often the service is ended, every second time by SIGKILL.
        models: use the real models.
        seed: of the moments and of the slides.
    """
    inputs, output, witness = folder / "in", folder / "out", folder / "witness"
    inputs.mkdir()
    witness.touch()
    os.environ["UNMISSED_WITNESS"] = str(witness)
    chance, report = random.Random(seed), Report(slides=slides)
    instead = "" if models else "unmissed.benchmarks.studies.scale.hot_folder:follow_quickly"
    words = command(output, [inputs], instead, "--follow", "--settle-s", str(SETTLE_S), "--um-per-px", "0.25")
    start = partial(subprocess.Popen, words, start_new_session=True, cwd=folder)
    log = (folder / "log").open("wb")
    process = start(stdout=log, stderr=log)
    writers, begun = Writers(inputs, slides, seed), monotonic()
    writers.start()
    while report.restarts < restarts:
        # From while the models load to while slides wait, are opened, screened and recorded.
        sleep(chance.uniform(1, 12 if report.restarts else 20))
        report.restarts += 1
        if report.restarts % 2:
            os.kill(process.pid, signal.SIGTERM)
            if process.wait(120) not in (0, -signal.SIGTERM):  # the second: it had not begun to listen
                report.problems.append(f"SIGTERM left the exit code {process.returncode}")
        else:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            report.killed += 1
        process = start(stdout=log, stderr=log)
    writers.join()
    report.writing_s = monotonic() - begun
    until = monotonic() + 60 + slides
    while (
        not (_done(output) == slides and _works(output, process.pid)) and monotonic() < until and process.poll() is None
    ):
        sleep(2)
    report.seconds = monotonic() - begun
    os.kill(process.pid, signal.SIGTERM)
    if process.wait(300):
        report.problems.append(f"in the end SIGTERM left the exit code {process.returncode}")
    report.problems += _problems(output, writers.hashes)
    begun_times = Counter(witness.read_text("utf-8").split())
    report.screenings = dict(sorted(Counter(begun_times.values()).items()))
    return report


def _works(output: Path, pid: int) -> bool:
    """Whether a process has the folder of the run, and listens to signals."""
    lock = output / "state" / ".lock"
    return lock.is_file() and lock.read_text("utf-8").startswith(f"process {pid} ")


def _done(output: Path) -> int:
    return sum(state.status in ("done", "failed") for state in read_states(output / "state").values())


def _problems(output: Path, hashes: dict[str, str]) -> list[str]:
    """Slides without a result, with a part of one, of half a file, or with more results than one."""
    problems = []
    states = read_states(output / "state")
    page = (output / "index.html").read_text("utf-8")
    rows = (output / "worklist.csv").read_text("utf-8").splitlines()[1:]
    for name in hashes.keys() | states.keys():
        state = states.get(name)
        if state is None or name not in hashes:
            problems.append(f"{name}: {'not screened' if state is None else 'no such slide'}")
            continue
        whole = [attempt for attempt in state.attempts if not attempt.error]
        if state.status != "done" or len(whole) != 1:
            problems.append(f"{name}: {state.status}, {[attempt.error for attempt in state.attempts]}")
            continue
        try:
            if (read_slide_result(output / "slides" / name).sha256 or "") != hashes[name]:
                problems.append(f"{name}: another file was screened than was written")
        except ResultError as error:
            problems.append(f"{name}: {error}")
        if f"slides/{name}/index.html" not in page:
            problems.append(f"{name}: not on the page")
    if sorted(row.split(",")[0] for row in rows) != sorted(hashes):
        problems.append(f"the worklist has {len(rows)} rows")
    return problems


def main(
    slides: Annotated[int, typer.Option(min=1, help="Slides that are written.")] = 1000,
    restarts: Annotated[int, typer.Option(min=0, help="How often the service is ended.")] = 20,
    models: Annotated[bool, typer.Option("--models", help="Use the real models.")] = False,
    seed: Annotated[int, typer.Option(help="Of moments and slides.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Work in this new folder, and keep it.")] = None,
) -> None:
    """End the service again and again while slides are written, and check what comes out."""
    folder = keep or Path(tempfile.mkdtemp(prefix="unmissed-hot-folder-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = disturb(folder, slides=slides, restarts=restarts, models=models, seed=seed)
    typer.echo(json.dumps(asdict(report), indent=2))
    if not keep:
        shutil.rmtree(folder)
    raise typer.Exit(bool(report.problems))


if __name__ == "__main__":
    typer.run(main)
