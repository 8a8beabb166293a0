"""Train a heat-map model: its parts of a split, its network, and what it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from unmissed.datasets.errors import ConfigError, DatasetError
from unmissed.datasets.fields import Field, fields_of
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.registry import get
from unmissed.datasets.splits import Split
from unmissed.models.architectures import Scaled, freeze
from unmissed.models.heatmap import PLAIN, build_heatmap
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.config import TrainConfig
from unmissed.training.environment import cores, environment
from unmissed.training.evaluation.finds import FieldFinds, save_finds, threshold_at
from unmissed.training.evaluation.finds_outputs import FINDS, write_finds_evaluation
from unmissed.training.heatmaps.config import HeatmapConfig
from unmissed.training.heatmaps.crops import CropSampler, FieldCrops, anchors
from unmissed.training.heatmaps.data import LabelledField, load_fields
from unmissed.training.heatmaps.finding import LOWEST_SCORE, finds_of
from unmissed.training.heatmaps.maps import field_logits, probabilities
from unmissed.training.heatmaps.objective import HeatmapObjective, fit_cell_temperature
from unmissed.training.heatmaps.settings import architecture_of, scale_of, scaling_of
from unmissed.training.heatmaps.teacher import Teacher
from unmissed.training.loading import training_loader
from unmissed.training.loop import train
from unmissed.training.parts import name_root, own_group
from unmissed.training.progress import RunProgress
from unmissed.training.recipes import save_recipe
from unmissed.training.task import begin, shown, weights_of, write_json, write_text

FALLBACK_THRESHOLD = 0.5  # where the validation part has no place in which a find is false

Parts = dict[str, list[LabelledField]]


@dataclass(frozen=True, slots=True)
class Tested:
    """The finds of a trained split in its test part."""

    finds: list[FieldFinds]


class HeatmapTask:
    """Training of heat-map models; see ``Task``."""

    def __init__(self, config: TrainConfig, heatmap: HeatmapConfig) -> None:
        self._config, self._heatmap = config, heatmap
        self._scale = scale_of(config, heatmap)
        self._dataset = get(config.data.dataset)
        place = dataset_root(config.data.dataset, config.data.root)
        self._root = name_root(place)
        self.records = self._dataset.read(place)
        if config.data.groups != "dataset":  # a field is learned as a whole, so its labels cannot part
            self.records = [replace(record, group=own_group(record, "picture", self._root)) for record in self.records]
        classes = self._dataset.classes(self.records)
        self._fields = labelled_fields(self._dataset.info.um_per_px, self.records, [c.id for c in classes], heatmap)
        self._mask_label = classes[0].id if classes else ""

    def train(self, split: Split, folder: Path, title: str, progress: RunProgress) -> Tested:
        """Train one split and write its results; without a test part no report is written."""
        config, heatmap = self._config, self._heatmap
        accelerator = begin(config, self.records, split, folder, title)
        sources = {name: self._part(getattr(split, name)) for name in ("train", "validation", "test")}
        parts: Parts = {}
        for name, fields in sources.items():
            reading = progress.reading(name, len(fields))
            parts[name] = load_fields(fields, self._root, heatmap, self._scale, self._mask_label, reading)
        network = build_heatmap(architecture_of(config, heatmap))
        facts: dict[str, Any] = {
            "weights": _load_weights(network, config),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "data": self._data_spec(parts),
            "fields": {name: sorted(field.name for field in fields) for name, fields in parts.items()},
        }
        if heatmap.distill is not None:
            teacher = Teacher(heatmap.distill.teacher, folder.name, list(heatmap.classes), accelerator.device)
            teacher.check_has_not_seen([*facts["fields"]["validation"], *facts["fields"]["test"]])
            pairs = zip(sources["train"], parts["train"], strict=True)
            parts["train"] = [teacher.teach(field, pupil) for field, pupil in pairs]
        scaled = Scaled(network, *scaling_of(config))
        loader = self._loader(parts["train"])
        progress.training(title, len(loader) * (loader.batch_size or 1), config.optimizer.epochs)
        objective = HeatmapObjective(parts["validation"], heatmap, self._scale)
        frozen = freeze(network, config.model.freeze)
        history = train(scaled, frozen, loader, objective, config, accelerator, folder, progress)
        facts |= {"epochs": len(history), "seconds": round(sum(row.seconds for row in history), 1)}
        return self._finish(scaled, parts, accelerator, folder, facts)

    def pool(self, folder: Path, results: dict[str, Tested]) -> None:
        """Evaluate the folds together."""
        finds = [field for result in results.values() for field in result.finds]
        self._write_finds(folder, finds, {"Folds": ", ".join(results)})

    def _part(self, indices: Sequence[int]) -> list[Field]:
        groups = {self.records[index].group for index in indices}
        return [field for field in self._fields if field.group in groups]

    def _loader(self, fields: list[LabelledField]) -> DataLoader[Any]:
        config = self._config
        augment = Augmenter(config.augment, config.input.size_px, is_crop=True)
        places, chance = anchors(fields, self._heatmap, config.loss.sampling)
        sampler = CropSampler(chance, self._heatmap.crops, config.seed)
        crops = FieldCrops(fields, places, augment, config.input.size_px, config.input.cached_px, self._scale.stride_px)
        augment.check(fields[0].image)
        return training_loader(
            crops,
            sampler,
            crops=len(sampler),
            batch_size=config.optimizer.batch_size,
            workers=config.input.workers,
            cores=cores(),
        )

    def _finish(
        self, scaled: nn.Module, parts: Parts, accelerator: Accelerator, folder: Path, facts: dict[str, Any]
    ) -> Tested:
        """Choose temperature and threshold on the validation part, and measure the test part."""
        heatmap, stride_px = self._heatmap, self._scale.stride_px
        maps = {
            name: [field_logits(scaled, field.image, stride_px, accelerator.device) for field in parts[name]]
            for name in ("validation", "test")
        }
        temperature, _ = fit_cell_temperature(maps["validation"], parts["validation"], heatmap, stride_px)
        finds = {
            name: [
                finds_of(field, probabilities(logits, temperature), heatmap, self._scale)
                for field, logits in zip(parts[name], maps[name], strict=True)
            ]
            for name in maps
        }
        threshold = threshold_at(finds["validation"], heatmap.operating_point)
        if accelerator.is_main_process:
            facts |= environment(accelerator)
            chosen = FALLBACK_THRESHOLD if threshold is None else max(threshold, LOWEST_SCORE)
            calibration = {"temperature": temperature, "threshold": chosen, "fitted_on": "validation"}
            write_json(folder / "calibration.json", calibration)
            write_json(folder / "run.json", facts)
            write_text(folder / "config.yaml", save_recipe(self._config))
            if finds["test"]:
                self._write_finds(folder, finds["test"], finds_facts(facts["data"]))
        accelerator.wait_for_everyone()
        return Tested(finds["test"])

    def _write_finds(self, folder: Path, finds: list[FieldFinds], facts: dict[str, object]) -> None:
        unit = "picture" if self._scale.um_per_px is None else "mm2"
        save_finds(finds, unit, self._heatmap.false_finds, folder / FINDS)
        write_finds_evaluation(
            folder,
            finds,
            unit,
            self._heatmap.false_finds,
            title=self._config.title or self._config.name,
            n_bootstrap=self._config.bootstrap,
            config=shown(self._config),
            history_csv=folder / "history.csv",
            facts=facts,
        )

    def _data_spec(self, parts: Parts) -> dict[str, Any]:
        """What the model card says of the dataset and its split."""
        info = self._dataset.info
        return {
            "name": info.name,
            "title": info.title,
            "licence": info.licence,
            "citation": info.citation,
            "group_by": info.group_by if self._config.data.groups == "dataset" else "picture",
            "counts": {
                name: {
                    label: sum(field.labels.count(label) for field in fields)
                    for labels in self._heatmap.classes.values()
                    for label in labels
                }
                for name, fields in parts.items()
            },
            "groups": {name: len({field.group for field in fields}) for name, fields in parts.items()},
        }


def labelled_fields(
    um_per_px: float | None, records: Sequence[Any], labels: Sequence[str], heatmap: HeatmapConfig
) -> list[Field]:
    """The fields of a dataset, for a recipe.

    Raises
    ------
    ConfigError, DatasetError
        When the recipe names labels that the dataset has not, or there are no marks in its pictures.
    """
    named = {label for some in heatmap.classes.values() for label in some}
    if named - set(labels):
        raise ConfigError(
            f"heatmap.classes names {', '.join(sorted(named - set(labels)))}",
            expected=f"labels of the dataset: {', '.join(labels)}",
            fix="correct the label",
        )
    targets = {label for name in heatmap.target for label in heatmap.classes[name]}
    fields = fields_of(records, set(labels) - targets, um_per_px)
    if not fields:
        raise DatasetError("the dataset marks nothing in its pictures", expected="labelled places or masks")
    return fields


def finds_facts(spec: dict[str, Any]) -> dict[str, object]:
    """The rows of a report about the data."""
    objects = {name: sum(counts.values()) for name, counts in spec["counts"].items()}
    sizes = {name: f"{objects[name]:,} in {groups:,} groups" for name, groups in spec["groups"].items()}
    return {
        "Data set": f"{spec['title']} ({spec['licence']})",
        "Split": f"by {spec['group_by']}",
        "Training objects": sizes["train"],
        "Validation objects": sizes["validation"],
    }


def _load_weights(network: nn.Module, config: TrainConfig) -> str:
    """Pretrained weights; a plain backbone has none, so that "auto" leaves it random."""
    source = weights_of(config)
    if config.model.backbone == PLAIN and source == "auto":
        return "random"
    return load_pretrained(network, config.model.backbone, source)
