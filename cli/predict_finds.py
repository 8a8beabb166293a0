"""The part of ``unmissed predict`` for heat-map models: a table of finds, and the record of the run."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.inference.runtimes.variants import Choice

log = logging.getLogger(__name__)


def write_finds(
    choice: "Choice",
    inputs: Sequence[str],
    output: Path,
    settings: Mapping[str, Any],
    threshold: float | None,
    max_per_image: int | None,
    arguments: Mapping[str, Any],
    started: datetime,
) -> None:
    """Search pictures and write one row for each find; exit with 3 when some could not be read.

    Parameters
    ----------
    choice : the file of the model that runs.
    settings : keywords of ``FindPipeline`` that it shares with ``Predictor``.
    arguments : what the user asked for, for the record.
    """
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.inference.pictures.find import FindPipeline
    from unmissed.inference.pictures.inputs import expand
    from unmissed.inference.pictures.table import FindTable
    from unmissed.inference.provenance import write_run

    found = expand(inputs)
    failures = [(str(row.path), row.error or "") for row in found.problems]
    for _, error in failures:
        log.warning("%s", error)
    with FindTable(output) as table:
        before = perf_counter()
        finder = FindPipeline(choice.file, **settings, threshold=threshold, max_per_image=max_per_image)
        loaded = perf_counter()
        with finder, ProgressBar(total=len(found.paths), amount="items") as bar:
            for row in finder.find(found.paths):
                table.write([row])
                bar.advance()
                if row.error is not None:
                    log.warning("%s", row.error)
                    failures.append((str(row.path), row.error))
        done = perf_counter()
    images = len(found.paths) + len(found.problems)
    write_run(
        output.with_suffix(".run.json"),
        finder,
        choice,
        arguments={**arguments, "threshold": threshold, "max_per_image": max_per_image},
        started=started,
        load_s=loaded - before,
        predict_s=done - loaded,
        images=images,
        failed=len(failures),
        more={"finds": table.rows, "failures": [{"path": path, "error": error} for path, error in failures]},
    )
    file = choice.file
    typer.echo(
        f"{images} pictures, {len(failures)} failed, {table.rows} finds, {done - loaded:.1f} s, "
        f"{finder.session.runtime} ({finder.session.provider}), {file.card.name} {file.variant} -> {output}",
        err=True,
    )
    if failures:
        raise typer.Exit(ExitCode.SOME_FAILED)
