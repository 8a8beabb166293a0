"""Gauges: small networks over named numbers, such as the speed of an endoscope. Fitted by torch, shipped as ONNX."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import helper

from unmissed.datasets.basis.files import make_folder
from unmissed.models.cards import Card, CardClass, DataSpec, Metric, TableInput, save_card
from unmissed.training.exporting.files import file_spec
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.slide_scores.graph import table_parity, write_table_graph

_CLIP = 6.0  # standard deviations beyond which a feature says nothing more: keeps strange input in range

TargetKind = Literal["value", "probability"]


@dataclass(frozen=True, eq=False)
class FittedGauge:
    """features -> clip((features - mean) / scale) -> layers with ReLU -> sigmoid; members are averaged.

    Attributes:
        features: names of the columns.
        mean, scale: float64 (F,).
        members: of each network its layers as (weights (in, out), bias (out,)).
    """

    features: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    members: tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Outputs (N, K), 0..1, of features (N, F)."""
        table = np.clip((values - self.mean) / self.scale, -_CLIP, _CLIP)
        total = 0.0
        for layers in self.members:
            x = table
            for index, (weights, bias) in enumerate(layers):
                x = x @ weights + bias
                x = np.maximum(x, 0) if index + 1 < len(layers) else 1 / (1 + np.exp(-x))
            total = total + x
        result: np.ndarray = np.asarray(total) / len(self.members)
        return result


def fit_gauge(
    features: Sequence[str],
    values: np.ndarray,
    targets: np.ndarray,
    kind: TargetKind,
    *,
    weights: np.ndarray | None = None,
    hidden: Sequence[int] = (24, 12),
    members: int = 3,
    epochs: int = 60,
    lr: float = 3e-3,
    weight_decay: float = 1e-3,
    batch_size: int = 512,
    seed: int = 0,
) -> FittedGauge:
    """Fit a gauge.

    Args:
        features: names of the columns.
        values: (N, F), finite.
        targets: (N,) or (N, K), 0..1.
        kind: "value" minimises the absolute difference (smoothed near 0), "probability" the log loss.
        weights: (N,), how much a row counts; None for all alike.
        hidden: widths of the hidden layers; empty for a linear gauge.
        members: networks that are averaged, each from its own start.

    Returns:
        FittedGauge: The same for the same seed.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    targets = targets.reshape(len(values), -1)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    table = torch.from_numpy(np.clip((values - mean) / scale, -_CLIP, _CLIP).astype(np.float32))
    truth = torch.from_numpy(targets.astype(np.float32))
    weight = torch.ones(len(table)) if weights is None else torch.from_numpy(weights.astype(np.float32))
    weight = weight[:, None] / weight.mean()
    fitted = []
    for member in range(members):
        generator = torch.Generator().manual_seed(seed + member)
        with torch.random.fork_rng():
            torch.manual_seed(seed + member)
            layers: list[nn.Module] = []
            for before, after in pairwise([table.shape[1], *hidden, truth.shape[1]]):
                layers += [nn.Linear(before, after), nn.ReLU()]
            network = nn.Sequential(*layers[:-1])
        optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=weight_decay)
        steps = max(1, epochs * -(-len(table) // batch_size))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        for _ in range(epochs):
            order = torch.randperm(len(table), generator=generator)
            for rows in torch.split(order, batch_size):
                logits = network(table[rows])
                if kind == "value":
                    lost = F.smooth_l1_loss(torch.sigmoid(logits), truth[rows], beta=0.03, reduction="none")
                else:
                    lost = F.binary_cross_entropy_with_logits(logits, truth[rows], reduction="none")
                optimizer.zero_grad()
                (lost * weight[rows]).mean().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        fitted.append(tuple((_numbers(layer.weight).T.copy(), _numbers(layer.bias)) for layer in linear))
    return FittedGauge(tuple(features), mean, scale, tuple(fitted))


def ship_gauge(
    gauge: FittedGauge,
    folder: Path,
    *,
    name: str,
    title: str,
    title_zh: str,
    outputs: Sequence[CardClass],
    training: Mapping[str, Any],
    data: Sequence[DataSpec],
    metrics: Mapping[str, Metric],
    limits: Sequence[str],
    check: np.ndarray,
) -> Card:
    """Write NAME.onnx and its card NAME.json.

    Args:
        outputs: what each output measures.
        training, data, metrics, limits: see ``Card``.
        check: (N, F) features on which the file is compared with the fit.

    Raises:
        ModelError: When the file gives other values.
    """
    path = make_folder(folder) / f"{name}.onnx"
    _write_graph(gauge, len(outputs), path)
    parity = table_parity(path, check, gauge.predict(check.astype(np.float32)))
    files, takes = {"fp32": file_spec(path, "fp32", None)}, TableInput(features=gauge.features)
    card = Card(
        name=name,
        version="1",
        title=title,
        title_zh=title_zh,
        task="gauge",
        classes=tuple(outputs),
        input=takes,
        files=files,
        default_variant="fp32",
        architecture={
            "kind": "perceptrons, averaged",
            "members": len(gauge.members),
            "widths": [len(bias) for _, bias in gauge.members[0]],
        },
        training=dict(training),
        data=tuple(data),
        metrics=dict(metrics),
        temperature=1.0,
        parity_max_abs_dp=parity,
        known_answers=known_answers(folder, files, takes),
        intended_use="Research and teaching. Not a medical device; not for diagnosis.",
        limits=tuple(limits),
        licence="Apache-2.0",
    )
    save_card(card, folder / f"{name}.json")
    return card


def _numbers(tensor: Any) -> np.ndarray:
    numbers: np.ndarray = tensor.detach().double().numpy().copy()
    return numbers


def _write_graph(gauge: FittedGauge, outputs: int, path: Path) -> None:
    nodes, constants = [], {"mean": gauge.mean, "scale": gauge.scale, "low": np.array(-_CLIP), "high": np.array(_CLIP)}
    nodes.append(helper.make_node("Sub", ["features", "mean"], ["centred"]))
    nodes.append(helper.make_node("Div", ["centred", "scale"], ["scaled"]))
    nodes.append(helper.make_node("Clip", ["scaled", "low", "high"], ["table"]))
    ends = []
    for m, layers in enumerate(gauge.members):
        x = "table"
        for k, (weights, bias) in enumerate(layers):
            tag = f"{m}_{k}"
            constants |= {f"weights_{tag}": weights, f"bias_{tag}": bias}
            nodes.append(helper.make_node("MatMul", [x, f"weights_{tag}"], [f"products_{tag}"]))
            nodes.append(helper.make_node("Add", [f"products_{tag}", f"bias_{tag}"], [f"sums_{tag}"]))
            x = f"out_{tag}"
            nodes.append(helper.make_node("Relu" if k + 1 < len(layers) else "Sigmoid", [f"sums_{tag}"], [x]))
        ends.append(x)
    nodes.append(helper.make_node("Mean", ends, ["values"]))
    table = {name: np.asarray(value, np.float32) for name, value in constants.items()}
    write_table_graph(path, "gauge", nodes, table, len(gauge.features), "values", ["batch", outputs])
