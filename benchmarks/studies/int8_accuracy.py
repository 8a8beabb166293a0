"""What int8 costs on labelled pictures: the figure of each file of a model on the same data, on this processor.

Classifiers run over the part that the card's split holds out; finders over every field of their dataset, most of which
they were trained on, since here only the difference between two files of one model is looked at.
"""

import argparse
from collections.abc import Mapping

import numpy as np

from unmissed.models import zoo
from unmissed.models.cards import Card
from unmissed.models.export import onnx_runner
from unmissed.training.evaluation.finds import recalls
from unmissed.training.evaluation.metrics import macro_f1
from unmissed.training.heatmaps.int8 import Compared
from unmissed.training.heatmaps.settings import scale_of
from unmissed.training.heatmaps.sources import load_named, split_sources
from unmissed.training.loading import load_for
from unmissed.training.renew import held_out_of, recipe_of

_BATCH = 16


def main() -> None:
    """Print a line for every file of the models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="shipped models")
    for name in parser.parse_args().models:
        card = zoo.resolve(name).card
        figures = _of_fields(card) if card.heatmap else _of_cells(card)
        for variant, words in figures.items():
            print(f"{name} {variant}: {words}", flush=True)


def _of_cells(card: Card) -> Mapping[str, str]:
    records, _ = held_out_of(card)
    images = load_for(records, recipe_of(card).input)
    labels = np.array([card.class_ids.index(record.label) for record in records])
    found = {}
    for variant in card.files:
        run = onnx_runner(zoo.resolve(card.name, variant).path, 2)
        found[variant] = np.concatenate([run(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)])
    figures = {variant: float(macro_f1(labels, values)[0]) for variant, values in found.items()}
    return {
        variant: f"macro-F1 {figure:.4f} of {len(labels)} cells; {_apart(found[variant], found['fp32'])}"
        for variant, figure in figures.items()
    }


def _of_fields(card: Card) -> Mapping[str, str]:
    recipe = recipe_of(card)
    heatmap, spec = recipe.heatmap, card.heatmap
    if heatmap is None or spec is None:
        raise SystemExit(f"{card.name} has no recipe of a heat map")
    scale = scale_of(recipe, heatmap)
    sources = split_sources(recipe, heatmap, by_picture=True)
    names = card.training["fields"]["test"] or [source.name_of(field) for source in sources for field in source.fields]
    fields = load_named(sources, names)
    compared = Compared(fields, heatmap, scale, spec.halo_px, 1)
    results = {}
    for variant in card.files:
        finds = compared.finds(onnx_runner(zoo.resolve(card.name, variant).path, 2))
        values = recalls(finds, (heatmap.operating_point,))[0]
        results[variant] = f"recall {float(values[0]):.4f} at {heatmap.operating_point:g}; {len(fields)} fields"
    return results


def _apart(found: np.ndarray, exact: np.ndarray) -> str:
    apart = np.abs(found - exact)
    same = (found.argmax(axis=1) == exact.argmax(axis=1)).mean()
    return f"off by {apart.max():.3f} at most, {apart.mean():.4f} in the mean; {same:.2%} with the same class"


if __name__ == "__main__":
    main()
