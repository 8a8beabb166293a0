"""How often a finder draws a box in a picture that shows no lesion, by what it shows; a command with ``--help``."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from unmissed.benchmarks.studies.found_polyps import LOWEST
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.registry import get
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.runtimes.variants import choose


def main(words: Sequence[str] | None = None) -> None:
    """Search every picture, and print shares of pictures with a box."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", nargs="+", help="of pictures without a lesion, such as normal-cecum")
    parser.add_argument("--dataset", default="hyperkvasir")
    parser.add_argument("--root", type=Path, help="folder of the dataset; default $UNMISSED_DATA/<dataset>")
    parser.add_argument("--folds", type=int, nargs="+", help="only these official folds")
    parser.add_argument("--model", default="polyp-finder")
    parser.add_argument("--variant", default="auto", help="file of the card; auto: the fastest right one")
    parser.add_argument("--threshold", type=float, default=0.5, help="of a box, as in the protocol")
    parser.add_argument("--rate", type=float, help="print the threshold at which this share of pictures has a box")
    given = parser.parse_args(words)
    file = choose(given.model, variant=given.variant).file
    root = dataset_root(given.dataset, given.root)
    records = [
        record
        for record in get(given.dataset).read(root)
        if record.label in given.labels and (given.folds is None or record.fold in given.folds)
    ]
    scores: dict[str, list[float]] = {label: [] for label in given.labels}
    with FindPipeline(file, threshold=LOWEST) as finder:
        for record in records:
            finds = finder.find_in_still(read_image(record.path))
            scores[record.label].append(finds[0].score if finds else 0.0)
    print(f"{file.card.name} {file.variant}: pictures with a box of {given.threshold:g} or more\n")
    for line in table(scores, given.threshold):
        print(line)
    if given.rate is not None:
        everything = np.concatenate(list(scores.values()))
        print(f"\n{given.rate:.1%} of all pictures have a box from {np.quantile(everything, 1 - given.rate):.3f}")


def table(scores: Mapping[str, Sequence[float]], threshold: float) -> list[str]:
    """Rows of shares with 95 % intervals (Wilson), by label and of all."""
    rows = ["| picture | pictures | with a box | |", "|---|---|---|---|"]
    for label, found in [*scores.items(), ("all", [score for some in scores.values() for score in some])]:
        hits = int((np.asarray(found) >= threshold).sum())
        low, high = binomtest(hits, len(found)).proportion_ci(method="wilson")
        rows.append(f"| {label} | {len(found)} | {hits / len(found):.1%} | {low:.1%} to {high:.1%} |")
    return rows


if __name__ == "__main__":
    main()
