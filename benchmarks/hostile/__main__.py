"""python -m unmissed.benchmarks.hostile run|fuzz|list|write: what must not happen, made to happen if it can."""

import os
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from unmissed.benchmarks.hostile.campaign import all_cases, campaign, write
from unmissed.benchmarks.hostile.report import table, violations, write_report
from unmissed.benchmarks.hostile.sandbox import can_close_network
from unmissed.benchmarks.hostile.values import Outcome
from unmissed.datasets.basis.errors import ExitCode, run_main
from unmissed.datasets.basis.files import json_line, plain_values

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Count = Annotated[int, typer.Option("--count", min=1, help="Files at least: all by rule, and mutations of real ones.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only files whose name begins so; repeatable.")]
Seed = Annotated[int, typer.Option("--seed", help="Of everything that is random in the files.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the files and the report.")]


@app.command("run")
def run_campaign(
    out: Out,
    count: Count = 1000,
    only: Only = None,
    seed: Seed = 0,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Calls at a time.")] = 1,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only files of this kind; repeatable.")] = None,
) -> None:
    """Write the files, run the commands over them, and list what should not have happened; exit code 3 if anything."""
    started = time.monotonic()
    cases = [case for case in all_cases(count, _data(), only or ()) if not kind or case.kind in kind]
    written = write(cases, out.absolute(), seed, _data())
    if _data() is None:
        typer.echo("warning: $UNMISSED_DATA is not set; only settings and a model are mutated, no real files", err=True)
    if not can_close_network():
        typer.echo("warning: this system gives a process no network of its own; calls are not seen", err=True)
    with (out / "outcomes.jsonl").open("w", encoding="utf-8") as lines:  # what is known when a campaign is cut short

        def keep(outcome: Outcome) -> None:
            lines.write(json_line(plain_values(asdict(outcome))) + "\n")
            lines.flush()
            for what in outcome.violations:
                typer.echo(f"{outcome.case} ({outcome.command}): {what}", err=True)

        outcomes = campaign(written, out.absolute(), keep, jobs)
    seconds = time.monotonic() - started
    write_report(out / "report.json", outcomes, seed=seed, files=len(written), seconds=seconds)
    wrong = violations(outcomes)
    for line in (*table(outcomes), "", *wrong):
        typer.echo(line)
    typer.echo(f"{len(written)} files, {len(wrong)} violations, {seconds:.0f} s -> {out / 'report.json'}", err=True)
    if wrong:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command("list")
def list_cases(count: Count = 1000, only: Only = None) -> None:
    """List the files: name, kind, and what must become of them."""
    for case in all_cases(count, _data(), only or ()):
        typer.echo(f"{case.name}\t{case.kind}\t{case.expects}")


@app.command("write")
def write_cases(out: Out, count: Count = 1000, only: Only = None, seed: Seed = 0) -> None:
    """Only write the files, to try them by hand."""
    for item in write(all_cases(count, _data(), only or ()), out.absolute(), seed, _data()):
        typer.echo(str(item.path).encode("utf-8", "backslashreplace").decode())


@app.command()
def fuzz(
    out: Out,
    parser: Annotated[list[str] | None, typer.Option("--parser", help="By name; repeatable. All if none.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.01, help="For each parser.")] = 10.0,
) -> None:
    """Fuzz the parsers written in Python one after the other; exit code 3 when any lets an exception through."""
    from unmissed.benchmarks.hostile.fuzzing.running import check
    from unmissed.benchmarks.hostile.fuzzing.running import fuzz as run_fuzzer
    from unmissed.benchmarks.hostile.fuzzing.targets import TARGETS

    names = parser or list(TARGETS)
    for name in names:
        check(name)
    wrong = 0
    for name in names:
        found = run_fuzzer(name, out.absolute(), minutes)
        wrong += len(found.findings)
        typer.echo(f"{name}: {found.runs:,} inputs, {len(found.findings)} findings; {found.coverage}")
        for what in found.findings:
            typer.echo(f"  {what}")
    if wrong:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _data() -> Path | None:
    folder = os.environ.get("UNMISSED_DATA", "")
    return Path(folder) if folder and Path(folder).is_dir() else None


if __name__ == "__main__":
    run_main(
        partial(app, prog_name=f"{Path(sys.executable).name} -m unmissed.benchmarks.hostile", standalone_mode=True)
    )
