"""``unmissed bench slide``: seconds per slide, stage by stage, beside 36 seconds."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.cli.bench.report import begin, report
from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.benchmarks.speed.slides.reference_slides import ReferenceSlide, SlideMaker

DRAWN = "Reference slides of drawn cells: their tiles have 0.6 times the bytes of real ones, so they read faster."


def bench_slide(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SLIDE]...", help="Slide files; reference slides if none are given.", show_default=False
        ),
    ] = None,
    slides: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME]",
            help="Reference slides: small, surepath, thinprep, surepath-full, thinprep-full, or all.",
            show_default="small, without SLIDE",
        ),
    ] = None,
    presets: Annotated[str, typer.Option(metavar="NAME[,NAME]", help="fast, default, thorough, or all.")] = "default",
    runtimes: Annotated[
        str, typer.Option(metavar="NAME[,NAME]", help="`unmissed doctor` lists them; or all.")
    ] = "onnx-cpu",
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="How often each is run; the median is reported.")] = 3,
    cold: Annotated[bool, typer.Option("--cold/--no-cold", help="Also measure with a cold page cache.")] = True,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where reference slides are kept.", show_default="the user's cache"),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="drawn|FOLDER", help="What reference slides are made of: see `data make-slides`.")
    ] = "drawn",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the results.")] = Path(
        "bench-results"
    ),
) -> None:
    """Measure `unmissed triage`: seconds per slide by stage, memory, slides per day.

    Every run is the whole command in its own process: loading the models, hashing the file and writing the pages
    are included. Rounds of presets and runtimes are interleaved. What cannot run here is reported as not measured.
    """
    from unmissed.benchmarks.speed.slides.reference_slides import (
        REFERENCE_SLIDES,
        SlideMaker,
        default_folder,
        reference_slide,
    )
    from unmissed.benchmarks.speed.slides.slide_rows import draw_chart
    from unmissed.benchmarks.speed.slides.slide_seconds import CACHES, measure_slides, named_slides
    from unmissed.inference.cytology.screening.settings import load_preset, preset_names
    from unmissed.inference.runtimes.registry import names as runtime_names
    from unmissed.inference.runtimes.registry import select

    recorder = begin("slide", output)
    all_presets, all_runtimes = _listed(presets, preset_names()), _listed(runtimes, runtime_names())
    for preset in all_presets:  # a wrong name is reported before a slide is made, which may take minutes
        load_preset(preset)
    for runtime in all_runtimes:
        select(runtime)
    named = slides or ("" if files else "small")
    wanted = [reference_slide(name) for name in _listed(named, list(REFERENCE_SLIDES))]
    found = named_slides(files or [])
    if wanted:
        fields = None if source == "drawn" else Path(source).expanduser()
        maker = SlideMaker(folder or default_folder(), fields)
        suffix = "" if fields is None else " (fields)"  # slides of other cells are not to be compared by their names
        found |= {slide.name + suffix: _made(maker, slide) for slide in wanted}
        if fields is None:
            recorder.notes.append(DRAWN)
    failed = measure_slides(
        recorder,
        found,
        all_presets,
        all_runtimes,
        rounds=rounds,
        caches=CACHES if cold else CACHES[:1],
        notify=partial(typer.echo, err=True),
    )
    report(recorder, output, draw_chart)
    typer.echo(f"-> {output / 'bench-slide.md'}", err=True)
    if failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _listed(text: str, every: list[str]) -> list[str]:
    """Comma-separated names, each once; "all" means every one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return list(dict.fromkeys(one for name in names for one in (every if name == "all" else [name])))


def _made(maker: "SlideMaker", slide: "ReferenceSlide") -> Path:
    """Make a slide if it is not there, under a bar on a terminal."""
    from unmissed.datasets.basis.progress import ProgressBar

    with ProgressBar() as bar:
        return maker.make(slide, notify=bar.say, progress=bar.update)
