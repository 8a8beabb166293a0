"""``unmissed convert``: results for other systems."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.inference.exchange.convert import Converted


def convert(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Output of triage or watch, or one slide's folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Output folder.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMATS", help="dicom, fhir, hl7, omop, qupath, with commas.")],
    codes: Annotated[str, typer.Option(metavar="CODES", help="Table of codes: a name or a YAML file.")] = "default",
    twin: Annotated[
        Path | None,
        typer.Option(
            "--twin", metavar="FOLDER", help="DICOM copy of the slide; of an exam any DICOM file of its study."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="Desk with the signatures.", show_default="RESULT/review"),
    ] = None,
) -> None:
    """Write results as DICOM, FHIR, HL7 v2, OMOP or a QuPath project.

    Everything is preliminary until a person has signed the slide at the review desk.
    """
    from unmissed.inference.exchange.convert import convert as run
    from unmissed.inference.exchange.convert import formats_of

    show(run(result, formats_of(to), output, codes=codes, twin=twin, database=database), output)


def show(done: "Converted", output: Path | str) -> None:
    """Say what was written; leave with 3 when a slide failed."""
    from unmissed.datasets.basis.names import printable

    for slide, reasons in done.left_out.items():
        typer.echo(printable(f"{slide}: {'; '.join(reasons)}"), err=True)
    for slide, why in done.failed.items():
        typer.secho(printable(f"{slide}: {why}"), err=True, fg="red")
    typer.echo(f"{done.slides} written -> {output}", err=True)
    if done.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)
