"""Time that the bench itself adds: the same command watched and not watched, in turns.

    python -m unmissed.benchmarks.speed.slides.overhead --rounds 10

A slide's screening is run by itself, and as ``unmissed bench slide`` runs it; pairs of one round are compared.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import typer

from unmissed.benchmarks.speed.child import run_child
from unmissed.benchmarks.speed.machine import OtherLoad, warnings
from unmissed.benchmarks.speed.slides.page_cache import make_warm
from unmissed.benchmarks.speed.slides.reference_slides import SlideMaker, default_folder, reference_slide
from unmissed.benchmarks.speed.slides.slide_seconds import triage_words
from unmissed.datasets.basis.errors import run_main


def bare(slide: Path) -> float:
    """Triage a slide without looking at the process while it runs; s."""
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        command = [sys.executable, "-m", *triage_words(slide, Path(folder) / "out", "default", "onnx-cpu")]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell, and our own module
        return perf_counter() - started


def watched(slide: Path) -> float:
    """The same as ``unmissed bench slide`` does it; s."""
    with tempfile.TemporaryDirectory() as folder:
        return run_child(triage_words(slide, Path(folder) / "out", "default", "onnx-cpu")).seconds


def in_turns(slide: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each round, bare and watched; who goes first changes, so that a drift favours neither."""
    times: dict[Callable[[Path], float], list[float]] = {bare: [], watched: []}
    for number in range(rounds):
        for run in (bare, watched) if number % 2 == 0 else (watched, bare):
            times[run].append(run(slide))
    return times[bare], times[watched]


def main(
    slide: Annotated[Path | None, typer.Argument(help="A slide.", show_default="the small reference slide")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of A B.")] = 10,
) -> None:
    """Compare the watched command with the bare one."""
    path = slide or SlideMaker(default_folder()).make(reference_slide("small"), notify=typer.echo)
    load = OtherLoad()
    make_warm(path)
    bare(path)  # from here on Python's modules and the models are in memory
    without, with_it = in_turns(path, rounds)
    ratios = [two / one for one, two in zip(without, with_it, strict=True)]
    typer.echo(
        f"{path.name}, {rounds} rounds: bare {median(without):.2f} s ({min(without):.2f} to {max(without):.2f}), "
        f"watched {median(with_it):.2f} s ({min(with_it):.2f} to {max(with_it):.2f})"
    )
    typer.echo(
        f"ratio of the medians {median(with_it) / median(without):.4f}; "
        f"ratios of the rounds: median {median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f})"
    )
    for words in warnings(load.end()):
        typer.echo(words, err=True)


if __name__ == "__main__":
    run_main(partial(typer.run, main))
