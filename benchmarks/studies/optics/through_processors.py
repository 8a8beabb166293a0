"""Macro-F1 of a classifier on pictures as they are, and as five made-up endoscopes would show them (``made_up``).

``python -m unmissed.benchmarks.studies.optics.through_processors MODEL TABLE`` with a table of the columns path, label
and, as needed, group: the pictures are drawn anew by groups for the intervals.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unmissed.benchmarks.studies.optics.made_up import MADE_UP, MadeUp
from unmissed.datasets.basis.errors import DatasetError, ModelError, run_main
from unmissed.datasets.pictures.endoscope_area import fit_area
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.runtimes.variants import choose
from unmissed.training.evaluation.intervals import Estimate, group_interval, paired_difference
from unmissed.training.evaluation.metrics import macro_f1
from unmissed.training.looks.spoiled import NONE, spoil

UNTOUCHED = "as they are"
SPOILED = "spoiled by rule"


def answers(
    predictor: Predictor, records: Sequence[Record], change: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    """Probabilities float32 (N, K) of pictures after a change, which is given each picture and its number.

    Raises:
        ImageError: For the first picture that cannot be read.
    """
    spec, found = predictor.model.card.picture_input, []
    for start in range(0, len(records), predictor.session.batch_size):
        chunk = list(enumerate(records))[start : start + predictor.session.batch_size]
        changed = [change(read_image(record.path), number) for number, record in chunk]
        fitted = [fit_area(image, spec.size_px, spec.fit, spec.area) for image in changed]
        found.append(predictor.session.run(np.stack(fitted)).copy())
    return np.concatenate(found)


def estimates(
    labels: np.ndarray, groups: np.ndarray, by_look: dict[str, np.ndarray]
) -> dict[str, tuple[Estimate, Estimate]]:
    """Look -> its macro-F1, and by how much that differs from the untouched pictures', both with intervals by group.

    Args:
        labels: (N,) index of the true class.
        groups: (N,) strings.
        by_look: probabilities (N, K) of each look; the first is of the untouched pictures.
    """
    first = next(iter(by_look.values()))
    found = {}
    for look, probabilities in by_look.items():
        own = group_interval(partial(macro_f1, labels, probabilities), groups)
        found[look] = own, paired_difference(labels, first, probabilities, groups, macro_f1)
    return found


def _through(look: MadeUp, image: np.ndarray, _number: int) -> np.ndarray:
    return look(image)


def main() -> None:
    """Ask the model for each picture and each look, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="shipped model, or an .onnx file with its card")
    parser.add_argument("table", type=Path, help="CSV with the columns path, label and, as needed, group")
    parser.add_argument("--variant", default="auto", help="file of the card; auto: the fastest right one")
    arguments = parser.parse_args()
    records = get("csv").read(arguments.table)
    with Predictor(choose(arguments.model, variant=arguments.variant).file) as predictor:
        card = predictor.model.card
        strange = sorted({record.label for record in records} - set(card.class_ids))
        if strange:
            raise DatasetError(
                f"{card.name} has no class {', '.join(strange)}", expected=f"some of {', '.join(card.class_ids)}"
            )
        if card.picture_input.fit == "crop":
            raise ModelError(f"{card.name} looks at crops", expected="a classifier of whole pictures")
        by_look = {UNTOUCHED: answers(predictor, records, lambda image, _: image)}
        for look in MADE_UP:
            by_look[look.name] = answers(predictor, records, partial(_through, look))
        spoiled = answers(predictor, records, spoil) if NONE.id in card.class_ids else None
    labels = np.array([card.class_ids.index(record.label) for record in records])
    groups = np.array([record.group for record in records])
    print(f"{card.name}: {len(records)} pictures in {len(np.unique(groups))} groups")
    for name, (value, change) in estimates(labels, groups, by_look).items():
        after = "" if name == UNTOUCHED else f", {change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
        print(f"  {name}: macro-F1 {value.value:.3f} ({value.low:.3f} to {value.high:.3f}){after}")
    if spoiled is not None:
        none = card.class_ids.index(NONE.id)
        share, wrong = (float((found.argmax(axis=1) == none).mean()) for found in (spoiled, by_look[UNTOUCHED]))
        print(f"  called {NONE.id}: {share:.3f} of the pictures {SPOILED}, {wrong:.3f} of the pictures {UNTOUCHED}")


if __name__ == "__main__":
    run_main(main)
