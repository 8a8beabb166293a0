"""A whole run: read the dataset, split it by group, train each fold, evaluate, and leave a folder that tells it all."""

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from unmissed.datasets.errors import ConfigError, DatasetError
from unmissed.datasets.files import make_folder, write_whole
from unmissed.datasets.images import crop_around, read_image
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import PublicDataset, get
from unmissed.datasets.splits import Split, check_no_leak, holdout, k_folds
from unmissed.models.architectures import Architecture, Scaled, build, freeze, input_scaling
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.config import TrainConfig
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.evaluation.outputs import write_evaluation, write_fold_evaluation
from unmissed.training.evaluation.runs import data_facts
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.loading import EpochSampler, load_pictures, training_loader
from unmissed.training.loop import Progress, predict_logits, train
from unmissed.training.recipes import save_recipe


class RunProgress(Progress, Protocol):
    """What a run tells while it works."""

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Pictures of a part are about to be read; the result is called once for each of them."""

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """A network starts to train: pictures an epoch, and epochs at most."""


@dataclass(frozen=True, slots=True)
class _Data:
    """A dataset that was read."""

    info: DatasetInfo
    classes: tuple[ClassInfo, ...]
    records: list[Record]
    root: Path


@dataclass(frozen=True, slots=True)
class _Part:
    """The pictures of one part of a split, ready for the network."""

    records: list[Record]
    labels: np.ndarray
    pictures: np.ndarray


def run(config: TrainConfig, output: Path, progress: RunProgress) -> Path:
    """Carry out a recipe.

    Parameters
    ----------
    config : the validated recipe.
    output : run folder; finished folds and epochs found there are not done again.
    progress : told what happens.

    Returns
    -------
    Path
        The run folder, with ``report.html``; k-fold runs hold one folder a fold.
    """
    dataset = get(config.data.dataset)
    root = dataset_root(config.data.dataset, config.data.root)
    records = dataset.read(root)
    data = _Data(dataset.info, _classes(dataset, records), records, root)
    make_folder(output)
    _write_text(output / "config.yaml", save_recipe(config))
    if config.data.folds is None:
        _train_split(config, data, _one_split(records, config), output, config.name, progress)
        return output
    splits = k_folds(
        records, config.data.folds, seed=config.data.split_seed, val_fraction=config.data.validation_fraction
    )
    chosen = range(len(splits)) if config.data.only_folds is None else config.data.only_folds
    results: dict[str, tuple[Predictions, float]] = {}
    tested: list[Record] = []
    for index in chosen:
        if index not in range(len(splits)):
            raise ConfigError(f"data.only_folds names fold {index}", expected=f"0 to {len(splits) - 1}")
        name = f"fold-{index}"
        results[name] = _train_split(config, data, splits[index], output / name, f"{config.name} {name}", progress)
        tested += [records[i] for i in splits[index].test]
    if len(results) > 1:
        write_fold_evaluation(
            output,
            results,
            title=config.title or config.name,
            n_bootstrap=config.bootstrap,
            config=_shown(config),
            picture=_gallery(tested, config),
        )
    return output


def _train_split(
    config: TrainConfig, data: _Data, split: Split, folder: Path, title: str, progress: RunProgress
) -> tuple[Predictions, float]:
    """Train one split and write its results; returns the test predictions and the temperature.

    Without a test part, the validation predictions are returned and no report is written.
    """
    started = time.perf_counter()
    check_no_leak(split, data.records)
    set_seed(config.seed)
    make_folder(folder)
    accelerator = Accelerator(
        mixed_precision=_precision(config), gradient_accumulation_steps=config.optimizer.accumulate_steps
    )
    parts = {
        name: _read(name, indices, data, config, progress)
        for name, indices in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    network = build(architecture_of(config, len(data.classes)))
    origin = load_pretrained(network, config.model.backbone, _weights(config))
    scaled = Scaled(network, *input_scaling(config.model.backbone))
    sampler = EpochSampler(parts["train"].labels, config.loss.sampling, config.seed)
    loader = training_loader(
        parts["train"].pictures,
        Augmenter(config.augment, config.input.size_px, is_crop=config.input.fit == "crop"),
        sampler,
        batch_size=config.optimizer.batch_size,
        config=config.input,
        cores=cores(),
    )
    progress.training(title, len(loader) * (loader.batch_size or 1), config.optimizer.epochs)
    validation = (parts["validation"].pictures, parts["validation"].labels)
    frozen = freeze(network, config.model.freeze)
    train(scaled, frozen, loader, sampler, validation, len(data.classes), config, accelerator, folder, progress)
    seconds = time.perf_counter() - started
    predictions = {
        name: _predictions(data, part, predict_logits(scaled, part.pictures, accelerator))
        for name, part in parts.items()
        if name != "train" and part.records
    }
    temperature = fit_temperature(predictions["validation"].labels, predictions["validation"].logits)
    for name, part in predictions.items():
        part.save(folder / f"{name}_predictions.csv")
    _write_json(folder / "calibration.json", {"temperature": temperature, "fitted_on": "validation"})
    _write_text(folder / "config.yaml", save_recipe(config))
    facts = {
        "weights": origin,
        "seconds": round(seconds, 1),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": _data_spec(data, parts),
    }
    _write_json(folder / "run.json", facts | environment(accelerator))
    if "test" not in predictions:
        return predictions["validation"], temperature
    write_evaluation(
        folder,
        predictions["test"],
        title=config.title or config.name,
        temperature=temperature,
        n_bootstrap=config.bootstrap,
        config=_shown(config),
        history_csv=folder / "history.csv",
        picture=_gallery(parts["test"].records, config),
        facts=data_facts(facts["data"]),
    )
    return predictions["test"], temperature


def architecture_of(config: TrainConfig, n_classes: int) -> Architecture:
    """The architecture that a recipe asks for."""
    model = config.model
    return Architecture(model.backbone, n_classes, model.stride, model.drop_rate)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def environment(accelerator: Accelerator) -> dict[str, Any]:
    """Versions and machine, for the run's record."""
    packages = ("torch", "timm", "albumentations", "accelerate", "numpy", "opencv-python-headless")
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": str(accelerator.device),
        "processes": accelerator.num_processes,
        "precision": accelerator.mixed_precision,
        "cores": cores(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "packages": {"unmissed": version("unmissed"), **{name: version(name) for name in packages}},
    }


def _one_split(records: Sequence[Record], config: TrainConfig) -> Split:
    """The official split or a hold-out; without a test part, only the validation pictures are held out."""
    data = config.data
    if data.test_fraction:
        return holdout(records, data.test_fraction, data.split_seed, val_fraction=data.validation_fraction)
    split = holdout(records, data.validation_fraction, data.split_seed, val_fraction=0, use_official=False)
    return Split(split.train, split.test, ())


def _classes(dataset: PublicDataset, records: Sequence[Record]) -> tuple[ClassInfo, ...]:
    """The classes that have pictures, in the dataset's order."""
    present = {record.label for record in records}
    classes = tuple(item for item in dataset.classes(records) if item.id in present)
    if len(classes) < 2:
        raise DatasetError(
            f"{dataset.info.name} has pictures of {len(classes)} classes",
            expected="at least two classes to tell apart",
            fix="check the folder, or choose a classification dataset",
        )
    return classes


def _read(name: str, indices: Sequence[int], data: _Data, config: TrainConfig, progress: RunProgress) -> _Part:
    chosen = [data.records[index] for index in indices]
    order = {item.id: index for index, item in enumerate(data.classes)}
    labels = np.array([order[record.label] for record in chosen], dtype=np.int64)
    size_px = config.input.cached_px if name == "train" else config.input.size_px
    pictures = load_pictures(chosen, size_px, config.input.fit, progress.reading(name, len(chosen)))
    return _Part(chosen, labels, pictures)


def _predictions(data: _Data, part: _Part, logits: np.ndarray) -> Predictions:
    return Predictions(
        classes=data.classes,
        labels=part.labels,
        logits=logits,
        groups=np.array([record.group for record in part.records]),
        paths=tuple(record.name(data.root) for record in part.records),
    )


def _gallery(records: Sequence[Record], config: TrainConfig) -> Callable[[int], Any]:
    """Give the report's gallery the picture, or the surroundings of the place, of a record."""

    def picture(index: int) -> np.ndarray:
        record = records[index]
        image = read_image(record.path)
        return image if record.centre_px is None else crop_around(image, record.centre_px, config.input.size_px)

    return picture


def _data_spec(data: _Data, parts: dict[str, _Part]) -> dict[str, Any]:
    """What the model card says of the dataset and its split."""
    info = data.info
    return {
        "name": info.name,
        "title": info.title,
        "licence": info.licence,
        "citation": info.citation,
        "group_by": info.group_by,
        "counts": {
            name: {item.id: int((part.labels == index).sum()) for index, item in enumerate(data.classes)}
            for name, part in parts.items()
        },
        "groups": {name: len({record.group for record in part.records}) for name, part in parts.items()},
    }


def _shown(config: TrainConfig) -> dict[str, Any]:
    """The recipe as the report shows it, without the folder of this machine."""
    return config.model_dump(mode="json", exclude={"data": {"root"}})


def _precision(config: TrainConfig) -> str:
    wanted = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}.get(config.precision)
    if wanted:
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "fp16" if hasattr(torch, "npu") and torch.npu.is_available() else "no"


def _weights(config: TrainConfig) -> Any:
    source = config.model.weights
    if source in ("auto", "pypi", "timm", "none"):
        return source
    path = Path(source)
    if not path.is_file():
        raise ConfigError(f"model.weights: there is no file {path}", expected="auto, pypi, timm, none or a safetensors file")
    return path


def _write_json(path: Path, values: dict[str, Any]) -> None:
    _write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    with write_whole(path) as stream:
        stream.write(text)
