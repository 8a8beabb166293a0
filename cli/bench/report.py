"""How every ``unmissed bench`` begins and ends: a folder that will be taken; the table, the files, the warnings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from unmissed.benchmarks.speed.results import Recorder
    from unmissed.benchmarks.speed.values import Bench


def begin(name: str, output: Path) -> "Recorder":
    """A recorder; a folder with results of another machine is refused before anything is measured.

    Raises:
        ConfigError: When the folder holds results of another machine, or a file that is no result.
    """
    from unmissed.benchmarks.speed.results import Recorder

    recorder = Recorder(name)
    recorder.check_output(output)
    return recorder


def report(recorder: "Recorder", output: Path, draw: "Callable[[Path, Bench], None] | None" = None) -> "Bench":
    """Print the table, write the folder with its chart, and report what a reader must know.

    Raises:
        OutputError: When the folder cannot be written.
    """
    from unmissed.benchmarks.speed.markdown import tables
    from unmissed.benchmarks.speed.results import write_bench

    bench = recorder.bench()
    typer.echo("\n".join(tables(bench.rows)))
    left_out = write_bench(output, bench, [] if draw is None else [lambda folder: draw(folder, bench)])
    for words in (*bench.notes, *left_out):
        typer.echo(words, err=True)
    return bench
