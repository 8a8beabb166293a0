"""What a classifier says of a laboratory that it was never trained on.

``python -m unmissed.benchmarks.studies.laboratories.left_out RUN ...``, of runs with ``data.leave_out``; or ``--model
MODEL --joined RECIPE``, of a finished model that knows the recipe's first dataset alone, on each of those joined to it.
Prints the AUC of abnormal against normal with its interval by the laboratory's own groups, and how its own labels are
called.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError, run_main
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.registry import get
from unmissed.models import zoo
from unmissed.models.cards import load_card
from unmissed.models.export import onnx_probabilities
from unmissed.training.data import read_data, source_of
from unmissed.training.evaluation.intervals import group_interval
from unmissed.training.evaluation.metrics import areas_under_roc
from unmissed.training.evaluation.predictions import load_predictions, softmax
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import load_recipe


def report(run: Path) -> list[str]:
    """Lines for one run."""
    config = load_recipe(str(run / "config.yaml"))
    if config.data.leave_out is None:
        raise DatasetError(f"{run} left no laboratory out", expected="a run with data.leave_out", fix="see --help")
    found = load_predictions(run / "test_predictions.csv")
    normal = [index for index, item in enumerate(found.classes) if item.group == "normal"]
    temperature = read_json(run / "calibration.json")["temperature"]
    abnormal = 1 - softmax(found.logits / temperature)[:, normal].sum(axis=1)
    name = config.data.leave_out
    labels = [found.classes[label].id for label in found.labels]
    if name in config.data.joined:
        own = own_labels(name)
        labels = [own[group, path] for group, path in zip(found.groups.tolist(), found.paths, strict=True)]
    return _lines(name, abnormal, ~np.isin(found.labels, normal), found.groups, labels)


def report_model(model: str, config: TrainConfig) -> list[str]:
    """Lines for a finished model, of each dataset that the recipe joins: fp32, at the model's own scale."""
    card_path = zoo.find_card(model)
    card = load_card(card_path)
    known = [item.name for item in card.data]
    if known != [config.data.dataset]:
        raise DatasetError(f"{model} learned from {', '.join(known)}", expected=f"{config.data.dataset} alone")
    normal = [index for index, item in enumerate(card.classes) if item.group == "normal"]
    calm = {card.classes[index].id for index in normal}
    records, spec = read_data(config.data).records, card.picture_input
    lines = []
    for name in config.data.joined:
        mine = [record for record in records if source_of(record, config.data) == name]
        pictures = load_pictures(mine, spec.size_px, "crop", lambda: None, spec.um_per_px)
        abnormal = 1 - onnx_probabilities(card_path.parent / card.files["fp32"].file, pictures)[:, normal].sum(axis=1)
        truth = np.array([record.label not in calm for record in mine])
        own = own_labels(name)
        labels = [own[record.group, record.path.name] for record in mine]
        lines += _lines(name, abnormal, truth, np.array([record.group for record in mine]), labels)
    return lines


def own_labels(name: str) -> dict[tuple[str, str], str]:
    """Group in a joined dataset and file name -> the label that the laboratory itself gave."""
    records = get(name).read(dataset_root(name))
    return {(f"{name}/{record.group}", record.path.name): record.label for record in records}


def _lines(name: str, abnormal: np.ndarray, truth: np.ndarray, groups: np.ndarray, own: list[str]) -> list[str]:
    """AUC and labels; probability abnormal, whether it is, and group: (N,) each."""
    area = group_interval(partial(areas_under_roc, truth.astype(float), abnormal), groups)
    lines = [
        f"{name}: {len(truth)} cells of {area.n} groups, abnormal AUC {area.value:.3f} "
        f"({area.low:.3f} to {area.high:.3f})"
    ]
    labels = np.array(own)
    for label in sorted(set(own), key=lambda label: float(np.median(abnormal[labels == label]))):
        mine = abnormal[labels == label]
        lines.append(f"  {label}: {len(mine)}, called abnormal {np.mean(mine > 0.5):.3f}, median {np.median(mine):.3f}")
    return lines


def main() -> None:
    """Print the report of each run, or of the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--model", help="name in the zoo, or the folder of an export")
    parser.add_argument("--joined", default="cell-bethesda-joined", help="recipe that says what labels mean")
    arguments = parser.parse_args()
    for run in arguments.runs:
        print("\n".join(report(run)))
    if arguments.model is not None:
        print("\n".join(report_model(arguments.model, load_recipe(arguments.joined))))


if __name__ == "__main__":
    run_main(main)
