"""Reading slides: raw tiles against OpenSlide, same pixels, one and two threads, interleaved rounds of one run.

    python -m unmissed.benchmarks.slide_reading SLIDE

The file is in the page cache; both sides open it anew in every round, so that nothing decoded is left from before.
Only ratios of one run mean something; absolute numbers change with what else the machine does.
"""

import json
import os
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from unmissed.datasets.errors import UnmissedError
from unmissed.datasets.files import write_whole
from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.tiff import TiffSlide
from unmissed.datasets.slides.with_openslide import OpenSlideSlide
from unmissed.inference.hardware import describe
from unmissed.inference.provenance import package_versions

Place = tuple[int, int]

_MAX_DIFFERENCE = 8  # grey levels; two builds of libjpeg may round and upsample differently


def choose_areas(fast: Slide, peer: Slide, count: int) -> tuple[list[Place], list[Place]]:
    """The same areas of level 0 as tiles of both readers, spread evenly over the slide.

    Raises
    ------
    SlideError
        When the tiles of one are not made of whole tiles of the other.
    """
    small, large = fast.levels[0], peer.levels[0]
    across, down = large.tile_width_px // small.tile_width_px, large.tile_height_px // small.tile_height_px
    if (across * small.tile_width_px, down * small.tile_height_px) != (large.tile_width_px, large.tile_height_px):
        raise SlideError(f"tiles of {small.tile_width_px} px do not fill areas of {large.tile_width_px} px")
    every = [(column, row) for row in range(large.rows) for column in range(large.columns)]
    areas = every[:: max(1, len(every) // count)]
    tiles = [
        (x, y)
        for column, row in areas
        for y in range(row * down, min((row + 1) * down, small.rows))
        for x in range(column * across, min((column + 1) * across, small.columns))
    ]
    return tiles, areas


def largest_difference(path: Path, count: int = 16) -> int:
    """Grey levels by which the two readers differ at most, over some areas.

    Raises
    ------
    SlideError
        When it is more than two JPEG decoders may differ.
    """
    worst = 0
    with TiffSlide.open(path) as fast, OpenSlideSlide.open(path) as peer:
        level, small = peer.levels[0], fast.levels[0]
        for area in choose_areas(fast, peer, count)[1]:
            expected = peer.read(0, *area)
            left, top = area[0] * level.tile_width_px, area[1] * level.tile_height_px
            for y in range(0, expected.shape[0], small.tile_height_px):
                for x in range(0, expected.shape[1], small.tile_width_px):
                    tile = fast.read(0, (left + x) // small.tile_width_px, (top + y) // small.tile_height_px)
                    part = expected[y : y + small.tile_height_px, x : x + small.tile_width_px]
                    worst = max(worst, int(np.abs(part.astype(np.int16) - tile).max()))
    if worst > _MAX_DIFFERENCE:
        raise SlideError(f"the readers differ by {worst} grey levels in {path}", expected=f"at most {_MAX_DIFFERENCE}")
    return worst


def seconds(open_it: Callable[[Path], Slide], path: Path, places: Sequence[Place], scale: int, threads: int) -> float:
    """Time to read tiles of level 0, each thread every n-th of them."""
    with open_it(path) as slide, ThreadPoolExecutor(threads) as pool:

        def work(share: int) -> None:
            for column, row in places[share::threads]:
                slide.read(0, column, row, scale)

        start = perf_counter()
        list(pool.map(work, range(threads)))
        return perf_counter() - start


def main(
    slide: Annotated[Path, typer.Argument(help="A slide that both readers open.")],
    areas: Annotated[int, typer.Option(min=1, help="At most about this many areas of about 512 x 512 px.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of A B.")] = 7,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the result as JSON.")] = None,
) -> None:
    """Measure the raw-tile reader against OpenSlide."""
    cv2.setNumThreads(1)  # the threads are the parallelism
    load_before = os.getloadavg() if hasattr(os, "getloadavg") else None
    try:
        difference = largest_difference(slide)
        with TiffSlide.open(slide) as fast, OpenSlideSlide.open(slide) as peer:
            tiles, places = choose_areas(fast, peer, areas)
            scales = fast.levels[0].scales
            megapixels = sum(np.prod(fast.levels[0].tile_size(*tile)) for tile in tiles) / 1e6
    except UnmissedError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    results: list[dict[str, Any]] = []
    for threads in (1, 2):
        times: dict[str, list[float]] = {"openslide": [], **{f"tiff 1/{scale}": [] for scale in scales}}
        for _ in range(rounds + 1):  # the first warms up
            times["openslide"].append(seconds(OpenSlideSlide.open, slide, places, 1, threads))
            for scale in scales:
                times[f"tiff 1/{scale}"].append(seconds(TiffSlide.open, slide, tiles, scale, threads))
        peers = times["openslide"][1:]
        for name, values in times.items():
            ratios = [peer / value for peer, value in zip(peers, values[1:], strict=True)]
            speed = megapixels / statistics.median(values[1:])
            results.append(
                {
                    "reader": name,
                    "threads": threads,
                    "mpx_s": speed,
                    "ratio": statistics.median(ratios),
                    "ratios": ratios,
                }
            )
            typer.echo(
                f"{name:10} {threads} threads {speed:7.0f} Mpx/s of level 0, "
                f"{statistics.median(ratios):6.2f} x OpenSlide ({min(ratios):.2f} to {max(ratios):.2f})"
            )
    typer.echo(
        f"{slide.name}: {megapixels:.0f} Mpx in {len(tiles)} tiles, {rounds} rounds, largest difference {difference} "
        f"grey levels, load average before {load_before}"
    )
    if output is not None:
        with write_whole(output) as stream:
            result = {"slide": slide.name, "megapixels": megapixels, "results": results, "load_average": load_before}
            json.dump(result | {"machine": describe(), "versions": package_versions()}, stream, indent=2)
            stream.write("\n")


if __name__ == "__main__":
    typer.run(main)
