"""A classifier and a finder from the label file of each annotation program, as it is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from tiny_finder import TINY_FINDER

from unmissed.datasets.labels.formats import FORMATS, write_labels
from unmissed.datasets.labels.values import LabelledPicture, Mark

COLOURS = {"red": (220, 50, 40), "blue": (40, 60, 220)}
CLASSES = {"background": [], "blue": ["blue"], "red": ["red"]}
FINDER = TINY_FINDER | {
    "name": "own-finder",
    "heatmap": TINY_FINDER["heatmap"] | {"classes": CLASSES, "target": ["red"]},
}
CLASSIFIER = {
    "name": "own",
    "title": "Colour",
    "input": {"size_px": 32, "fit": "crop", "um_per_px": 1.0, "cache_px": 40, "workers": 0},
    "model": {"backbone": "test_efficientnet", "stride": 8, "weights": "none"},
    "augment": [{"D4": {"p": 1.0}}],
    "optimizer": {"lr": 0.01, "epochs": 6, "batch_size": 8},
    "bootstrap": 100,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[LabelledPicture]:
    """Sixteen fields of eight patients with spots, every third without a red one, and two without any."""
    root, rng = tmp_path_factory.mktemp("drawn"), np.random.default_rng(2)
    made = []
    for index in range(18):
        image = rng.normal(220, 12, (120, 150, 3)).clip(0, 255).astype(np.uint8)
        marks = []
        for k, label in enumerate(["blue", "blue" if index % 3 == 0 else "red", "red" if index % 3 else "blue"]):
            x, y = 20 + 45 * k + int(rng.integers(10)), int(rng.integers(20, 100))
            if index < 16:
                cv2.circle(image, (x, y), 6, COLOURS[label], cv2.FILLED)
                marks.append(Mark.box(label, x - 6, y - 6, 12, 12) if k else Mark(label, "point", ((x, y),)))
        path = root / f"f{index:02}.png"
        path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        made.append(LabelledPicture(path, tuple(marks), f"patient {index // 2}", um_per_px=1.0))
    return made


@pytest.fixture(scope="module", params=sorted(set(FORMATS) - {"csv"}))
def dataset(request, pictures, tmp_path_factory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp(request.param) / "set"
    write_labels(request.param, pictures, (pictures[0].path.parent,), root)
    return request.param, root


def recipe(folder: Path, values: dict, dataset: tuple[str, Path]) -> Path:
    data = {"dataset": dataset[0], "root": str(dataset[1]), "test_fraction": 0.3, "validation_fraction": 0.3}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(values | {"data": data}), encoding="utf-8")
    return path


def test_a_classifier_learns_from_it(dataset, go, tmp_path) -> None:
    told = go(tmp_path / "run", name=recipe(tmp_path, CLASSIFIER, dataset))
    assert max(row.val_macro_f1 for row in told.epochs) > 0.8


def test_a_finder_learns_from_it(dataset, go, tmp_path) -> None:
    told = go(tmp_path / "run", name=recipe(tmp_path, FINDER, dataset))
    assert max(row.val_recall for row in told.epochs) > 0.5
