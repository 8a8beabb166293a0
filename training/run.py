"""A whole run: read the dataset, split it by group, train each fold, evaluate, and leave a folder that holds it all."""

from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder, write_text
from unmissed.datasets.locate import dataset_root
from unmissed.training.checkpoint import check_same_recipe
from unmissed.training.classifiers.classifier import ClassifierTask
from unmissed.training.classifiers.few_shot import learn_few_shot
from unmissed.training.heatmaps.task import HeatmapTask
from unmissed.training.parts import folds, one_split
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import save_recipe
from unmissed.training.remarks import Remarks
from unmissed.training.task import TrainingTask


def run(config: TrainConfig, output: Path, progress: RunProgress, *, test: bool = True) -> Path:
    """Carry out a recipe.

    Args:
        config: the validated recipe.
        output: run folder; finished folds and epochs found there are not done again.
        progress: receives what happens.
        test: False leaves the test part alone, so that something may still be chosen; the same call with True then
            measures what was trained. A few-shot recipe has nothing else to measure.

    Returns:
        Path: The run folder, with ``report.html``; k-fold runs hold one folder a fold.
    """
    with Remarks(dataset_root(config.data.dataset, config.data.root), output) as remarks:
        if config.few_shot is not None:
            return learn_few_shot(config, config.few_shot, output, remarks, progress)
        return _run(config, output, remarks, progress, test)


def _run(config: TrainConfig, output: Path, remarks: Remarks, progress: RunProgress, test: bool) -> Path:
    task: TrainingTask[Any] = (
        ClassifierTask(config, remarks, progress)
        if config.heatmap is None
        else HeatmapTask(config, config.heatmap, remarks, progress)
    )
    make_folder(output)
    check_same_recipe(output, config)
    write_text(output / "config.yaml", save_recipe(config))
    if config.data.folds is None:
        task.train(one_split(task.records, config.data), output, config.name, progress, test=test)
        return output
    outside = set(config.data.only_folds or ()) - set(range(config.data.folds))
    if outside:
        raise ConfigError(f"data.only_folds names fold {min(outside)}", expected=f"0 to {config.data.folds - 1}")
    splits = folds(task.records, config.data.folds, config.data)
    chosen = range(len(splits)) if config.data.only_folds is None else config.data.only_folds
    results: dict[str, Any] = {}
    for index in chosen:
        name = f"fold-{index}"
        results[name] = task.train(splits[index], output / name, f"{config.name} {name}", progress, test=test)
    if test and len(results) > 1:
        task.pool(output, results)
    return output
