"""Figures of a Bethesda judge over the held-out nuclei of a cross-validation, with intervals over whole fields."""

import argparse
import json
from pathlib import Path
from typing import Any

NORMAL, LOW, HIGH = (0,), (1, 2), (3, 4, 5)  # NILM; ASC-US, LSIL; ASC-H, HSIL, SCC
DRAWS = 1000


def main() -> None:
    """Pool the folds, each at its own temperature, and print the four figures and each fold's."""
    import numpy as np
    from sklearn.metrics import f1_score, roc_auc_score

    from unmissed.training.evaluation.intervals import group_weights, percentile_interval
    from unmissed.training.evaluation.predictions import load_predictions
    from unmissed.training.recipes.loading import load_recipe

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a k-fold run such as runs/cell-bethesda-cv")
    folds = sorted(parser.parse_args().run.glob("fold-*"))

    def figures(labels: Any, p: Any, weights: Any) -> list[float]:
        three = np.stack([p[:, part].sum(axis=1) for part in map(list, (NORMAL, LOW, HIGH))], axis=1)
        coarse = np.array([0, 1, 1, 2, 2, 2])[labels]
        return [
            float(roc_auc_score(labels > 0, 1 - p[:, 0], sample_weight=weights)),
            float(roc_auc_score(labels >= HIGH[0], three[:, 2], sample_weight=weights)),
            float(f1_score(coarse, three.argmax(axis=1), average="macro", sample_weight=weights)),
            float(f1_score(labels, p.argmax(axis=1), average="macro", sample_weight=weights)),
        ]

    names = ("abnormal AUC", "HSIL+ AUC", "3-class macro-F1", "6-class macro-F1")
    parts = []
    for fold in folds:
        found = load_predictions(fold / "test_predictions.csv")
        means = load_recipe(str(fold / "config.yaml")).data.means
        found = found.take([i for i, group in enumerate(found.groups.tolist()) if group.split("/")[0] not in means])
        temperature = json.loads((fold / "calibration.json").read_text("utf-8"))["temperature"]
        logits = found.logits / temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        parts.append((found.labels, powers / powers.sum(axis=1, keepdims=True), found.groups))
        values = figures(parts[-1][0], parts[-1][1], None)
        print(fold.name, ", ".join(f"{name} {value:.4f}" for name, value in zip(names, values, strict=True)))
    labels, p, groups = (np.concatenate(column) for column in zip(*parts, strict=True))
    pooled = figures(labels, p, None)
    draws = [
        figures(labels[w > 0], p[w > 0], w[w > 0]) for chunk in group_weights(groups, DRAWS, seed=0) for w in chunk
    ]
    for index, (name, value) in enumerate(zip(names, pooled, strict=True)):
        found_interval = percentile_interval(value, np.array([d[index] for d in draws]), np.unique(groups).size)
        print(f"{name}: {value:.4f} ({found_interval.low:.4f} to {found_interval.high:.4f})")


if __name__ == "__main__":
    main()
