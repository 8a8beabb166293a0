"""``unmissed bench``: how fast this machine is, by slide, by frame, by model, by reader."""

import typer

app = typer.Typer(
    help="Measure this machine: seconds a slide, milliseconds a frame, images a second, megapixels a second.",
    no_args_is_help=True,
)
