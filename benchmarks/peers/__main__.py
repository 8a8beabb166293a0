"""The same network on the same slide in other people's software and in ours, in interleaved rounds of one run.

python -m unmissed.benchmarks.peers SLIDE --environments WHERE --rounds 3
"""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from unmissed.benchmarks.peers.compare import Contender, odd_means, rows_of, run_rounds
from unmissed.benchmarks.peers.environments import python_of
from unmissed.benchmarks.peers.network import write_network
from unmissed.benchmarks.peers.parity import largest_difference, our_maps
from unmissed.benchmarks.peers.registry import Peer, chosen_peers
from unmissed.benchmarks.peers.runs import ContenderRun, Target, run_ours, run_peer
from unmissed.benchmarks.peers.sweep import sweep
from unmissed.benchmarks.speed.bars import stacked_bars
from unmissed.benchmarks.speed.child import run_child
from unmissed.benchmarks.speed.machine import warnings
from unmissed.benchmarks.speed.markdown import tables
from unmissed.benchmarks.speed.results import Recorder, write_bench
from unmissed.benchmarks.speed.slides.page_cache import make_warm
from unmissed.benchmarks.speed.values import Bench
from unmissed.datasets.basis.errors import ConfigError, ExitCode, UnmissedError, run_main
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.slides.opening import open_slide
from unmissed.models.zoo import resolve

_FINDERS = {1.0: "nucleus-finder-coarse", 0.5: "nucleus-finder"}  # um/px -> what triage walks there
_NOTES = (
    "The slide is in the page cache; all run in turn, round by round of one run, and ratios are taken within a round.",
    "The peers read the whole slide as patches side by side, without overlap and without a tissue mask; ours reads "
    "canvases that overlap, so that no nucleus is cut, and skips those that are one plain colour.",
    "The peers got our fp32 network with batch norm folded, which favours them. Their best settings are those of a "
    "sweep, the usual ones those that their users have.",
    "`unmissed triage` is the whole command: it also looks again at 0.5 um/px, judges crops, hashes the file and "
    "writes pages.",
)


def main(
    slide: Annotated[Path, typer.Argument(help="A whole slide whose pixel size is known.")],
    environments: Annotated[
        Path, typer.Option(metavar="DIR", help="Made by `python -m unmissed.benchmarks.peers.environments`.")
    ] = Path("runs/peers"),
    um_per_px: Annotated[float, typer.Option(help="1.0 or 0.5: what all read the slide at.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Every contender runs once in each.")] = 3,
    peers: Annotated[str, typer.Option(metavar="NAME,NAME", help="all, none, or names.")] = "all",
    sweep_slide: Annotated[
        Path | None,
        typer.Option("--sweep", metavar="SLIDE", help="First find each peer's best settings on this slide."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder of the results.")] = Path(
        "bench-results"
    ),
) -> None:
    """Compare the peers with our finder on a slide."""
    if um_per_px not in _FINDERS:
        raise ConfigError(f"no finder reads {um_per_px:g} um/px", expected=f"one of {', '.join(map(str, _FINDERS))}")
    chosen = chosen_peers(peers)
    recorder = Recorder(name="peers", command=sys.argv[1:], notes=list(_NOTES))
    recorder.check_output(output)
    model = _FINDERS[um_per_px]
    _note_models(recorder, model)
    with TemporaryDirectory() as folder:
        network = Path(folder) / "network.npz"
        write_network(resolve(model, "fp32").path, network)
        target = target_of(slide, um_per_px, network)
        small = target_of(sweep_slide, um_per_px, network) if sweep_slide else None
        contenders = _ours(target, model, Path(folder))
        contenders += _theirs(recorder, chosen, environments, target, small, model)
        make_warm(slide)
        run_rounds(contenders, rounds, _print_status)
    recorder.rows[:0] = rows_of(contenders, target.mpx)
    recorder.notes += odd_means(contenders)
    bench = recorder.bench()
    for line in tables(bench.rows):
        typer.echo(line)
    title = f"{slide.name} at {um_per_px:g} um/px, the same network: seconds"
    left_out = write_bench(output, bench, [partial(draw, bench, contenders, title)])
    for warning in (*warnings(bench.load), *left_out):
        _print_status(warning)
    if any(one.failed for one in contenders):
        raise typer.Exit(ExitCode.SOME_FAILED)


def target_of(slide: Path, um_per_px: float, network: Path) -> Target:
    """The slide with what a peer needs to know of it.

    Raises:
        SlideError: When it cannot be opened.
        ConfigError: When its pixel size is not known.
    """
    with open_slide(slide) as source:
        level, size = source.levels[0], source.pixel_size
    if size is None:
        raise ConfigError(f"{slide} has no pixel size", fix="name a slide that has one")
    return Target(
        slide=slide,
        um_per_px=um_per_px,
        slide_um_per_px=size.um_per_px,
        network=network,
        width_px=level.width_px,
        height_px=level.height_px,
    )


def _ours(target: Target, model: str, folder: Path) -> list[Contender]:
    threads = physical_cores()
    contenders = []
    for variant in ("int8", "fp32"):
        words = ["unmissed.benchmarks.peers.finder_walk", str(target.slide), "--model", model, "--variant", variant]
        run = partial(run_ours, [*words, "--threads", str(threads)])
        contenders.append(Contender(variant, f"Unmissed, finder {variant}", f"{threads} threads", run))
    whole = partial(_triage, target.slide, folder)
    return [*contenders, Contender("triage", "Unmissed, `unmissed triage`", "default preset", whole)]


def _triage(slide: Path, folder: Path) -> ContenderRun:
    with TemporaryDirectory(dir=folder) as output:
        child = run_child(["unmissed.cli.app", "triage", str(slide), "-o", str(Path(output) / "out")])
    return ContenderRun(process_s=child.seconds, peak_bytes=child.peak_bytes)


def _theirs(
    recorder: Recorder, chosen: list[Peer], environments: Path, target: Target, small: Target | None, model: str
) -> list[Contender]:
    """The peers, each with its parity checked and its settings found; one that cannot run says why."""
    patches, maps = our_maps(target, model) if chosen else (np.empty(0), np.empty(0))
    contenders = []
    for peer in chosen:
        best, facts, failed = peer.best, {}, ""
        try:
            python_of(peer, environments)
            facts["largest_difference_of_maps"] = largest_difference(peer, environments, target, patches, maps)
            _print_status(
                f"{peer.title}: its maps differ by at most {facts['largest_difference_of_maps']:.1e} from ours"
            )
            if small is not None:
                run = partial(run_peer, peer, environments, small)
                best = sweep(run, peer, physical_cores(), recorder.rows, _print_status)
        except UnmissedError as error:
            failed = str(error)
            _print_status(f"{peer.title}: {error}")
        for kind, settings in (("best", best), ("usual", peer.usual)):
            if settings is not None:
                run = partial(run_peer, peer, environments, target, settings)
                description, about = f"{kind}: {settings.in_words()}", {"settings": settings.model_dump(), **facts}
                contenders.append(
                    Contender(f"{peer.name}-{kind}", peer.title, description, run, dict(about), failed=failed)
                )
    return contenders


def draw(bench: Bench, contenders: list[Contender], title: str, folder: Path) -> None:
    """Bars of the median seconds of those that ran: reading and inference, and the rest of the process."""
    bars = []
    for one, row in zip(contenders, bench.rows, strict=False):
        if not row.figures:
            continue
        process = row.figures["process"].median
        parts = {"whole command": process}
        if "walk" in row.figures:
            walk = row.figures["walk"].median
            parts = {"reading and inference": walk, "start and end of the process": process - walk}
        bars.append((f"{one.title}: {one.settings.split(':')[0]}", parts))
    stacked_bars(
        folder / "bench-peers.png", title, bars, "s", note=f"{bench.machine.get('processor')}, {bench.started}"
    )


def _note_models(recorder: Recorder, model: str) -> None:
    for variant in ("int8", "fp32"):
        file = resolve(model, variant)
        spec = file.card.files[variant]
        recorder.models[f"{model} {variant}"] = {"file": spec.file, "variant": variant, "sha256": spec.sha256}


def _print_status(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    run_main(partial(typer.run, main))
