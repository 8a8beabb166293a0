"""Our side of the comparison, as a process of its own: the finder over a whole slide, as triage walks it.

python -m unmissed.benchmarks.peers.finder_walk SLIDE --model nucleus-finder-coarse --variant int8
"""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

_STARTED = perf_counter()
_CACHE_BYTES = 256 * 2**20  # as in triage


def main(
    slide: Annotated[Path, typer.Argument(help="A whole slide.")],
    model: Annotated[str, typer.Option(help="A finder of the zoo.")] = "nucleus-finder-coarse",
    variant: Annotated[str, typer.Option(help="int8 or fp32.")] = "int8",
    threads: Annotated[int, typer.Option(min=1, help="Canvases read and run at the same time.")] = 2,
) -> None:
    """Walk a finder over a slide and print what it took, as JSON."""
    from unmissed.datasets.basis.files import json_line
    from unmissed.datasets.slides.opening import open_slide
    from unmissed.datasets.slides.tile_cache import TileCache
    from unmissed.inference.cytology.policy.policy import Preparation, load_policy
    from unmissed.inference.cytology.screening.models import ScreenerModels
    from unmissed.inference.cytology.screening.scan import scan
    from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
    from unmissed.inference.cytology.screening.threads import Stopwatch
    from unmissed.models.zoo import resolve

    policy = load_policy("screening")
    named = {"sample_share": 0.0, "finder": str(resolve(model, variant).path)}
    settings = ScreenSettings(
        preset=load_preset("default").model_copy(update=named),
        adequacy=policy.adequacy[Preparation.LIQUID],
        grade=policy.grade,
        threads=threads,
    )
    models = ScreenerModels.load(settings)
    finder = models.scanning
    with open_slide(slide) as source:
        started = perf_counter()
        seen = scan(finder.grid(source), finder.session, finder.target, TileCache(_CACHE_BYTES), threads, Stopwatch())
        walk_s = perf_counter() - started
    models.close()
    nucleus, abnormal = float(seen.nucleus.mean()), float(seen.abnormal.mean())
    result = {
        "start_s": perf_counter() - _STARTED - walk_s,
        "work_s": walk_s,
        "patches": seen.canvases - seen.empty,
        "means": [1 - nucleus, nucleus - abnormal, abnormal],
        "versions": {},
    }
    typer.echo(json_line(result))


if __name__ == "__main__":
    typer.run(main)
