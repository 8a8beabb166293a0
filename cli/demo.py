"""``unmissed demo``: see the software at work on drawn cells."""

from pathlib import Path
from typing import Annotated

import typer

EXIT_SOME_FAILED = 3


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.")] = Path(
        "demo"
    ),
) -> None:
    """Draw cells, run a shipped model over them and write a result page.

    One of the files is broken on purpose, so that you see how errors are shown. The cells are drawn by the program:
    the page shows the software at work, not its accuracy.
    """
    from unmissed.inference.demo import BROKEN, run_demo

    result = run_demo(output)
    speed = result.images / result.seconds
    typer.echo(f"{result.images} files classified in {result.seconds:.2f} s ({speed:.0f} images/s)")
    if result.is_as_expected:
        typer.echo(f"{BROKEN} has no result, as intended; its row says why")
    else:
        typer.echo(f"no result for: {', '.join(result.failed) or 'none, though one file is broken'}", err=True)
    typer.echo(f"table: {result.table}")
    typer.echo(f"page:  {result.page.resolve().as_uri()}")
    if not result.is_as_expected:
        raise typer.Exit(EXIT_SOME_FAILED)
