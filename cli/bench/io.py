"""``unmissed bench io``: how fast every reader reads the same slide."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from unmissed.cli.bench.report import begin, report

_MOST_THREADS = 256


def bench_io(
    slide: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SLIDE]",
            help="A slide; most readers need a tiled TIFF. Default: the small reference slide.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Thread counts; each is measured separately.")] = "1,2",
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds; the readers take turns in each.")] = 5,
    areas: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of slide areas to read.")] = 64,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where reference slides are kept.", show_default="the user's cache"),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for results.json and bench-io.md.")
    ] = Path("bench-results"),
) -> None:
    """Measure every reader of slides on the same areas of one file, at scales 1, 1/2 and 1/4, against OpenSlide."""
    from unmissed.benchmarks.speed.slides.reference_slides import SlideMaker, default_folder, reference_slide
    from unmissed.benchmarks.speed.slides.slide_readers import measure_readers
    from unmissed.datasets.basis.progress import ProgressBar

    counts = _numbers(threads)
    if slide is None:
        maker = SlideMaker(folder or default_folder())
        slide = maker.make(reference_slide("small"), notify=partial(typer.echo, err=True))
    recorder = begin("io", output)
    with ProgressBar("Reading") as bar:
        measure_readers(recorder, slide, threads=counts, rounds=rounds, areas=areas, progress=bar.update)
    report(recorder, output)


def _numbers(text: str) -> list[int]:
    """Thread counts, each once."""
    from unmissed.datasets.basis.errors import ConfigError

    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"[1-9]\d{0,2}", word) and int(word) <= _MOST_THREADS for word in words):
        raise ConfigError(f"--threads is {text!r}", expected=f"numbers from 1 to {_MOST_THREADS}, such as 1,2")
    return list(dict.fromkeys(int(word) for word in words))
