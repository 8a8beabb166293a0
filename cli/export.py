"""`unmissed export`: from a finished run to ONNX with its model card."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of `unmissed train`, or one fold of a k-fold run.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the files; default RUN/export.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the model; default the recipe's name.")] = None,
    version: Annotated[str, typer.Option("--version", help="Version recorded in the card.")] = "1",
    batch: Annotated[
        int, typer.Option("--batch", min=0, help="Also write a variant with this fixed batch size; 0: none.")
    ] = 16,
    int8: Annotated[bool, typer.Option("--int8/--no-int8", help="Try an int8 variant; kept only if it passes.")] = True,
    cross_validation: Annotated[
        Path | None,
        typer.Option("--cross-validation", help="k-fold run of the same recipe whose figures the card quotes."),
    ] = None,
) -> None:
    """Export a finished run as ONNX with a model card."""
    from rich.console import Console

    from unmissed.training.export import export_run

    card, path = export_run(
        run, output, name=name, version=version, fixed_batch=batch or None, int8=int8, cross_validation=cross_validation
    )
    console = Console(stderr=True, highlight=False, markup=False)
    for variant, spec in card.files.items():
        mark = " (default)" if variant == card.default_variant else ""
        console.print(f"{variant}{mark}: {path.parent / spec.file}, {spec.size_bytes / 1e6:.1f} MB", soft_wrap=True)
    console.print(f"parity with torch: max |dp| = {card.parity_max_abs_dp:.1g}")
    if card.quantisation:
        verdict = "accepted" if card.quantisation.accepted else "not accepted, fp32 stays the default"
        console.print(f"int8 {verdict}: {card.quantisation.reason}", soft_wrap=True)
    console.print(f"Next: unmissed predict {path.parent} FOLDER -o OUT.csv", soft_wrap=True)
