"""What is fitted to a laboratory: the stain table, the last layer, the temperature; each only if it pays."""

from dataclasses import dataclass, replace

import numpy as np

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.splits import k_folds
from unmissed.models.cards import Card, StainChange, StainLooks
from unmissed.training.adapting.graph import ClassifierGraph, LastLayer
from unmissed.training.adapting.laboratory import Cells
from unmissed.training.adapting.last_layer import Chosen, choose_strength, fit_layer
from unmissed.training.adapting.stain import stain_of, stain_table, stained
from unmissed.training.evaluation.predictions import softmax
from unmissed.training.loading import load_for
from unmissed.training.renew import held_out_of, recipe_of

_FOLDS = 5
_STAIN_PICTURES = 600  # of the parent's training data; a random choice of more is enough


@dataclass(frozen=True, eq=False)
class Fit:
    """An adaptation.

    Attributes:
        layer: the last layer with its temperature.
        chosen: what cross-validation said.
        stain: what the table of bytes does; None where there is no table.
    """

    layer: LastLayer
    chosen: Chosen
    stain: StainChange | None

    @property
    def table(self) -> np.ndarray | None:
        """Bytes (3, 256) of the stain; None where colours stay as they are."""
        return None if self.stain is None else stain_table(self.stain.found, self.stain.target)

    def pictures(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures as the network sees them behind the table."""
        return pictures if self.table is None else stained(pictures, self.table)

    def probabilities(self, graph: ClassifierGraph, pictures: np.ndarray) -> np.ndarray:
        """What the adapted model says, computed here in double precision; (N, K)."""
        return probabilities(self.layer, graph.features(self.pictures(pictures)))


def probabilities(layer: LastLayer, features: np.ndarray) -> np.ndarray:
    """Softmax of a last layer's logits."""
    return softmax(layer.logits(features))


def fit(graph: ClassifierGraph, cells: Cells, target: StainLooks | None) -> Fit:
    """Fit to labelled pictures; whether with the stain, and how strongly, by cross-validation over their groups.

    Colours are changed only where that is better by more than the standard error: between two that are as good, a few
    pictures would choose by chance.

    Args:
        graph: of the parent.
        cells: to fit on, of two groups or more.
        target: looks of the parent's training pictures; None goes without the stain.
    """
    folds = _folds(cells)
    stains = [None] if target is None else [None, StainChange(found=stain_of(cells.pictures), target=target)]
    best: tuple[Chosen, StainChange | None, np.ndarray] | None = None
    for stain in stains:
        seen = cells.pictures if stain is None else stained(cells.pictures, stain_table(stain.found, stain.target))
        features = graph.features(seen)
        chosen = choose_strength(features, cells.targets, graph.last_layer, folds)
        if best is None or chosen.is_clearly_better(best[0], cells.groups):
            best = chosen, stain, features
    if best is None:
        raise ValueError("nothing to choose from")
    chosen, stain, features = best
    layer = fit_layer(features, cells.targets, graph.last_layer, chosen.strength)
    return Fit(replace(layer, temperature=chosen.temperature), chosen, stain)


def _folds(cells: Cells) -> np.ndarray:
    """The fold of each picture; whole groups, spread by label."""
    records = [replace(record, fold=None, split=None) for record in cells.records]
    count = min(_FOLDS, len(set(cells.groups.tolist())))
    folds = np.empty(len(records), np.int64)
    for number, split in enumerate(k_folds(records, count, 0, val_fraction=0)):
        folds[list(split.test)] = number
    return folds


def target_stain(card: Card) -> tuple[StainLooks | None, str]:
    """How the pictures look that a model was made for, and where that is not known, why not.

    An adapted model's card says it; otherwise the training data of the card are measured where they are at hand.
    """
    if card.parent is not None and card.parent.stain is not None:
        return card.parent.stain.found, ""
    try:
        records, config = held_out_of(card)[1], recipe_of(card).input
        order = np.random.default_rng(0).permutation(len(records))[:_STAIN_PICTURES]
        return stain_of(load_for([records[place] for place in order.tolist()], config)), ""
    except (UnmissedError, KeyError, ValueError) as error:  # the last two: a card without a recipe, or an older one
        return None, f"Colours were not adapted: the training pictures of {card.name} are not at hand ({error})."
