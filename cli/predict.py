"""``unmissed predict``: run a model over pictures; write a table, a record of the run and a page."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmissed.datasets.basis.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from unmissed.inference.pictures.predict import Predictor
    from unmissed.inference.pictures.rows import PredictionRow
    from unmissed.inference.pictures.table import PredictionTable

log = logging.getLogger(__name__)


def predict(
    model: Annotated[str, typer.Argument(help="A shipped model, a .onnx file with its card, or an export folder.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders or patterns.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.csv", help="The table to write.")],
    runtime: Annotated[str, typer.Option(help="Runtime of the model; `unmissed doctor` lists them.")] = "onnx-cpu",
    variant: Annotated[str, typer.Option(help="auto, fp32, int8 or another of the card's files.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Pictures per batch.", show_default="what suits the runtime")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Threads that read pictures.", show_default="physical cores")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="CPU threads per batch.", show_default="1 on a CPU")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Number of the accelerator.", show_default="0")] = None,
    um_per_px: Annotated[
        float | None,
        typer.Option(min=0.001, help="Pixel size of the pictures.", show_default="the model's"),
    ] = None,
    groups: Annotated[bool, typer.Option("--groups", help="Add columns for groups of classes.")] = False,
    page: Annotated[Path | None, typer.Option(metavar="OUT.html", help="Also write a page with pictures.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Minimum score of a find (heat maps).", show_default="the card's"),
    ] = None,
    max_per_image: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of finds per picture (heat maps).", show_default="all")
    ] = None,
) -> None:
    """Run a model over pictures; write one row for each into a table, or with a heat-map model one for each find.

    A picture that cannot be read becomes a row with its error (with a heat-map model a line on the screen and in the
    record); the exit code is then 3. OUT.run.json beside OUT.csv records versions, model hash, machine and times.
    """
    from unmissed.inference.pictures.inputs import expand
    from unmissed.inference.pictures.predict import Predictor
    from unmissed.inference.pictures.table import PredictionTable
    from unmissed.inference.provenance import write_run
    from unmissed.inference.runtimes.variants import choose

    started = datetime.now(UTC)
    choice = choose(model, runtime, variant, device)
    file = choice.file
    settings: dict[str, Any] = {
        "runtime": runtime,
        "batch_size": batch_size,
        "workers": workers,
        "threads": threads,
        "device": device,
        "um_per_px": um_per_px,
    }
    arguments = {"model": model, "inputs": inputs, "output": str(output), "variant": variant, **settings}
    settings["notes"] = choice.notes
    if file.card.task == "heatmap":
        from unmissed.cli.predict_finds import write_finds

        _refuse(groups=groups or None, page=page)
        write_finds(choice, inputs, output, settings, threshold, max_per_image, arguments, started)
        return
    _refuse(threshold=threshold, max_per_image=max_per_image)
    found = expand(inputs)
    _check_page(page)
    kept: list[PredictionRow] | None = None if page is None else []
    with PredictionTable(output, file.card, with_groups=groups) as table, _warn_if_cut_short(table):
        before = perf_counter()
        predictor = Predictor(file, **settings)
        loaded = perf_counter()
        with predictor:
            failed = _write_all(predictor, found.problems, found.paths, table, kept)
        done = perf_counter()
    write_run(
        output.with_suffix(".run.json"),
        predictor,
        choice,
        arguments={**arguments, "groups": groups, "page": None if page is None else str(page)},
        started=started,
        load_s=loaded - before,
        predict_s=done - loaded,
        images=table.rows,
        failed=failed,
    )
    if page is not None and kept is not None:
        _write_page(page, kept, predictor, output, done - loaded)
    typer.echo(
        f"{table.rows} pictures, {failed} failed, {done - loaded:.1f} s, {table.rows / (done - loaded):.0f} images/s, "
        f"{runtime} ({predictor.session.provider}), {file.card.name} {file.variant} -> {output}",
        err=True,
    )
    if failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _refuse(**options: object) -> None:
    """Refuse options that do not apply to this kind of model: leaving them out silently would mislead."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{', '.join(given)} does not apply to this model", fix="leave it out")


def _write_all(
    predictor: "Predictor",
    problems: Iterable["PredictionRow"],
    paths: tuple[Path, ...],
    table: "PredictionTable",
    kept: "list[PredictionRow] | None",
) -> int:
    """Write the rows batch by batch under a progress bar; returns how many carry an error."""
    from unmissed.datasets.basis.progress import ProgressBar

    failed = 0
    start = perf_counter()
    with ProgressBar(total=len(paths), amount="items") as bar:
        for batch in _batches(problems, predictor.predict(paths), predictor.session.batch_size):
            table.write(batch)
            failed += sum(row.error is not None for row in batch)
            if kept is not None:
                kept += batch
            speed = table.rows / (perf_counter() - start)
            bar.update(min(table.rows, len(paths)), words=f"{speed:.0f} images/s")
    return failed


def _batches(
    problems: Iterable["PredictionRow"], rows: Iterator["PredictionRow"], size: int
) -> Iterator[list["PredictionRow"]]:
    batch = list(problems)
    for row in rows:
        batch.append(row)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _warn_if_cut_short(table: "PredictionTable") -> Iterator[None]:
    """When the run is interrupted, say what is saved."""
    try:
        yield
    except BaseException:
        if table.rows:
            log.warning("the run was interrupted: %s", table.kept())
        raise


def _check_page(page: Path | None) -> None:
    """Fail before the work, not after it, when the page cannot be written."""
    from unmissed.datasets.basis.errors import OutputError
    from unmissed.datasets.basis.files import make_folder

    if page is None:
        return
    if page.is_dir():
        raise OutputError(f"cannot write {page}: it is a folder", fix="name a file, such as predictions.html")
    make_folder(page.parent)


def _write_page(page: Path, rows: list["PredictionRow"], predictor: "Predictor", table: Path, seconds: float) -> None:
    from unmissed.datasets.basis.hardware import processor
    from unmissed.inference.pictures.predictions_page import PageRow, PageRun, write_page

    run = PageRun(
        variant=predictor.model.variant,
        runtime=predictor.session.runtime,
        device=f"{predictor.session.provider}, {processor()}",
        seconds=seconds,
        csv=table,
    )
    write_page(page, [PageRow.from_row(row) for row in rows], predictor.model.card, run)
