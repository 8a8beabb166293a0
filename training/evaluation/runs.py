"""Measure a finished run again from the predictions it left."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.configs import read_yaml
from unmissed.datasets.basis.errors import ConfigError, DatasetError, ImageError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.pictures.images import read_image
from unmissed.training.evaluation.evaluate import Evaluation
from unmissed.training.evaluation.mistakes import Picture
from unmissed.training.evaluation.outputs import read_temperature, write_evaluation, write_fold_evaluation
from unmissed.training.evaluation.predictions import Predictions, load_predictions

CSV = "test_predictions.csv"
_log = logging.getLogger(__name__)


def evaluate_run(
    folder: Path, output: Path, *, root: Path | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> Evaluation:
    """Evaluate a run folder, or all folds of a k-fold run (pooled), and write the results into ``output``.

    Args:
        folder: holds test_predictions.csv and calibration.json, or folders fold-0, fold-1 ... with both; config.yaml,
            history.csv and run.json are used where they are there.
        root: folder of the dataset, for the pictures of the gallery when the predictions name them relative to it.
        n_bootstrap, seed: see ``evaluate``.

    Raises:
        DatasetError, ConfigError: When a file is missing or damaged.
    """
    settings: dict[str, Any] = {"n_bootstrap": n_bootstrap, "seed": seed}
    folds = _fold_folders(folder)
    settings |= {"config": _config(folder), "title": folder.resolve().name}
    settings |= {"facts": _facts(folds[0] if folds else folder)}
    if not folds:
        predictions, temperature = _read_run(folder)
        return write_evaluation(
            output,
            predictions,
            temperature=temperature,
            history_csv=folder / "history.csv",
            picture=_pictures(predictions.paths, root),
            **settings,
        )
    parts = {fold.name: _read_run(fold) for fold in folds}
    notes = _missing_folds(folds)
    for note in notes:
        _log.warning("%s", note)
    picture = _pictures([path for part, _ in parts.values() for path in part.paths], root)
    return write_fold_evaluation(output, parts, picture=picture, notes=notes, **settings)


def _missing_folds(folds: Sequence[Path]) -> list[str]:
    numbers = {int(fold.name.removeprefix("fold-")) for fold in folds}
    missing = sorted(set(range(max(numbers) + 1)) - numbers)
    listed = ", ".join(str(number) for number in missing)
    return [f"Missing folds: {listed}. The numbers cover only part of the data."] if missing else []


def _fold_folders(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("fold-*") if path.is_dir() and re.fullmatch(r"fold-\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("fold-")))


def _read_run(folder: Path) -> tuple[Predictions, float]:
    if not (folder / CSV).is_file():
        raise DatasetError(
            f"{folder} has no {CSV}", expected="a finished run with a test part", fix="run `unmissed train` to its end"
        )
    return load_predictions(folder / CSV), read_temperature(folder / "calibration.json")


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / "config.yaml").is_file():
        return {}
    config = read_yaml(folder / "config.yaml", "recipe").values
    if not isinstance(config, dict):
        raise ConfigError(f"{folder / 'config.yaml'} holds no fields", expected="a recipe in YAML")
    if isinstance(config.get("data"), dict):
        config["data"].pop("root", None)  # a folder of one machine; reports are passed on
    return config


def _facts(folder: Path) -> dict[str, object]:
    """What run.json records about the data; nothing when it is not there."""
    try:
        return data_facts(read_json(folder / "run.json")["data"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}  # the report then says less; the numbers do not need it


def data_facts(spec: Mapping[str, Any]) -> dict[str, object]:
    """The rows of a report about the data, from what run.json and the model card keep under ``data``."""
    counts = {name: sum(classes.values()) for name, classes in spec["counts"].items()}
    sizes = {name: f"{counts[name]:,} from {groups:,} groups" for name, groups in spec["groups"].items()}
    return {
        "Data set": f"{spec['title']} ({spec['licence']})",
        "Split": f"by {spec['group_by']}",
        "Training pictures": sizes["train"],
        "Validation pictures": sizes["validation"],
    }


def _pictures(paths: Sequence[str], root: Path | None) -> Picture | None:
    """Give a reader of the gallery's pictures; None where several places share a picture and are indistinguishable."""
    if len(set(paths)) < len(paths):
        return None

    def picture(index: int) -> Any:
        path = Path(paths[index]) if root is None else root / paths[index]
        try:
            return read_image(path)
        except ImageError:  # the gallery says "no picture"
            return None

    return picture
