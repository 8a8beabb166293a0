"""What a classifier says of a laboratory that it was never trained on.

``python -m unmissed.benchmarks.studies.laboratories.left_out RUN ...``, of runs with ``data.leave_out``. Prints the AUC
of abnormal against normal with its interval by the laboratory's own groups, and how its own labels are called.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError, run_main
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.registry import get
from unmissed.training.evaluation.intervals import group_interval
from unmissed.training.evaluation.metrics import areas_under_roc
from unmissed.training.evaluation.predictions import Predictions, load_predictions, softmax
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
    truth = (~np.isin(found.labels, normal)).astype(float)
    area = group_interval(partial(areas_under_roc, truth, abnormal), found.groups)
    lines = [
        f"{config.data.leave_out}: {len(truth)} cells of {area.n} groups, abnormal AUC {area.value:.3f} "
        f"({area.low:.3f} to {area.high:.3f})"
    ]
    labels = np.array(own_labels(config, found))
    for label in sorted(set(labels.tolist()), key=lambda name: float(np.median(abnormal[labels == name]))):
        mine = abnormal[labels == label]
        lines.append(f"  {label}: {len(mine)}, called abnormal {np.mean(mine > 0.5):.3f}, median {np.median(mine):.3f}")
    return lines


def own_labels(config: TrainConfig, found: Predictions) -> list[str]:
    """The labels that the laboratory itself gave."""
    name = str(config.data.leave_out)
    if name not in config.data.joined:
        return [found.classes[label].id for label in found.labels]
    records = get(name).read(dataset_root(name))
    known = {(f"{name}/{record.group}", record.path.name): record.label for record in records}
    return [known[group, path] for group, path in zip(found.groups.tolist(), found.paths, strict=True)]


def main() -> None:
    """Print the report of each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    for run in parser.parse_args().runs:
        print("\n".join(report(run)))


if __name__ == "__main__":
    run_main(main)
