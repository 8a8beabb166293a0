"""``unmissed bench model``: images per second of every model, by runtime, batch size and variant."""

from pathlib import Path
from typing import Annotated

import typer

from unmissed.cli.bench.report import begin, report

_MOST_IN_BATCH = 1024


def bench_model(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names or paths.", show_default="all shipped")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder of this machine's results.")
    ] = Path("bench-results"),
    runtimes: Annotated[str, typer.Option(help="Names, comma-separated; `unmissed doctor` lists them.")] = "all",
    batches: Annotated[str, typer.Option(help="Batch sizes, comma-separated.")] = "1,8,32",
    variants: Annotated[str, typer.Option(help="Variants, such as fp32,int8.")] = "all",
    precisions: Annotated[
        str, typer.Option(help="file: as stored; half: fp32 files at half precision too (torch runtimes).")
    ] = "file",
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="CPU threads per batch.", show_default="physical cores")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, max=600, help="Seconds per round and row.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="How often each row is measured.")] = 5,
    images: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of pictures to run.", show_default="drawn ones")
    ] = None,
) -> None:
    """Measure models: speed, latency of a batch, memory, and how far from onnx-cpu in fp32.

    Each row is measured in its own process, and every round covers all rows. A runtime that is not available,
    or cannot run a file, has a row with the reason.
    """
    from rich.console import Console

    from unmissed.benchmarks.speed.models.plan import ModelPlan
    from unmissed.benchmarks.speed.models.speed import draw_speeds, measure_models
    from unmissed.inference.runtimes import registry
    from unmissed.models import zoo

    plan = ModelPlan(
        models=models or zoo.names(),
        runtimes=registry.names() if runtimes == "all" else _words(runtimes),
        variants=None if variants == "all" else _words(variants),
        precisions=_words(precisions),
        batches=_numbers(batches),
        threads=threads,
        seconds=seconds,
        rounds=rounds,
        images=images,
    )
    recorder = begin("model", output)
    console = Console(stderr=True)
    with console.status("") as status:
        measure_models(plan, recorder, lambda words: status.update(words))
    bench = report(recorder, output, draw_speeds)
    typer.echo(f"{len(bench.rows)} rows, {bench.seconds:.0f} s -> {output}", err=True)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(text: str) -> list[int]:
    from unmissed.datasets.basis.errors import ConfigError

    words = _words(text)
    if not words or not all(word.isdecimal() and len(word) <= 4 and 1 <= int(word) <= _MOST_IN_BATCH for word in words):
        raise ConfigError(
            f"--batches is {text!r}", expected=f"numbers from 1 to {_MOST_IN_BATCH} with commas, such as 1,8,32"
        )
    return [int(word) for word in words]
