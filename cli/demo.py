"""``unmissed demo``: see the software at work on drawn cells, slides and endoscopies."""

from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.")] = Path(
        "demo"
    ),
) -> None:
    """Draw cells, slides and two endoscopies, run the shipped models over them and write result pages.

    At the end a certificate is refused, and one is issued on drawn scores and excludes drawn slides. One of the
    pictures and one of the slides are broken on purpose, so that you see how errors are shown. All are drawn by the
    program: the pages show the software at work, not its accuracy.
    """
    from unmissed.inference.demo.cells import BROKEN, run_demo
    from unmissed.inference.demo.certificate import run_certificate_demo
    from unmissed.inference.demo.triage import BROKEN as BROKEN_SLIDE
    from unmissed.inference.demo.triage import run_triage_demo
    from unmissed.inference.demo.watch import run_watch_demo

    cells = run_demo(output)
    speed = cells.images / cells.seconds
    typer.echo(f"{cells.images} pictures classified in {cells.seconds:.2f} s ({speed:.0f} images/s)")
    _print_failures(cells.is_as_expected, BROKEN, cells.failed)
    typer.echo(f"table:  {cells.table}")
    typer.echo(f"page:   {cells.page.resolve().as_uri()}")
    slides = run_triage_demo(output)
    typer.echo(f"{slides.slides} slides triaged in {slides.seconds:.1f} s")
    _print_failures(slides.is_as_expected, BROKEN_SLIDE, slides.failed)
    typer.echo(f"slides: {slides.page.resolve().as_uri()}")
    exams = run_watch_demo(output / "endoscopy")
    typer.echo(f"{exams.frames} frames of two endoscopies watched in {exams.seconds:.1f} s")
    typer.echo(f"colonoscopy: {exams.colonoscopy.resolve().as_uri()}")
    typer.echo(f"gastroscopy: {exams.gastroscopy.resolve().as_uri()}")
    typer.echo(f"live:   unmissed watch {exams.film} --live -o {output / 'live'}    # needs the extra app")
    proof = run_certificate_demo(output / "certificate")
    typer.echo(f"Not certified, as intended: {proof.refusal or 'yet it was'}.")
    typer.echo(
        f"Certified on drawn scores: below {proof.threshold:g}, {proof.excluded} of {proof.slides} drawn slides need "
        f"no further review, {proof.missed} of them abnormal"
    )
    typer.echo(f"certificate: {proof.page.resolve().as_uri()}")
    typer.echo(f"study: {proof.report.resolve().as_uri()}")
    if not all(part.is_as_expected for part in (cells, slides, exams, proof)):
        raise typer.Exit(ExitCode.SOME_FAILED)


def _print_failures(is_as_expected: bool, broken: str, failed: tuple[str, ...]) -> None:
    if is_as_expected:
        typer.echo(f"{broken} has no result, as intended; its row says why")
    else:
        typer.echo(f"no result for: {', '.join(failed) or 'none, though one file is broken'}", err=True)
