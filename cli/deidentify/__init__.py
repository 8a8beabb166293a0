"""``unmissed deidentify``: copies that do not say whose they are."""

from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ConfigError, ExitCode


def deidentify(
    inputs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Slides, or folders of them.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Folder of the copies.", show_default=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Which copy is which.", show_default="OUT-key.json")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the files are clean.")] = False,
) -> None:
    """Copy slides without label, overview, names, dates and texts; tiles stay byte by byte.

    Nothing is changed in place. Messages name inputs by number, never by name.
    """
    from unmissed.inference.deidentify import run

    if not check and output is None:
        raise ConfigError("no output folder was given", fix="add -o OUT, or --check to look only")
    outcomes = run.check(inputs) if output is None or check else run.deidentify(inputs, output, key)
    bad = 0
    for one in outcomes:
        left = one.found if check else one.left
        bad += bool(left or one.error)
        what = one.error or ("; ".join(left) if left else "clean")
        removed = f" ({len(one.found)} things left behind)" if one.copy else ""
        typer.echo(f"{one.number}{' -> ' + one.copy if one.copy else ''}: {what}{removed}")
    if bad:
        raise typer.Exit(ExitCode.SOME_FAILED)
