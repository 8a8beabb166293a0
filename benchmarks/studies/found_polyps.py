"""Share of the polyps that the centre of a box hits, at numbers of false boxes a picture, with intervals by group.

Runs the shipped file by its card, as `unmissed predict` does, over a dataset with masks.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.fields import mask_objects
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.runtimes.variants import choose
from unmissed.training.evaluation.finds import ALL, FieldFinds, evaluate_finds

RATES = (0.1, 0.25, 0.5, 1.0)
LOWEST = 0.001  # boxes below this are not counted at all


def main() -> None:
    """Search every picture and compare with its mask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="kvasir-seg, cvc-clinicdb, polypgen, neopolyp")
    parser.add_argument("--model", default="polyp-finder")
    parser.add_argument("--variant", default="auto", help="file of the card; auto: the fastest right one")
    parser.add_argument("--root", type=Path, help="folder of the dataset; default $UNMISSED_DATA/<dataset>")
    parser.add_argument("--all", action="store_true", help="also pictures that the model was trained on")
    arguments = parser.parse_args()
    file = choose(arguments.model, variant=arguments.variant).file
    root = dataset_root(arguments.dataset, arguments.root)
    records = get(arguments.dataset).read(root)
    fields = file.card.training.get("fields", {})
    held_out = set(fields.get("test", ()))
    data = file.card.training.get("recipe", {}).get("data", {})
    prefix = f"{arguments.dataset}/" if arguments.dataset in data.get("joined", ()) else ""
    if (prefix or arguments.dataset == data.get("dataset")) and not arguments.all:
        records = [record for record in records if prefix + record.name(root) in held_out]
    with FindPipeline(file, threshold=LOWEST) as finder:
        finds = [_match(record, finder, root) for record in records]
    result = evaluate_finds(finds, RATES, "picture")
    print(
        f"{file.card.name} {file.variant} on {arguments.dataset}: {result.n_objects} polyps in {result.n_fields} "
        f"pictures of {result.n_groups} groups"
    )
    for rate, threshold, estimate in zip(RATES, result.thresholds, result.recall[ALL], strict=True):
        print(
            f"  {rate:g} false boxes a picture: recall {estimate.value:.3f} ({estimate.low:.3f} to "
            f"{estimate.high:.3f}), score from {threshold or 0:.3f}"
        )
    _print_at_card(finds, file.card.heatmap.threshold if file.card.heatmap else 0.5)


def _print_at_card(finds: Sequence[FieldFinds], threshold: float) -> None:
    """At the card's threshold, what a user of the defaults gets."""
    hits = [score >= threshold for field in finds for score in field.scores]
    false = sum(score >= threshold for field in finds for score in field.false_scores)
    print(
        f"  at the card's threshold {threshold:.3f}: recall {np.mean(hits):.3f}, {false / len(finds):.2f} false boxes"
    )


def _match(record: Record, finder: FindPipeline, root: Path) -> FieldFinds:
    image = read_image(record.path)
    objects, centres = np.zeros(image.shape[:2], np.int32), np.empty((0, 2), np.float32)
    if record.mask is not None:
        size = image.shape[1], image.shape[0]
        mask = cv2.resize(read_image(record.mask).max(axis=2), size, interpolation=cv2.INTER_NEAREST)
        objects, centres = mask_objects(mask > 127)
    found = finder.find_in_still(image)
    best = [0.0] * len(centres)
    false = []
    for find in found:
        x = min(int(find.x_px + find.width_px / 2), image.shape[1] - 1)
        y = min(int(find.y_px + find.height_px / 2), image.shape[0] - 1)
        number = int(objects[y, x])
        if number:
            best[number - 1] = max(best[number - 1], find.score)
        else:
            false.append(find.score)
    labels = ("polyp",) * len(centres)
    return FieldFinds(record.name(root), record.group, 1.0, tuple(sorted(false, reverse=True)), labels, tuple(best))


if __name__ == "__main__":
    main()
