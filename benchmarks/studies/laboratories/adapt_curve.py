"""Abnormal AUC in a laboratory against the number of its labelled cells that a classifier was adapted with.

``python -m unmissed.benchmarks.studies.laboratories.adapt_curve MODEL DATASET [--means FILE]``. One held-out part
judges all draws. The interval is by its groups, of the mean over draws; the range is over draws.
"""

import argparse
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import UnmissedError, run_main
from unmissed.training.adapting.adapt import classifier, divided
from unmissed.training.adapting.fitting import fit, probabilities, target_stain
from unmissed.training.adapting.graph import ClassifierGraph
from unmissed.training.adapting.laboratory import NORMAL, Cells, read_laboratory, read_means
from unmissed.training.evaluation.intervals import Estimate, group_interval
from unmissed.training.evaluation.metrics import areas_under_roc

NUMBERS = (0, 25, 50, 100, 200, 400)
_HELD_OUT = 0.5


def drawn(cells: Cells, number: int, rng: np.random.Generator) -> Cells:
    """Whole groups in random order until there are ``number`` pictures; the last group may be cut.

    The order begins with two groups of each side, so that there is something to tell apart in small draws too.
    """
    names = rng.permutation(np.unique(cells.groups))
    first: list[str] = []
    for side in (0, 1):
        of_side = set(cells.groups[cells.sides == side].tolist())
        first += [name for name in names.tolist() if name in of_side and name not in first][:2]
    order = [*first, *(name for name in names.tolist() if name not in first)]
    places = np.concatenate([np.flatnonzero(cells.groups == name) for name in order])
    return cells.take(places[:number])


def mean_area(cells: Cells, scores: np.ndarray, less: np.ndarray | None = None) -> Estimate:
    """Abnormal AUC, the mean over draws, with its interval by group.

    Args:
        cells: held out.
        scores: (D, N) of D draws.
        less: (N,) scores whose AUC is taken off, on the same samples.
    """
    told = cells.sides >= 0
    truth = cells.sides[told] == 1

    def areas(weights: np.ndarray | None) -> np.ndarray:
        found: np.ndarray = np.mean([areas_under_roc(truth, one[told], weights) for one in scores], axis=0)
        return found if less is None else found - areas_under_roc(truth, less[told], weights)

    return group_interval(areas, cells.groups[told])


def main() -> None:
    """Draw, adapt, judge, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="shipped classifier, or an .onnx file with its card")
    parser.add_argument("dataset", help="of the laboratory")
    parser.add_argument("--root", type=Path, help="folder of the dataset")
    parser.add_argument("--means", help="what its labels mean, as for `unmissed adapt`")
    parser.add_argument("--groups", choices=("dataset", "picture"), default="dataset")
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    model = classifier(given.model)
    means = None if given.means is None else read_means(given.means)
    laboratory = read_laboratory(model.card, given.dataset, root=given.root, means=means, groups=given.groups)
    graph, (target, said) = ClassifierGraph(model.path), target_stain(model.card)
    fitting, held = divided(laboratory.cells, _HELD_OUT, 0)
    abnormal = np.array([float(item.group.lower() != NORMAL) for item in model.card.classes])
    plain = graph.features(held.pictures)
    before = probabilities(graph.last_layer, plain) @ abnormal
    if said:
        print(said)
    print(f"Judged on {len(held)} pictures in {len(set(held.groups.tolist()))} groups of {laboratory.name}.\n")
    print("| labelled cells | AUC | 95 % interval | range of draws | gain | its interval | with stain |")
    print("|---|---|---|---|---|---|---|")
    for number in NUMBERS:
        if number > len(fitting):
            break
        scores, with_stain = [], 0
        for draw in range(given.draws if number else 1):
            if not number:
                scores.append(before)
                continue
            try:
                found = fit(graph, drawn(fitting, number, np.random.default_rng((draw, number))), target)
            except UnmissedError as error:  # a draw of too few groups
                print(f"{number} cells, draw {draw}: {error}")
                continue
            with_stain += found.stain is not None
            features = plain if found.stain is None else graph.features(found.pictures(held.pictures))
            scores.append(probabilities(found.layer, features) @ abnormal)
        if scores:
            print(_row(number, held, np.array(scores), before, with_stain), flush=True)


def _row(number: int, held: Cells, scores: np.ndarray, before: np.ndarray, with_stain: int) -> str:
    area, gain = mean_area(held, scores), mean_area(held, scores, before)
    each = [mean_area(held, one[None]).value for one in scores] if len(scores) > 1 else [area.value]
    return (
        f"| {number} | {area.value:.3f} | {area.low:.3f} to {area.high:.3f} | {min(each):.3f} to {max(each):.3f} "
        f"| {gain.value:+.3f} | {gain.low:+.3f} to {gain.high:+.3f} | {with_stain} of {len(scores)} |"
    )


if __name__ == "__main__":
    run_main(main)
