"""``unmissed bench compare``: what became slower or faster between two results."""

from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode


def bench_compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="results.json of the old version, or its folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="results.json of the new version, or its folder.")],
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="Medians within this percentage of each other count as the same.")
    ] = 5.0,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the comparison as JSON.")
    ] = None,
) -> None:
    """Show what changed beyond noise: no round of one side among those of the other, and medians further apart.

    Exit code 3 when a figure is worse beyond noise on the same class of machine. Use five rounds per side: with
    three against three, one in ten unchanged figures has separate ranges by chance.
    """
    from unmissed.benchmarks.speed.compare import compare
    from unmissed.benchmarks.speed.compare_page import as_json, comparison_lines
    from unmissed.benchmarks.speed.results import load_results
    from unmissed.datasets.basis.files import write_json
    from unmissed.datasets.basis.names import printable

    comparison = compare(load_results(before), load_results(after), tolerance)
    for words in comparison.warnings:
        typer.secho(f"{printable(words)}", err=True, fg="red", bold=True)
    for words in (*comparison.warnings, *comparison.notes):
        typer.echo(f"> {printable(words)}")
    typer.echo("\n" * bool(comparison.warnings or comparison.notes) + "\n".join(comparison_lines(comparison)))
    if json_out is not None:
        write_json(json_out, as_json(comparison))
    if comparison.regressions:
        raise typer.Exit(ExitCode.SOME_FAILED)
