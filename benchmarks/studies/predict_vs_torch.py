"""Throughput of ``predict`` against eager torch with a DataLoader: same network, same files, one run, interleaved.

    python -m unmissed.benchmarks.studies.predict_vs_torch MODEL FOLDER

Both sides read the same files from disk and are warm: the model is loaded, worker processes run, files are in the page
cache. Only ratios of one run mean something; absolute numbers change with what else the machine does.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from PIL import Image

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import write_json
from unmissed.datasets.basis.hardware import describe, load_average, physical_cores
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.basis.versions import package_versions
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.record import PACKAGES
from unmissed.models import zoo
from unmissed.models.cards import Card, InputSpec

if TYPE_CHECKING:
    import torch

EAGER_BATCH = 32
# Stands in for the network of a card that does not say how to build it.
_USUAL_BACKBONE = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class Throughput:
    """Images per second of one side, over the rounds."""

    median: float
    lowest: float
    highest: float
    rounds: tuple[float, ...]

    @classmethod
    def from_times(cls, images: int, seconds: Sequence[float]) -> "Throughput":
        """Summarise the times of some rounds."""
        rounds = tuple(images / value for value in seconds)
        return cls(statistics.median(rounds), min(rounds), max(rounds), rounds)


class Pictures:
    """A torch dataset of pictures the usual way: Pillow decodes, torchvision resizes and scales."""

    def __init__(self, paths: Sequence[Path], spec: InputSpec) -> None:
        from torchvision import transforms

        self.paths = paths
        side = [spec.size_px, spec.size_px]
        fit = transforms.Resize(side) if spec.fit != "crop" else transforms.CenterCrop(side)
        self.transform = transforms.Compose(
            [fit, transforms.ToTensor(), transforms.Normalize(list(spec.mean), list(spec.std))]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> "torch.Tensor":
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


def eager_network(card: Card) -> "torch.nn.Module":
    """The card's network with random weights: speed does not depend on them.

    Raises:
        ModelError: When the card says how the network is built, but not completely.
    """
    from unmissed.models.architectures import Architecture, build

    known = {field.name for field in fields(Architecture)}
    given: dict[str, Any] = {"backbone": _USUAL_BACKBONE, "n_classes": len(card.classes)}
    given |= {key: value for key, value in card.architecture.items() if key in known}
    try:
        architecture = Architecture(**given)
    except TypeError as error:
        raise ModelError(f"the card of {card.name} describes no network: {error}", fix="export it again") from error
    return build(architecture).eval()


@contextmanager
def eager_side(card: Card, paths: Sequence[Path], workers: int) -> Iterator[Callable[[], int]]:
    """A function that classifies all pictures in eager torch and returns how many there were."""
    import torch
    from torch.utils.data import DataLoader

    network = eager_network(card)
    pictures: Any = Pictures(paths, card.picture_input)  # torch asks for its own base class only on paper
    loader = DataLoader(pictures, batch_size=EAGER_BATCH, num_workers=workers, persistent_workers=workers > 0)

    def run() -> int:
        count = 0
        with torch.inference_mode():
            for batch in loader:
                count += len(torch.softmax(network(batch), dim=1).numpy())
        return count

    yield run


def compare(sides: dict[str, Callable[[], int]], rounds: int) -> dict[str, Throughput]:
    """Run the sides in turn, A B A B ..., after one warm-up each.

    Raises:
        ModelError: When the sides did not classify the same number of pictures.
    """
    counts = {name: run() for name, run in sides.items()}
    if len(set(counts.values())) != 1:
        raise ModelError(f"the sides classified different numbers of pictures: {counts}", fix="remove broken pictures")
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            start = perf_counter()
            run()
            seconds[name].append(perf_counter() - start)
    return {name: Throughput.from_times(counts[name], seconds[name]) for name in sides}


def main(
    model: Annotated[str, typer.Argument(help="A shipped model, or a .onnx file with its card.")],
    folder: Annotated[Path, typer.Argument(help="Pictures that both sides read.")],
    runtime: Annotated[str, typer.Option(help="Runtime of the predict side.")] = "onnx-cpu",
    variant: Annotated[str, typer.Option(help="Variant of the model.")] = "auto",
    images: Annotated[int, typer.Option(min=1, help="At most this many pictures.")] = 2000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of A B.")] = 7,
    eager_workers: Annotated[int | None, typer.Option(min=0, help="DataLoader processes; None: cores.")] = None,
    eager_threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch; None: its own choice.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the result as JSON.")] = None,
) -> None:
    """Measure ``predict`` against eager torch with a DataLoader."""
    import torch

    file = zoo.resolve(model, variant)
    paths = find_images(folder)
    paths = paths[:: math.ceil(len(paths) / images)] if paths else paths
    workers = physical_cores() if eager_workers is None else eager_workers
    if eager_threads is not None:
        torch.set_num_threads(eager_threads)
    load_before = load_average()
    # The eager side first: its worker processes are forked before other threads exist.
    with eager_side(file.card, paths, workers) as eager:
        eager()
        with Predictor(file, runtime=runtime) as predictor:
            sides = {"predict": lambda: sum(row.error is None for row in predictor.predict(paths)), "eager": eager}
            speeds = compare(sides, rounds)
            setup = {
                "provider": predictor.session.provider,
                "batch_size": predictor.session.batch_size,
                "workers": predictor.workers,
                "threads_per_batch": predictor.threads,
            }
    pairs = [a / b for a, b in zip(speeds["predict"].rounds, speeds["eager"].rounds, strict=True)]
    result = {
        "model": {"name": file.card.name, "variant": file.variant, "size_px": file.card.picture_input.size_px},
        "images": len(paths),
        "rounds": rounds,
        "predict": asdict(speeds["predict"]) | setup,
        "eager": asdict(speeds["eager"])
        | {"batch_size": EAGER_BATCH, "loader_workers": workers, "torch_threads": torch.get_num_threads()},
        "ratio": {"median": statistics.median(pairs), "lowest": min(pairs), "highest": max(pairs)},
        "load_average_before": load_before,
        "machine": describe(),
        "versions": package_versions(PACKAGES),
    }
    if output is not None:
        write_json(output, result)
    for name, speed in speeds.items():
        typer.echo(f"{name:8} {speed.median:8.0f} images/s  ({speed.lowest:.0f} to {speed.highest:.0f})")
    typer.echo(f"ratio    {statistics.median(pairs):8.2f}           ({min(pairs):.2f} to {max(pairs):.2f})")
    typer.echo(f"{len(paths)} pictures, {rounds} rounds, {setup}, load average before {load_before}")


if __name__ == "__main__":
    typer.run(main)
