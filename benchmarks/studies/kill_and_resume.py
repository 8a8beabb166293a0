"""Triage killed at random moments and resumed: is every slide there once, whole, and as if nothing had happened?

    python -m unmissed.benchmarks.studies.kill_and_resume --runs 100

Small slides are triaged once undisturbed. Then the same command is started again and again and killed with all its
processes (SIGKILL), until it has had its share of kills; a run that comes to its end is compared with the undisturbed
one and started again. By default a screener without models does the screening, so that more kills fall between the
steps that matter; ``--models`` takes the real one. Needs a system with process groups (Linux, macOS).
"""

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any

import numpy as np
import tifffile
import typer

from unmissed.inference.cytology.results.reading import RESULT_FILE, ResultError, read_slide_result
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan

log = logging.getLogger(__name__)

_SIDE_PX = 512
_TILE_PX = 256
_UM_PER_PX = 0.25


@dataclass
class KillReport:
    """What was seen.

    Attributes:
        kills: processes that were killed.
        completed: runs that came to their end, after any number of kills.
        kept: slides that a killed process had finished, summed over the kills.
        problems: everything that is not as it should be; empty when all is well.
    """

    kills: int = 0
    completed: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def make_slides(folder: Path, count: int) -> list[Path]:
    """Write small tiled TIFF slides of random pixels; two of them share a name."""
    rng = np.random.default_rng(5)
    paths = [folder / ("again" if index == 1 else "") / f"slide{max(0, index - 1)}.tiff" for index in range(count)]
    for index, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(30 * index % 200, 256, (_SIDE_PX, _SIDE_PX, 3), dtype=np.uint8)
        tifffile.imwrite(
            path,
            pixels,
            tile=(_TILE_PX, _TILE_PX),
            photometric="rgb",
            compression="deflate",
            resolution=(1e4 / _UM_PER_PX,) * 2,
            resolutionunit="CENTIMETER",
        )
    return paths


def triage_quickly(output: str, *slides: str) -> None:
    """Triage without models; what the killed process runs."""
    triage(quick_plan(Path(output), [Path(slide) for slide in slides]), lambda progress: None)


def command(output: Path, slides: list[Path], instead: str, *options: str) -> list[str]:
    """The triage that is killed.

    Args:
        output: of the run.
        slides: files or folders.
        instead: "module:function" that is called with output and slides in place of the real command; empty for that.
        options: of the real command.
    """
    words = [str(output), *map(str, slides)]
    if not instead:
        return [sys.executable, "-m", "unmissed.cli.app", "triage", *options, "-o", *words]
    code = "import pkgutil, sys; pkgutil.resolve_name(sys.argv[1])(*sys.argv[2:])"
    return [sys.executable, "-c", code, instead, *words]


def disturb(folder: Path, *, runs: int, slides: int, models: bool, seed: int) -> KillReport:
    """Kill ``runs`` times and compare every completed run with an undisturbed one.

    Args:
        folder: an empty folder to work in.
        runs: how often to kill.
        slides: how many slides a run has.
        models: use the real models.
        seed: of the moments.
    """
    moments = random.Random(seed)
    paths = make_slides(folder / "slides", slides)
    instead = "" if models else "unmissed.benchmarks.studies.kill_and_resume:triage_quickly"
    begun = monotonic()
    process = _start(command(folder / "undisturbed", paths, instead))
    if process.wait():
        raise typer.BadParameter(f"the undisturbed run left with exit code {process.returncode}")
    usual_s = monotonic() - begun
    expected = snapshot(folder / "undisturbed")
    report, output = KillReport(), folder / "disturbed"
    finished: dict[str, int] = {}
    # A kill may come before there is anything to resume; at least one run has to come to its end.
    while report.kills < runs or output.exists() or not report.completed:
        is_fresh, begun = not output.exists(), monotonic()
        process = _start(command(output, paths, instead))
        if report.kills < runs and not _ended(process, moments.uniform(0, usual_s)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            report.kills += 1
            finished = _check_between(output, finished, report)
            report.kept += len(finished)
            log.info("kill %d of %d: %d slides were finished", report.kills, runs, len(finished))
            continue
        if process.wait():
            report.problems.append(f"a resumed run left with exit code {process.returncode}")
            break
        if is_fresh:
            # The load of the machine changes; moments after the end of a run would be wasted.
            usual_s = monotonic() - begun
        report.completed += 1
        _check_between(output, finished, report)
        found = snapshot(output)
        report.problems += [
            f"{key} differs" for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
        ]
        shutil.rmtree(output)
        finished = {}
    return report


def snapshot(output: Path) -> dict[str, Any]:
    """Everything that a run has left, without times: the lines of the worklist, the results, the names of the files."""
    found: dict[str, Any] = {
        "files": sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    }
    header, *lines = (output / "worklist.csv").read_text("utf-8").splitlines()
    seconds = header.split(",").index("seconds")
    found["worklist"] = [[cell for index, cell in enumerate(line.split(",")) if index != seconds] for line in lines]
    for path in sorted(output.glob(f"slides/*/{RESULT_FILE}")):
        result = read_slide_result(path.parent).model_dump(mode="json", exclude={"times_s", "thread_s"})
        found[str(path.relative_to(output))] = result
    for path in sorted(output.glob("state/*.json")):
        found[str(path.relative_to(output))] = json.loads(path.read_text("utf-8"))["status"]
    return found


def _check_between(output: Path, before: dict[str, int], report: KillReport) -> dict[str, int]:
    """Slides that are finished, with the time of their result; what was finished before must still be the same."""
    finished = {}
    for path in output.glob("slides/[!.]*"):
        try:
            result = read_slide_result(path)
        except ResultError as error:
            report.problems.append(f"after kill {report.kills}: {error}")
            continue
        if not all((path / name).is_file() for name in ("findings.csv", "heatmap.png", *result.gallery)):
            report.problems.append(f"after kill {report.kills}: {path.name} is not whole")
        finished[path.name] = (path / RESULT_FILE).stat().st_mtime_ns
    for name, time_ns in before.items():
        if finished.get(name) != time_ns:
            report.problems.append(f"after kill {report.kills}: {name} was finished, and is lost or made again")
    return finished


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    """A process group of its own, so that the workers are killed along."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, stdout=quiet, stderr=quiet, start_new_session=True)  # noqa: S603 - our own words


def _ended(process: subprocess.Popen[bytes], within_s: float) -> bool:
    end = monotonic() + within_s
    while monotonic() < end:
        if process.poll() is not None:
            return True
        sleep(0.005)
    return process.poll() is not None


def main(
    runs: Annotated[int, typer.Option(min=1, help="How often to kill.")] = 100,
    slides: Annotated[int, typer.Option(min=2, help="Slides of a run.")] = 6,
    models: Annotated[bool, typer.Option("--models", help="Use the real models.")] = False,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """Kill a triage at random moments, resume it, and compare with an undisturbed run."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory(prefix="unmissed-kill-") as folder:
        report = disturb(Path(folder), runs=runs, slides=slides, models=models, seed=seed)
    for problem in report.problems:
        typer.echo(problem, err=True)
    typer.echo(
        f"{report.kills} kills, {report.completed} runs completed, {report.kept} times a finished slide was kept, "
        f"{len(report.problems)} lost, double or half results"
    )
    if report.problems:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
