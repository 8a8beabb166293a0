"""A card, and one tiny network exported once for all tests of this room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmissed.datasets.basis.files import sha256_of
from unmissed.models.architectures import Architecture, Scaled, build
from unmissed.models.cards import Card, CardClass, FileSpec, InputSpec, save_card


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _card(**fields: Any) -> Card:
    values: dict[str, Any] = {
        "name": "tiny",
        "version": "1",
        "title": "Tiny",
        "title_zh": "小",
        "task": "classification",
        "classes": tuple(CardClass(id=f"c{i}", name=f"C{i}", name_zh=f"类{i}", group="ab"[i % 2]) for i in range(3)),
        "input": InputSpec(size_px=32, fit="squash", mean=(0.5,) * 3, std=(0.5,) * 3),
        "files": {
            "fp32": FileSpec(file="tiny.onnx", sha256="0" * 64, size_bytes=1, precision="fp32", stored="fp32"),
        },
        "default_variant": "fp32",
        "architecture": {},
        "training": {},
        "data": (),
        "metrics": {},
        "temperature": 1.0,
        "parity_max_abs_dp": 0.0,
        "intended_use": "tests",
        "limits": (),
        "licence": "Apache-2.0",
    }
    return Card(**(values | fields))


@pytest.fixture(scope="session")
def make_card() -> Callable[..., Card]:
    """Build a valid card; keywords replace its fields."""
    return _card


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a card with files that it describes (their content does not matter to the zoo); returns the card's path."""

    def write(
        name: str = "tiny", variants: tuple[str, ...] = ("fp32",), folder: Path = tmp_path, **fields: Any
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for variant in variants:
            path = folder / (f"{name}.onnx" if variant == "fp32" else f"{name}.{variant}.onnx")
            path.write_bytes(f"{name} {variant}".encode())
            files[variant] = FileSpec(
                file=path.name,
                sha256=sha256_of(path),
                size_bytes=path.stat().st_size,
                precision="int8" if variant == "int8" else "fp32",
                stored="int8" if variant == "int8" else "fp32",
            )
        save_card(_card(name=name, files=files, **fields), folder / f"{name}.json")
        return folder / f"{name}.json"

    return write


def lively(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Give the batch norms statistics as training would: those of a fresh network hide every mistake in them."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values.copy_(0.2 * torch.randn(values.shape, generator=generator))
        elif name.endswith("running_var"):
            values.copy_(0.5 + torch.rand(values.shape, generator=generator))
    return network


@pytest.fixture(scope="session")
def scaled() -> Scaled:
    """The network of the recipes (cut at stride 8) with random weights, three classes, in its input scaling."""
    torch.manual_seed(0)
    network = lively(build(Architecture("tf_efficientnet_lite0", 3, stride=8)))
    torch.nn.init.normal_(network.classifier.weight, std=0.5)  # type: ignore[union-attr, arg-type]
    return Scaled(network, (0.5,) * 3, (0.5,) * 3).eval()


@pytest.fixture(scope="session")
def exported(scaled: Scaled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That network as ONNX with a free batch, at temperature 1.3 and 32 px."""
    from unmissed.models.export import export_onnx

    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_onnx(scaled, 1.3, 32, path)
    return path


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """uint8 (9, 32, 32, 3): smooth random colours with noise."""
    rng = np.random.default_rng(5)
    base = rng.integers(0, 256, (9, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return np.clip(base + rng.integers(-30, 30, (9, 32, 32, 3)), 0, 255).astype(np.uint8)
