"""``unmissed predict``: run a model over pictures; write a table, a record of the run and a page."""

from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode


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
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.inference.pictures.run import predict_to_files

    with ProgressBar(amount="items") as bar:
        run = predict_to_files(
            model,
            inputs,
            output,
            runtime=runtime,
            variant=variant,
            batch_size=batch_size,
            workers=workers,
            threads=threads,
            device=device,
            um_per_px=um_per_px,
            groups=groups,
            page=page,
            threshold=threshold,
            max_per_image=max_per_image,
            on_progress=bar.update,
        )
    session, file = run.pipeline.session, run.pipeline.model
    is_heatmap = file.card.task == "heatmap"
    pictures = f"{run.images} picture{'s' * (run.images != 1)}, {run.failed} failed"
    facts = [pictures + f", {run.noted} with a note" * (run.noted > 0), f"{run.rows} finds"][: 1 + is_heatmap]
    facts += [f"{run.seconds:.1f} s", f"{run.images / run.seconds:.0f} images/s"][: 2 - is_heatmap]
    engine = f"{session.runtime} ({session.provider})"
    typer.echo(f"{', '.join([*facts, engine])}, {file.card.name} {file.variant} -> {output}", err=True)
    if run.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)
