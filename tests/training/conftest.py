"""Tiny pictures, a tiny recipe, and runs of a second."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).parent))  # tests find tiny_finder.py there
COLOURS = {"blue": (40, 60, 220), "green": (40, 200, 60), "red": (220, 50, 40)}


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def put_picture(path: Path, colour: Sequence[int] = (128, 128, 128), seed: int = 0, size: tuple[int, int] = (40, 48)):
    """Write a noisy picture of one colour (RGB); height and width in px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 60, (*size, 3))
    pixels = np.clip(np.asarray(colour) + noise, 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


@pytest.fixture(scope="session")
def put() -> Callable[..., Path]:
    """Write a picture: ``put(path, colour, seed, size)``."""
    return put_picture


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder dataset of three colours, 14, 10 and 6 pictures."""
    root = tmp_path_factory.mktemp("colours")
    for number, (name, colour) in enumerate(COLOURS.items()):
        for index in range(14 - 4 * number):
            put_picture(root / name / f"{index:02}.png", colour, seed=100 * number + index)
    return root


RECIPE: dict[str, Any] = {
    "name": "tiny",
    "title": "Colour",
    "title_zh": "颜色",
    "data": {"dataset": "folder", "test_fraction": 0.2, "validation_fraction": 0.25},
    "input": {"size_px": 32, "cache_px": 40, "workers": 0},
    "model": {"backbone": "test_efficientnet", "stride": 8, "weights": "none", "drop_rate": 0.2},
    "augment": [{"HorizontalFlip": {"p": 0.5}}, {"Affine": {"rotate": [-10, 10], "p": 0.7}}],
    "optimizer": {"lr": 0.005, "epochs": 2, "batch_size": 8},
    "bootstrap": 100,
}


@pytest.fixture(scope="session")
def recipe(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe file that trains on that folder in two short epochs."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(RECIPE | {"data": RECIPE["data"] | {"root": str(tree)}}), encoding="utf-8")
    return path


class Told:
    """A listener that remembers what a run told."""

    def __init__(self) -> None:
        self.epochs: list[Any] = []
        self.best: list[int] = []
        self.read: dict[str, int] = {}
        self.steps: list[tuple[int, int]] = []

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        self.steps.append((epoch, pictures))

    def epoch(self, row: Any, *, is_best: bool) -> None:
        self.epochs.append(row)
        if is_best:
            self.best.append(row.epoch)

    def reading(self, part: str, total: int) -> Callable[[], None]:
        self.read[part] = 0

        def one() -> None:
            self.read[part] += 1

        return one

    def training(self, title: str, pictures: int, epochs: int) -> None:
        self.title = title


@pytest.fixture(scope="session")
def go(recipe: Path) -> Callable[..., Told]:
    """Train the tiny recipe: ``go(folder, "optimizer.epochs=1", ...)`` tells what it told."""
    from unmissed.training.recipes.loading import load_recipe
    from unmissed.training.run import run

    def train(output: Path, *overrides: str, name: str | Path = recipe) -> Told:
        told = Told()
        run(load_recipe(str(name), overrides), output, told)
        return told

    return train


@pytest.fixture(scope="session")
def finished(go: Callable[..., Told], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe, trained to its end and evaluated; do not change it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    go(folder, "optimizer.epochs=10")
    return folder
