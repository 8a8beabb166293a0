"""``unmissed pacs``: to and from an archive."""

import os
from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ConfigError, ExitCode

app = typer.Typer(help="Fetch slides from an archive, and store results in it (DICOMweb).", no_args_is_help=True)
_Url = Annotated[str, typer.Argument(metavar="URL", help="Of the DICOMweb service: http://HOST:8042/dicom-web.")]


@app.command()
def fetch(
    url: _Url,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="A folder for each series is made.")],
    study: Annotated[str, typer.Option(help="Study Instance UID.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    date: Annotated[str, typer.Option(help="Study date, 20261128 or 20261101-20261128.")] = "",
    worklist: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text with a study UID or an accession number a line."),
    ] = None,
    modality: Annotated[str, typer.Option(help="SM: slides; ES: endoscopies.")] = "SM",
) -> None:
    """Fetch slides; what is there already is not fetched again, and the same command goes on after an interruption."""
    from unmissed.inference.exchange.pacs import Archive, Moved, NotInArchiveError, read_worklist

    wanted = {"StudyInstanceUID": study, "AccessionNumber": accession, "StudyDate": date}
    wanted = {name: value for name, value in wanted.items() if value}
    if bool(wanted) == bool(worklist):
        raise ConfigError(
            "a whole archive is not fetched" if not wanted else "a worklist says itself what is fetched",
            fix="add --study, --accession or --date, or --worklist alone",
        )
    archive = Archive(url, os.environ.get("UNMISSED_PACS_TOKEN", ""))
    if worklist is None:
        done, absent = archive.fetch(output, wanted, modality), 0
    else:
        done, absent = Moved(0), 0
        for line, one in read_worklist(worklist).items():
            try:
                now = archive.fetch(output, one, modality)
                done = Moved(done.moved + now.moved, done.there + now.there)
            except NotInArchiveError:
                absent += 1
                typer.secho(f"line {line} of the worklist: no series of modality {modality}", err=True, fg="red")
    typer.echo(f"{done.moved} objects fetched, {done.there} were there -> {output}", err=True)
    if absent:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command()
def store(
    url: _Url, files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DICOM files, or folders of them.")]
) -> None:
    """Store DICOM files in an archive."""
    from unmissed.inference.exchange.pacs import Archive

    done = Archive(url, os.environ.get("UNMISSED_PACS_TOKEN", "")).store(files)
    typer.echo(f"{done.moved} objects stored", err=True)
