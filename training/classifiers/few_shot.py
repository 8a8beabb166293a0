"""Learning from a handful of pictures: pretrained features, a last layer in closed form, judged by leave-one-out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor, nn

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.files import make_folder, write_bytes
from unmissed.models.architectures import Architecture, CutClassifier, Scaled, build, input_scaling
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.data import apart, read_data
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.evaluation.outputs import write_evaluation
from unmissed.training.loading import load_pictures
from unmissed.training.parts import SplitPart, gallery, predictions_of, read_part, spec_of
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import FewShotConfig, TrainConfig
from unmissed.training.remarks import Remarks
from unmissed.training.task import shown, weights_of, write_facts

HELD_OUT = "leave-one-out"  # how a few-shot run was judged, for its facts and the card
_UNSEEN_BELOW = 5.0  # logits by which a class that was left out whole lies below the lowest


def learn_few_shot(
    config: TrainConfig, few_shot: FewShotConfig, output: Path, remarks: Remarks, progress: RunProgress
) -> Path:
    """Carry out a few-shot recipe; the folder is that of any other run, and is exported in the same way.

    Every group (picture, patient) is judged by a layer that was fitted without it; the layer that is kept was fitted
    on all.

    Returns:
        Path: The run folder, with ``report.html``.

    Raises:
        ConfigError, DatasetError: When the recipe asks for another network than a cut one, or there is only one group.
    """
    data = apart(read_data(config.data), progress)
    make_folder(output)
    torch.manual_seed(config.seed)
    model = config.model
    network = build(Architecture(model.backbone, len(data.classes), model.stride, margin=model.margin))
    if not isinstance(network, CutClassifier):
        raise ConfigError("a few-shot recipe needs a cut network", expected="model.stride, such as 16")
    weights = load_pretrained(network, config.model.backbone, weights_of(config))
    count = len(data.records)
    plain = read_part(data, range(count), config.input.size_px, config.input, progress.reading("all", count))
    takes = config.input
    cached = load_pictures(data.records, takes.cached_px, takes.fit, lambda: None, takes.um_per_px, area=takes.area)
    views = _views(config, few_shot, cached)
    scaling = input_scaling(config.model.backbone)
    features = np.stack([_features(network, scaling, pictures) for pictures in (plain.pictures, *views)], axis=1)
    logits = _leave_one_out(features, plain, len(data.classes), few_shot.shrinkage)
    _set_layer(network, *_fit(features, plain.labels, len(data.classes), few_shot.shrinkage))
    temperature = fit_temperature(plain.labels, logits)
    predictions = predictions_of(data, plain, logits)
    spec = spec_of(data, {"train": plain})
    facts: dict[str, Any] = {
        "weights": weights,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": spec,
        "held_out": HELD_OUT,
        "usual_notes": plain.usual_notes,
        "notes": remarks.lines,
    }
    write_bytes(output / "best.safetensors", save(Scaled(network, *scaling).state_dict()))
    predictions.save(output / "test_predictions.csv")
    write_facts(output, config, {"temperature": temperature, "fitted_on": HELD_OUT}, facts)
    write_evaluation(
        output,
        predictions,
        title=config.title or config.name,
        temperature=temperature,
        n_bootstrap=config.bootstrap,
        config=shown(config),
        picture=gallery(data.records, config.input.size_px),
        notes=remarks.lines,
        facts={
            "Data set": f"{spec['title']} ({spec['licence']})",
            "Pictures": f"{len(plain.records):,} in {spec['groups']['train']:,} groups",
            "Judged by": f"{HELD_OUT}, by {spec['group_by']}",
        },
    )
    return output


def _views(config: TrainConfig, few_shot: FewShotConfig, cached: np.ndarray) -> Iterator[np.ndarray]:
    """Augmented copies of all pictures, one after the other: uint8 (N, S, S, 3)."""
    augment = Augmenter(config.augment, config.input.size_px, is_crop=config.input.fit == "crop")
    augment.check(cached[0])
    seeds = np.random.default_rng(config.seed).integers(0, 2**31, (few_shot.views, len(cached)))
    for row in seeds.tolist():
        yield np.stack([augment(picture, seed) for picture, seed in zip(cached, row, strict=True)])


@torch.inference_mode()
def _features(network: CutClassifier, scaling: tuple[Sequence[float], Sequence[float]], pictures: np.ndarray) -> Any:
    """Pooled features float64 (N, C)."""
    body = Scaled(_Pooled(network), *scaling).eval()
    parts = [body(torch.from_numpy(pictures[start : start + 32])) for start in range(0, len(pictures), 32)]
    return torch.cat(parts).double().numpy()


class _Pooled(nn.Module):
    def __init__(self, network: CutClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network.pooled(pictures)


def _fit(features: np.ndarray, labels: np.ndarray, classes: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K, C) and bias (K,) of a discriminant analysis with shrunken covariance, and even priors.

    Args:
        features: (N, V, C), V views of each picture.
    """
    n, views, channels = features.shape
    table = features.reshape(n * views, channels)
    mean, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
    present = np.unique(labels)
    if len(present) < 3:
        raise DatasetError(f"{len(present)} classes are left to learn", expected="three or more")
    priors = np.full(len(present), 1 / len(present))
    found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=priors)
    found.fit((table - mean) / scale, np.repeat(labels, views))
    weights, bias = np.zeros((classes, channels)), np.zeros(classes)
    weights[present] = found.coef_ / scale
    bias[present] = found.intercept_ - weights[present] @ mean
    missing = np.setdiff1d(np.arange(classes), present)
    bias[missing] = -np.inf
    return weights, bias


def _leave_one_out(features: np.ndarray, part: SplitPart, classes: int, shrinkage: float) -> np.ndarray:
    """Logits (N, K) of the plain pictures, each from a layer that has not seen its group."""
    groups = np.array([record.group for record in part.records])
    if len(set(groups)) < 2:
        raise DatasetError("there is only one group", expected="two or more, to judge one by the others")
    logits = np.empty((len(groups), classes))
    for group in np.unique(groups):
        own = groups == group
        weights, bias = _fit(features[~own], part.labels[~own], classes, shrinkage)
        logits[own] = features[own, 0] @ weights.T + bias
    lowest = logits[np.isfinite(logits)].min()
    return np.where(np.isfinite(logits), logits, lowest - _UNSEEN_BELOW)


def _set_layer(network: CutClassifier, weights: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        network.classifier.weight.copy_(torch.from_numpy(weights))
        network.classifier.bias.copy_(torch.from_numpy(bias))
