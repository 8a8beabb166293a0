"""``unmissed pacs``: to and from an archive."""

import os
from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ConfigError

app = typer.Typer(help="Fetch slides from an archive, and store results in it (DICOMweb).", no_args_is_help=True)
_Url = Annotated[str, typer.Argument(metavar="URL", help="Of the DICOMweb service: http://HOST:8042/dicom-web.")]


@app.command()
def fetch(
    url: _Url,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="A folder for each series is made.")],
    study: Annotated[str, typer.Option(help="Study Instance UID.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    date: Annotated[str, typer.Option(help="Study date, 20261128 or 20261101-20261128.")] = "",
    modality: Annotated[str, typer.Option(help="SM: slides; ES: endoscopies.")] = "SM",
) -> None:
    """Fetch slides; what is there already is not fetched again."""
    from unmissed.inference.exchange.pacs import Archive

    wanted = {"StudyInstanceUID": study, "AccessionNumber": accession, "StudyDate": date}
    wanted = {name: value for name, value in wanted.items() if value}
    if not wanted:
        raise ConfigError("a whole archive is not fetched", fix="add --study, --accession or --date")
    done = Archive(url, os.environ.get("UNMISSED_PACS_TOKEN", "")).fetch(output, wanted, modality)
    typer.echo(f"{done.moved} objects fetched, {done.there} were there -> {output}", err=True)


@app.command()
def store(
    url: _Url, files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DICOM files, or folders of them.")]
) -> None:
    """Store DICOM files in an archive."""
    from unmissed.inference.exchange.pacs import Archive

    done = Archive(url, os.environ.get("UNMISSED_PACS_TOKEN", "")).store(files)
    typer.echo(f"{done.moved} objects stored", err=True)
