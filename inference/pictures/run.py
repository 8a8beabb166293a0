"""A whole prediction: a model by name, pictures in, rows out; or a table, a page and the record of the run."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Unpack

from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.datasets.basis.files import make_folder, regular_file
from unmissed.datasets.basis.hardware import processor
from unmissed.datasets.pictures.notes import NoteCount
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.pictures.inputs import PictureInputs, expand
from unmissed.inference.pictures.pipeline import Pipeline, PipelineOptions, Row
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.predictions_page import PageRun, write_page
from unmissed.inference.pictures.record import write_run
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.pictures.table import FindTable, PredictionTable, Table
from unmissed.inference.runtimes.variants import Choice, choose
from unmissed.models.cards import Card

log = logging.getLogger(__name__)

OnProgress = Callable[[float, float, str], None]
"""Receives how many pictures are done, how many there are, and words on the speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRun:
    """How a run over pictures ended.

    Attributes:
        pipeline: that ran; closed, but it still names model, runtime and provider.
        images, failed, noted: number of pictures, of those without a result, and of those with a note.
        rows: lines of the table: pictures, or finds.
        seconds: from the first picture to the last row.
    """

    pipeline: Pipeline[Any]
    images: int
    failed: int
    noted: int
    rows: int
    seconds: float


def open_pipeline(
    choice: Choice,
    *,
    um_per_px: float | None = None,
    threshold: float | None = None,
    max_per_image: int | None = None,
    **options: Unpack[PipelineOptions],
) -> Predictor | FindPipeline:
    """Load the file of a model into the pipeline of its task.

    Args:
        choice: which file of the model runs.
        um_per_px: size of a pixel in the pictures; None means the model's.
        threshold, max_per_image: of a heat map; see ``FindPipeline``.
        options: see ``Pipeline``.

    Raises:
        ConfigError: When an option does not apply to this kind of model, or the pixel size does not fit.
        ModelError, RuntimeUnavailableError: When the model is of another task, or cannot run here.
    """
    options["notes"] = choice.notes
    if choice.file.card.task == "heatmap":
        return FindPipeline(
            choice.file, um_per_px=um_per_px, threshold=threshold, max_per_image=max_per_image, **options
        )
    _refuse(threshold=threshold, max_per_image=max_per_image)
    return Predictor(choice.file, um_per_px=um_per_px, **options)


def rows_of(pipeline: Pipeline[Row], found: PictureInputs) -> Iterator[Row]:
    """One row for each input: first what names no picture, then the pictures in order; notes become warnings."""
    for note in found.notes:
        log.warning("%s", note)
    yield from (pipeline.failure(row.path, row.error or "") for row in found.problems)
    yield from pipeline.predict(found.paths)


def predict_to_files(
    model: str,
    inputs: Sequence[str],
    output: Path,
    *,
    runtime: str = "onnx-cpu",
    variant: str = "auto",
    device: str | None = None,
    groups: bool = False,
    page: Path | None = None,
    on_progress: OnProgress = lambda done, total, words: None,
    **settings: Any,
) -> PredictionRun:
    """Run a model over pictures and write its table, the record of the run beside it, and a page.

    Args:
        model, runtime, variant, device: see ``variants.choose``.
        inputs: files, folders and patterns.
        output: the table, ``OUT.csv``; the record is ``OUT.run.json``.
        groups: add columns for groups of classes.
        page: also write a page with pictures.
        on_progress: called after every batch.
        settings: other keywords of ``open_pipeline``.

    Raises:
        ConfigError: When an option does not apply to this kind of model.
        ImageError: When no input names a picture.
        OutputError: When a file cannot be written; found before the work where possible.
        ModelError, RuntimeUnavailableError: When the model cannot be used, or not here.
    """
    started = datetime.now(UTC)
    choice = choose(model, runtime, variant, device)
    card = choice.file.card
    is_heatmap = card.task == "heatmap"
    of_finds = {name: settings.pop(name, None) for name in ("threshold", "max_per_image")}
    arguments: dict[str, Any] = {"model": model, "inputs": list(inputs), "output": str(output), "variant": variant}
    arguments |= {"runtime": runtime, "device": device, **settings}
    arguments |= of_finds if is_heatmap else {"groups": groups, "page": None if page is None else str(page)}
    _refuse(**({"groups": groups or None, "page": page} if is_heatmap else of_finds))
    found = expand(inputs)
    found = replace(found, notes=(*found.notes, *_without_effect(card, runtime, device, groups=groups)))
    _check_page(page, output)
    failed: list[tuple[str, str]] = []
    noted: list[dict[str, Any]] = []
    count = NoteCount()
    kept: list[PredictionRow] = []
    table: Any = FindTable(output) if is_heatmap else PredictionTable(output, card, with_groups=groups)
    with table, _warn_if_cut_short(table):
        before = perf_counter()
        pipeline: Pipeline[Any] = open_pipeline(choice, runtime=runtime, device=device, **of_finds, **settings)
        loaded = perf_counter()
        with pipeline:
            rows, done = rows_of(pipeline, found), 0
            size = 1 if is_heatmap else pipeline.session.batch_size
            while batch := list(islice(rows, size)):
                table.write(batch)
                done += len(batch)
                for row in batch:
                    if row.notes:
                        noted.append({"path": str(row.path), "notes": [*map(str, row.notes)]})
                        count.add(str(row.path), row.notes)
                    if row.error is not None:
                        failed.append((str(row.path), row.error))
                        log.warning("%s", row.error)
                kept += batch if page is not None else ()
                speed = done / (perf_counter() - loaded)
                on_progress(min(done, len(found.paths)), len(found.paths), f"{speed:.0f} images/s")
        seconds = perf_counter() - loaded
    for line in count.lines():
        log.warning("%s", line)
    of_heatmap = {"finds": table.rows, "failures": [{"path": path, "error": error} for path, error in failed]}
    of_heatmap["noted_pictures"] = noted
    write_run(
        None if table.is_stream else output.with_suffix(".run.json"),
        pipeline,
        choice,
        arguments=arguments,
        started=started,
        load_s=loaded - before,
        predict_s=seconds,
        images=done,
        failed=len(failed),
        noted=len(noted),
        notes=(*found.notes, *count.lines()),
        more=of_heatmap if is_heatmap else None,
    )
    if page is not None:
        write_page(page, kept, card, page_run(pipeline, seconds, output))
    return PredictionRun(
        pipeline=pipeline, images=done, failed=len(failed), noted=len(noted), rows=table.rows, seconds=seconds
    )


def page_run(pipeline: Pipeline[Any], seconds: float, table: Path, note: str = "", note_zh: str = "") -> PageRun:
    """What the page reports about a run; see ``PageRun``."""
    return PageRun(
        variant=pipeline.model.variant,
        runtime=pipeline.session.runtime,
        device=f"{pipeline.session.provider}, {processor()}",
        seconds=seconds,
        csv=table,
        note=note,
        note_zh=note_zh,
    )


def _refuse(**options: object) -> None:
    """Refuse options that do not apply to this kind of model: leaving them out silently would mislead."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{', '.join(given)} does not apply to this model", fix="leave it out")


def _without_effect(card: Card, runtime: str, device: str | None, *, groups: bool) -> Iterator[str]:
    """Options that change nothing here, in words."""
    if device is not None and runtime == "onnx-cpu":
        yield f"--device {device} has no effect with {runtime}"
    if groups and not card.groups():
        yield f"--groups has no effect: the classes of {card.name} have no groups"


@contextmanager
def _warn_if_cut_short(table: Table) -> Iterator[None]:
    """When the run is interrupted, say what is saved."""
    try:
        yield
    except BaseException:
        if table.rows:
            log.warning("the run was interrupted: %s", table.kept())
        raise


def _check_page(page: Path | None, table: Path) -> None:
    """Fail before the work, not after it, when the page cannot be written."""
    target = None if page is None else regular_file(page)
    if target is not None:
        make_folder(target.parent)
        if target == regular_file(table):
            raise OutputError(f"{page} would be written over the table", fix="name another file for the page")
