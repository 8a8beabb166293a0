"""``unmissed bench``: how fast this machine is, by slide, by frame, by model, by reader."""

import typer

from unmissed.cli.bench.compare import bench_compare
from unmissed.cli.bench.io import bench_io
from unmissed.cli.bench.model import bench_model
from unmissed.cli.bench.slide import bench_slide
from unmissed.cli.bench.video import bench_video

app = typer.Typer(
    help="Measure this machine: seconds per slide, milliseconds per frame, images and megapixels per second.",
    no_args_is_help=True,
)
app.command("slide")(bench_slide)
app.command("io")(bench_io)
app.command("compare")(bench_compare)
app.command("model")(bench_model)
app.command("video")(bench_video)
