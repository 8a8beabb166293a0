"""Synthetic predictions whose truth is known by construction."""

from collections.abc import Callable

import numpy as np
import pytest

from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation.predictions import Predictions

Maker = Callable[..., Predictions]


@pytest.fixture(scope="session")
def make() -> Maker:
    """Build n predictions over k classes in g groups; the true class scores ``edge`` above the others."""

    def build(n: int = 300, k: int = 4, g: int = 60, edge: float = 2.0, seed: int = 0) -> Predictions:
        rng = np.random.default_rng(seed)
        classes = tuple(
            ClassInfo(f"c{i}", f"Class {i}", f"类别{i}", "normal" if i < k // 2 else "abnormal") for i in range(k)
        )
        labels = rng.integers(k, size=n)
        logits = rng.normal(size=(n, k))
        logits[np.arange(n), labels] += edge
        groups = np.array([f"g{i}" for i in rng.integers(g, size=n)])
        return Predictions(classes, labels, logits, groups, tuple(f"images/{i}.png" for i in range(n)))

    return build
