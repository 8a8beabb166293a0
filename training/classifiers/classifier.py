"""Train a classifier of pictures: its parts of a split, its network, and what it leaves."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.records import Record
from unmissed.datasets.splits import Split
from unmissed.models.architectures import Architecture, Scaled, build, freeze, input_scaling
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.classifiers.objective import Classification, predict_logits
from unmissed.training.classifiers.targets import Targets, targets_of, temperature_of
from unmissed.training.data import Data, apart, read_data, read_more_places
from unmissed.training.environment import environment
from unmissed.training.evaluation.outputs import write_evaluation, write_fold_evaluation
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.evaluation.runs import data_facts
from unmissed.training.loading import EpochSampler, TrainingPictures, class_chances, training_loader
from unmissed.training.looks.spoiled import with_none, with_spoiled
from unmissed.training.loop import train
from unmissed.training.parts import SplitPart, counted, gallery, only_split, predictions_of, read_part, spec_of
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.remarks import Remarks
from unmissed.training.task import begin, shown, weights_of, write_facts


@dataclass(frozen=True, slots=True)
class ClassifierTestResult:
    """What a trained split says about its test part (its validation part, where nothing is tested)."""

    predictions: Predictions
    temperature: float
    records: list[Record]


class ClassifierTask:
    """Training of classifiers; see ``TrainingTask``."""

    def __init__(self, config: TrainConfig, remarks: Remarks, progress: RunProgress) -> None:
        self._config, self._remarks = config, remarks
        self._data = apart(read_data(config.data), progress)
        self.records = self._data.records
        table = config.data.more_places
        self._more = [] if table is None else read_more_places(table, self.records)
        _check_fit(config, self._data)

    def train(
        self, split: Split, folder: Path, title: str, progress: RunProgress, *, test: bool
    ) -> ClassifierTestResult:
        """Train one split and write its results; without a test part no report is written."""
        config, data = self._config, only_split(self._data, split)
        if not test:
            split = replace(split, test=())
        if config.data.none_share:
            data = replace(data, classes=with_none(data.classes))
        accelerator = begin(config, data.records, split, folder, title)
        trained = {data.records[index].group for index in split.train}
        more = [place for place in self._more if place.group in trained]
        train_indices = (*split.train, *range(len(data.records), len(data.records) + len(more)))
        data = replace(data, records=[*data.records, *more])
        parts: dict[str, SplitPart] = {}
        for name, indices in (("train", train_indices), ("validation", split.validation), ("test", split.test)):
            size_px = config.input.cached_px if name == "train" else config.input.size_px
            parts[name] = read_part(data, indices, size_px, config.input, progress.reading(name, len(indices)))
        network = build(architecture_of(config, len(data.classes)))
        facts: dict[str, Any] = {
            "weights": load_pretrained(network, config.model.backbone, weights_of(config)),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "data": spec_of(data, parts),
            "usual_notes": parts["train"].usual_notes,
        }
        scaled = Scaled(network, *input_scaling(config.model.backbone))
        augment = Augmenter(config.augment, config.input.size_px, is_crop=config.input.fit == "crop")
        augment.check(parts["train"].pictures[0])
        pictures, targets = parts["train"].pictures, targets_of(parts["train"].records, data.classes)
        codes = with_spoiled(targets.codes, len(data.classes) - 1, config.data.none_share)
        sampler = EpochSampler(len(codes), config.seed, class_chances(codes, config.loss.sampling))
        loader = training_loader(TrainingPictures(pictures, codes, augment), sampler, config)
        progress.training(title, len(loader) * (loader.batch_size or 1), config.optimizer.epochs)
        known = targets_of(parts["validation"].records, data.classes)
        validation = (parts["validation"].pictures, known)
        objective = Classification(Targets(codes, targets.allowed), validation, config.loss)
        frozen = freeze(network, config.model.freeze)
        history = train(scaled, frozen, loader, objective, config, accelerator, folder, progress)
        facts |= {"epochs": len(history), "seconds": round(sum(row.seconds for row in history), 1)}
        predictions = {
            name: predictions_of(data, part, predict_logits(scaled, part.pictures, accelerator))
            for name, part in parts.items()
            if name != "train" and part.records
        }
        temperature = temperature_of(predictions["validation"].logits, known)
        figures_of = counted(parts["test"].records, config.data)
        tested = [parts["test"].records[place] for place in figures_of]
        result = ClassifierTestResult(
            predictions["test"].take(figures_of) if tested else predictions["validation"], temperature, tested
        )
        if accelerator.is_main_process:
            facts |= {"notes": self._remarks.lines, **environment(accelerator)}
            for name, part in predictions.items():
                part.save(folder / f"{name}_predictions.csv")
            _write_split(config, folder, result, facts)
        accelerator.wait_for_everyone()
        return result

    def pool(self, folder: Path, results: dict[str, ClassifierTestResult]) -> None:
        """Evaluate the folds together."""
        config = self._config
        write_fold_evaluation(
            folder,
            {name: (result.predictions, result.temperature) for name, result in results.items()},
            title=config.title or config.name,
            n_bootstrap=config.bootstrap,
            config=shown(config),
            picture=gallery([record for result in results.values() for record in result.records], config.input.size_px),
            notes=self._remarks.lines,
        )


def _write_split(config: TrainConfig, folder: Path, result: ClassifierTestResult, facts: dict[str, Any]) -> None:
    write_facts(folder, config, {"temperature": result.temperature, "fitted_on": "validation"}, facts)
    if result.records:
        write_evaluation(
            folder,
            result.predictions,
            title=config.title or config.name,
            temperature=result.temperature,
            n_bootstrap=config.bootstrap,
            config=shown(config),
            history_csv=folder / "history.csv",
            picture=gallery(result.records, config.input.size_px),
            notes=facts["notes"],
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
    return Architecture(model.backbone, n_classes, model.stride, model.drop_rate, model.margin)
