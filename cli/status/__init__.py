"""``unmissed status``: how far a run is."""

from pathlib import Path
from typing import Annotated

import typer


def status(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of a triage.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how far a triage is: done, running and where, failed and why, slides an hour, time left.

    It reads the folder alone, from any machine that sees it.
    """
    from dataclasses import asdict

    from unmissed.datasets.basis.files import json_text
    from unmissed.datasets.basis.names import printable
    from unmissed.inference.cytology.run.status import status_of

    found = status_of(output)
    for line in [json_text(asdict(found))] if as_json else found.lines():
        typer.echo(line if as_json else printable(line))
