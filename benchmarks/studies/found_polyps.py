"""Share of the polyps that the centre of a box hits, at numbers of false boxes a picture, with intervals by group.

Runs the shipped file by its card, as `unmissed predict` does, over a dataset with masks. Where the masks show the two
kinds that the model tells, also how well it tells them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from unmissed.datasets.fields import mask_objects
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.canvases import heat_map
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.runtimes.variants import choose
from unmissed.models.cards import Card, HeatmapSpec
from unmissed.training.evaluation.finds import ALL, FieldFinds, evaluate_finds
from unmissed.training.evaluation.intervals import group_weights, percentile_interval
from unmissed.training.heatmaps.settings import scale_of
from unmissed.training.heatmaps.sources import FieldSource, load_named
from unmissed.training.renew import recipe_of

RATES = (0.1, 0.25, 0.5, 1.0)
SAMPLES = 1000
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
        kinds = tuple(item.id for item in get(arguments.dataset).info.classes)
        spec = file.card.heatmap
        told = _tell_kinds(file.card, spec, finder, root, prefix) if spec is not None and spec.target == kinds else ""
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
    if told:
        print(told)


def _tell_kinds(card: Card, spec: HeatmapSpec, finder: FindPipeline, root: Path, prefix: str) -> str:
    """AUC of the first kind against the second on held-out polyps, by the mean of both maps over each."""
    recipe = recipe_of(card)
    if recipe.heatmap is None or not prefix:
        return ""
    name, scale = prefix.rstrip("/"), scale_of(recipe, recipe.heatmap)
    source = FieldSource(name, root, recipe.heatmap, scale, by_picture=False, prefix=prefix)
    settings = {"size_px": card.picture_input.size_px, "stride_px": spec.stride_px, "halo_px": spec.halo_px}
    is_first, shares, groups = [], [], []
    for field in load_named([source], card.training["fields"]["test"]):
        maps = heat_map(field.image, finder.session.run, **settings, at_once=1)
        targets = [maps[card.class_ids.index(kind)] for kind in spec.target]
        wide = [cv2.resize(each, field.image.shape[1::-1]) for each in targets]
        for number, label in enumerate(field.labels, 1):
            first, second = (float(each[field.objects == number].mean()) for each in wide)
            is_first.append(label == spec.target[0])
            shares.append(first / (first + second))
            groups.append(field.group)
    named, truth = np.array(groups), np.array(is_first)
    samples = [
        roc_auc_score(truth, shares, sample_weight=weights)
        for chunk in group_weights(named, SAMPLES, 0)
        for weights in chunk
    ]
    found = percentile_interval(float(roc_auc_score(truth, shares)), np.array(samples), len(np.unique(named)))
    return (
        f"  {spec.target[0]} against {spec.target[1]}: AUC {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), "
        f"{truth.sum()} and {(~truth).sum()} polyps"
    )


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
