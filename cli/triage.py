"""``unmissed triage``: from whole-slide files to a ranked worklist."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.inference.cytology.run.messages import TriageProgress
    from unmissed.inference.cytology.run.triage import TriageOutcome

log = logging.getLogger(__name__)


def triage(
    context: typer.Context,
    slides: Annotated[
        list[str], typer.Argument(metavar="SLIDE...", help="Slides, folders, patterns or s3://, gs://, az://.")
    ],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="OUT", help="Output folder.", show_default=False)
    ] = None,
    preset: Annotated[str, typer.Option(help="fast, default or thorough.")] = "default",
    policy: Annotated[str, typer.Option(help="Policy: a name or a YAML file.")] = "screening",
    preparation: Annotated[str, typer.Option(help="liquid or conventional.")] = "liquid",
    um_per_px: Annotated[
        float | None, typer.Option(min=0.001, help="Pixel size at level 0.", show_default="the file's")
    ] = None,
    um_per_px_table: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Pixel sizes by slide: columns slide, um_per_px.")
    ] = None,
    runtime: Annotated[str, typer.Option(help="Runtime of the models; `unmissed doctor` lists them.")] = "onnx-cpu",
    variant: Annotated[
        str, typer.Option(help="auto: the fastest variant that this machine computes correctly; or one by name.")
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Slides processed in parallel.", show_default="by cores, memory and slides"),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="CPU threads per slide.", show_default="cores / workers")
    ] = None,
    max_crops: Annotated[
        int | None, typer.Option(min=0, max=100_000, help="Maximum number of crops.", show_default="the preset's")
    ] = None,
    timeout_s: Annotated[float, typer.Option(min=1, help="Mark a slide as failed after this many seconds.")] = 1800.0,
    engine: Annotated[str, typer.Option(help="local: this machine; ray: a cluster.")] = "local",
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Head of the cluster.", show_default="this machine's")
    ] = "auto",
    gpus: Annotated[float, typer.Option(min=0, help="Share of a GPU that a slide takes in a cluster.")] = 0.0,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry failed slides.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Discard an earlier run in OUT.")] = False,
    no_hash: Annotated[bool, typer.Option("--no-hash", help="Skip the SHA-256 of the files.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be read; write nothing.")] = False,
    also: Annotated[
        str, typer.Option("--also", metavar="FORMATS", help="Write OUT/exchange, too: dicom, fhir, hl7, omop, qupath.")
    ] = "",
    scratch_gb: Annotated[float, typer.Option(min=0.001, help="Disk for copies of slides from a store.")] = 50.0,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for slides in a folder until SIGTERM.")] = False,
    settle_s: Annotated[float, typer.Option(min=0.1, help="Follow: a slide is complete when unchanged so long.")] = 30,
    give_up_s: Annotated[float, typer.Option(min=1, help="Follow: a row for what is unchanged, incomplete.")] = 600,
    priority: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Follow: which slides come first: slide, priority (1 first).")
    ] = None,
    health_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Follow: /healthz and /metrics on 127.0.0.1.")
    ] = None,
    log_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Follow: messages, rotated at 10 MB.")] = None,
) -> None:
    """Rank slides by suspicion and report what to do with each.

    OUT holds worklist.csv, index.html with a page for every slide, summary.json and run.json. A slide that cannot be
    screened becomes a row with its error, and the exit code is then 3. To resume after an interruption, run the
    same command again. Without a certified operating point no slide is excluded from review.
    """
    from unmissed.datasets.basis.errors import ConfigError

    if dry_run:
        _name_without_effect(context)
        _list(slides, um_per_px, um_per_px_table)
        return
    if output is None:
        raise ConfigError("no output folder was given", fix="add -o OUT")

    from unmissed.cli.convert import show
    from unmissed.datasets.storage.remote import is_url
    from unmissed.inference.cytology.follow.service import follow as until_stopped
    from unmissed.inference.cytology.mirror.mirror import run_folder
    from unmissed.inference.cytology.run.plan import triage as run
    from unmissed.inference.exchange.convert import convert, formats_of

    formats = formats_of(also) if also else ()
    if overwrite and is_url(output):
        raise ConfigError("--overwrite does not reach into a store", fix="delete the folder there, or name another")
    if follow and (overwrite or um_per_px_table):
        raise ConfigError("--follow goes with neither --overwrite nor --um-per-px-table", fix="use --um-per-px")
    if not follow and (priority, health_port, log_file) != (None, None, None):
        raise ConfigError("--priority, --health-port and --log-file go with --follow", fix="add --follow")

    converted = None
    carry_out = partial(
        run,
        () if follow else slides,
        preset=preset,
        policy=policy,
        preparation=preparation,
        um_per_px=um_per_px,
        um_per_px_table=um_per_px_table,
        runtime=runtime,
        variant=variant,
        workers=workers,
        threads=threads,
        max_crops=max_crops,
        timeout_s=timeout_s,
        retry_failed=retry_failed,
        overwrite=overwrite,
        no_hash=no_hash,
        scratch_gb=scratch_gb,
        engine=engine,
        address=address,
        gpus=gpus,
    )
    try:
        with run_folder(output, is_cluster=engine != "local") as (folder, watched):
            work = watched(partial(carry_out, output=folder))
            if follow:
                hot = {"settle_s": settle_s, "give_up_s": give_up_s, "um_per_px": um_per_px}
                outcome = until_stopped(work, slides, folder, hot, priority, health_port, log_file)
            else:
                outcome = _with_progress(work)
            _print_outcome(outcome, output)
            if formats and any(not row.error for row in outcome.rows):
                converted = convert(folder, formats, folder / "exchange")
    except KeyboardInterrupt:
        log.warning("interrupted: finished slides are saved in %s; run the same command again to resume", output)
        raise
    if converted:
        show(converted, f"{output}/exchange")
    if outcome.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _name_without_effect(context: typer.Context) -> None:
    """Name the options that a dry run does not look at."""
    used = ("slides", "um_per_px", "um_per_px_table", "dry_run", "output")
    sources = {name: context.get_parameter_source(name) for name in context.params if name not in used}
    given = [
        f"--{name.replace('_', '-')}" for name, source in sources.items() if source and source.name == "COMMANDLINE"
    ]
    if given:
        typer.echo(f"{', '.join(given)} {'have' if len(given) > 1 else 'has'} no effect with --dry-run", err=True)


def _list(slides: list[str], um_per_px: float | None, table: Path | None) -> None:
    """Say what would be read."""
    from unmissed.datasets.basis.names import printable
    from unmissed.inference.cytology.run.dry_run import describe
    from unmissed.inference.cytology.run.plan import slide_inputs

    found = slide_inputs(slides, um_per_px, table)
    count = problems = 0
    for description in describe(found.jobs):
        typer.echo(printable(str(description)))
        count += 1
        problems += bool(description.problem)
    for note in found.notes:
        typer.echo(printable(note), err=True)
    typer.echo(f"{count} slides, {problems} with a problem; nothing was written", err=True)
    if problems:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _with_progress(run: "Callable[..., TriageOutcome]") -> "TriageOutcome":
    """Run under a progress bar, with a line for every slide."""
    from unmissed.datasets.basis.progress import ProgressBar

    with ProgressBar(amount="items") as bar:
        bar.update(0, words="loading the models")

        def update_bar(progress: "TriageProgress") -> None:
            bar.update(progress.done, progress.total, _speed(progress))
            if progress.row:
                bar.say(_line(progress))

        return run(on_progress=update_bar)


def _line(progress: "TriageProgress") -> str:
    row = progress.row
    if row is None:
        return _speed(progress)
    what = row.error or f"score {row.score:.4f}, {row.grade}, {row.adequacy}"
    return f"{progress.done}/{progress.total} {row.slide}: {row.disposition}, {what}, {row.seconds:.1f} s"


def _speed(progress: "TriageProgress") -> str:
    from unmissed.datasets.basis.clock import clock

    if progress.slides_per_h is None or progress.left_s is None:
        return ""
    return f"{progress.slides_per_h:.0f} slides/h, {clock(progress.left_s)} left"


def _print_outcome(outcome: "TriageOutcome", output: str) -> None:
    from collections import Counter

    from unmissed.datasets.basis.names import printable

    counts = Counter(row.disposition for row in outcome.rows)
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    slides = f"{len(outcome.rows)} slide{'s' * (len(outcome.rows) != 1)}"
    typer.echo(
        f"{slides} ({outcome.screened} in this run), {outcome.failed} failed: {parts}; "
        f"{outcome.run.seconds:.1f} s -> {output}/index.html",
        err=True,
    )
    for note in outcome.run.notes:
        typer.echo(printable(note), err=True)
    if outcome.run.no_certificate:
        typer.echo(f"No slide was excluded: {outcome.run.no_certificate}.", err=True)
