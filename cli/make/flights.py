"""``unmissed data make-flights``: render flights through a tube with known speed."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer


def make_flights(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the flights, one folder each.")],
    kind: Annotated[
        Literal["plain", "mixed", "still", "colonoscopy"], typer.Option(help="Kind of flight; see the documentation.")
    ] = "plain",
    flights: Annotated[int, typer.Option(min=1, max=10_000, help="Number of flights.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first flight; the next ones count up from it.")] = 0,
    textures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Endoscopic pictures to take the mucosa from.", show_default="drawn"),
    ] = None,
    part: Annotated[
        Literal["calibration", "validation", "test"], typer.Option(help="Share of the textures, split by name.")
    ] = "calibration",
    duration_s: Annotated[
        float | None, typer.Option("--duration", min=2, max=3600, help="Seconds.", show_default="40; colonoscopy 60")
    ] = None,
    fps: Annotated[float, typer.Option(min=5, max=120, help="Frames per second.")] = 25.0,
    size_px: Annotated[int, typer.Option("--size", min=64, max=2160, help="Side of the picture, pixels.")] = 480,
) -> None:
    """Render films (MP4) of flights through a tube, with the truth of every frame (truth.csv)."""
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.datasets.synthetic.flights import mucosa
    from unmissed.datasets.synthetic.flights.files import write_flight
    from unmissed.datasets.synthetic.flights.render import plan_flight

    if duration_s is None:
        duration_s = 60.0 if kind == "colonoscopy" else 40.0
    supply = mucosa.textures(textures, part, seed)
    start, frames = perf_counter(), 0
    with ProgressBar() as bar:
        for number in range(flights):
            plan = plan_flight(kind, seed + number, duration_s, fps, size_px)
            name = f"{kind}-{plan.seed:04d}"
            bar.restart(name, plan.frames)
            made = write_flight(plan, next(supply), output / name, bar.update)
            frames += made.frames
            bar.say(f"{made.video}: {made.frames:,} frames, {made.legible / made.frames:.0%} legible")
    seconds = perf_counter() - start
    typer.echo(f"{flights} flights, {frames:,} frames, {seconds:.1f} s -> {output}", err=True)
