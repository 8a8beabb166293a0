"""Train a heat-map model: its parts of a split, its network, and what it leaves."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from unmissed.datasets.fields import MarkedField
from unmissed.datasets.splits import Split
from unmissed.models.architectures import Scaled, freeze
from unmissed.models.heatmap import PLAIN, build_heatmap
from unmissed.models.pretrained import load_pretrained
from unmissed.training.augment import Augmenter
from unmissed.training.environment import environment
from unmissed.training.evaluation.finds import FieldFinds, save_finds, threshold_at
from unmissed.training.evaluation.finds_outputs import FINDS, write_finds_evaluation
from unmissed.training.heatmaps.crops import FieldCrops, anchors
from unmissed.training.heatmaps.data import LabelledField
from unmissed.training.heatmaps.finding import LOWEST_SCORE, finds_of
from unmissed.training.heatmaps.maps import field_logits, probabilities
from unmissed.training.heatmaps.objective import HeatmapObjective, fit_cell_temperature
from unmissed.training.heatmaps.settings import architecture_of, scale_of, scaling_of
from unmissed.training.heatmaps.sources import FieldSource, Negatives, check_labels, keep_apart, split_sources
from unmissed.training.heatmaps.teacher import Teacher
from unmissed.training.loading import EpochSampler, training_loader
from unmissed.training.loop import train
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.remarks import Remarks
from unmissed.training.task import begin, shown, weights_of, write_facts

FALLBACK_THRESHOLD = 0.5  # where the validation part has no place in which a find is false

Parts = dict[str, list[LabelledField]]


class HeatmapTask:
    """Training of heat-map models; see ``TrainingTask``."""

    def __init__(self, config: TrainConfig, heatmap: HeatmapConfig, remarks: Remarks, progress: RunProgress) -> None:
        self._config, self._heatmap, self._remarks = config, heatmap, remarks
        self._scale = scale_of(config, heatmap)
        by_picture = config.data.groups != "dataset"
        self._sources = split_sources(config, heatmap, by_picture=by_picture)
        self._also = [FieldSource(name, None, heatmap, self._scale, by_picture=by_picture) for name in config.data.also]
        self._negatives = [
            Negatives(name, labels, heatmap, self._scale, config.data.negatives_held_out)
            for name, labels in config.data.negatives.items()
        ]
        check_labels(heatmap, [*self._sources, *self._also])
        keep_apart(self._sources, [*self._also, *self._negatives], progress)
        self.records = [record for source in self._sources for record in source.records]

    def train(self, split: Split, folder: Path, title: str, progress: RunProgress, *, test: bool) -> list[FieldFinds]:
        """Train one split, write its results and return the finds; without a test part no report is written."""
        config, heatmap = self._config, self._heatmap
        if not test:
            split = replace(split, test=())
        accelerator = begin(config, self.records, split, folder, title)
        names = ("train", "validation", "test")
        chosen = [{name: self._part(source, getattr(split, name)) for name in names} for source in self._sources]
        by_source: list[Parts] = [
            {name: source.load(fields, progress.reading(name, len(fields))) for name, fields in some.items()}
            for source, some in zip(self._sources, chosen, strict=True)
        ]
        parts: Parts = {name: [field for loaded in by_source for field in loaded[name]] for name in names}
        network = build_heatmap(architecture_of(config, heatmap))
        facts: dict[str, Any] = {
            "weights": _load_weights(network, config),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "data": [source.spec(loaded) for source, loaded in zip(self._sources, by_source, strict=True)],
            "fields": {name: sorted(field.name for field in fields) for name, fields in parts.items()},
        }
        for source in self._also:
            more = source.load(source.fields, progress.reading(source.name, len(source.fields)))
            parts["train"] += more
            facts["data"].append(source.spec({"train": more}))
        for negatives in self._negatives:
            parts["train"] += negatives.load(progress.reading(negatives.name, len(negatives.fields)))
            facts["data"].append(negatives.spec())
        if heatmap.distill is not None:
            teacher = Teacher(heatmap.distill.teacher, folder.name, list(heatmap.classes), accelerator.device)
            teacher.check_has_not_seen([*facts["fields"]["validation"], *facts["fields"]["test"]])
            by_name = {self._sources[0].name_of(field): field for field in chosen[0]["train"]}
            parts["train"] = [teacher.teach(by_name[pupil.name], pupil) for pupil in parts["train"]]
        scaled = Scaled(network, *scaling_of(config))
        loader = self._loader(parts["train"])
        progress.training(title, len(loader) * (loader.batch_size or 1), config.optimizer.epochs)
        objective = HeatmapObjective(parts["validation"], heatmap, self._scale)
        frozen = freeze(network, config.model.freeze)
        history = train(scaled, frozen, loader, objective, config, accelerator, folder, progress)
        facts |= {"epochs": len(history), "seconds": round(sum(row.seconds for row in history), 1)}
        return self._finish(scaled, parts, accelerator, folder, facts)

    def pool(self, folder: Path, results: dict[str, list[FieldFinds]]) -> None:
        """Evaluate the folds together."""
        finds = [field for result in results.values() for field in result]
        self._write_finds(folder, finds, {"Folds": ", ".join(results)})

    def _part(self, source: FieldSource, indices: Sequence[int]) -> list[MarkedField]:
        groups = {self.records[index].group for index in indices}
        return [field for field in source.fields if field.group in groups]

    def _loader(self, fields: list[LabelledField]) -> DataLoader[Any]:
        config = self._config
        augment = Augmenter(config.augment, config.input.size_px, is_crop=True)
        places, chance = anchors(fields, self._heatmap, config.loss.sampling)
        sampler = EpochSampler(self._heatmap.crops, config.seed, chance)
        crops = FieldCrops(fields, places, augment, config.input.size_px, config.input.cached_px, self._scale.stride_px)
        augment.check(fields[0].image)
        return training_loader(crops, sampler, config)

    def _finish(
        self, scaled: nn.Module, parts: Parts, accelerator: Accelerator, folder: Path, facts: dict[str, Any]
    ) -> list[FieldFinds]:
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
            facts |= {"notes": self._remarks.lines, **environment(accelerator)}
            chosen = FALLBACK_THRESHOLD if threshold is None else max(threshold, LOWEST_SCORE)
            calibration = {"temperature": temperature, "threshold": chosen, "fitted_on": "validation"}
            write_facts(folder, self._config, calibration, facts)
            if finds["test"]:
                self._write_finds(folder, finds["test"], finds_facts(facts["data"]))
        accelerator.wait_for_everyone()
        return finds["test"]

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
            notes=self._remarks.lines,
            facts=facts,
        )


def finds_facts(specs: Sequence[dict[str, Any]]) -> dict[str, object]:
    """The rows of a report about the data."""

    def size(part: str) -> str:
        found = [(sum(spec["counts"][part].values()), spec["groups"][part]) for spec in specs if part in spec["counts"]]
        return " + ".join(f"{objects:,} in {groups:,} groups" for objects, groups in found)

    return {
        "Data set": " + ".join(f"{spec['title']} ({spec['licence']})" for spec in specs),
        "Split": f"by {specs[0]['group_by']}",
        "Training objects": size("train"),
        "Validation objects": size("validation"),
    }


def _load_weights(network: nn.Module, config: TrainConfig) -> str:
    """Pretrained weights; a plain backbone has none, so that "auto" leaves it random."""
    source = weights_of(config)
    if config.model.backbone == PLAIN and source == "auto":
        return "random"
    return load_pretrained(network, config.model.backbone, source)
