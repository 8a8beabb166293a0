"""Rebuild the int8 file and the known answers of finished models from their fp32 files and the data of their cards.

``python -m unmissed.training.renew MODEL ...`` renews shipped models in place; nothing is trained.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from unmissed.datasets.basis.errors import ConfigError, DatasetError, ModelError, run_main
from unmissed.datasets.records import Record
from unmissed.models import zoo
from unmissed.models.cards import Card, Quantisation, load_card, save_card
from unmissed.models.export import onnx_probabilities
from unmissed.models.familiarity import Familiarity, SlideFamiliarity
from unmissed.training.classifiers.int8 import quantise_classifier
from unmissed.training.data import read_data
from unmissed.training.export import calibration_pictures
from unmissed.training.exporting.familiarity import familiarity_of
from unmissed.training.exporting.files import file_spec
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.heatmaps.exporting import CANVASES, canvases_of, fields_of_run
from unmissed.training.heatmaps.int8 import Compared, try_int8
from unmissed.training.heatmaps.settings import scale_of
from unmissed.training.heatmaps.slide_familiarity import slide_familiarity_of
from unmissed.training.loading import load_for
from unmissed.training.parts import folds, one_split
from unmissed.training.recipes.config import TrainConfig


def renew_familiarity(card_path: Path) -> Card:
    """Measure anew how the training pictures of a classifier, or the fields of a finder of cells, look; save its card.

    Raises:
        UnmissedError: When the card or the data are not there, or it is another kind of model.
    """
    card = load_card(card_path)
    found: Familiarity | SlideFamiliarity | None
    if card.task == "classification":
        part, found = "familiarity", familiarity_of(held_out_of(card)[1], recipe_of(card))
    elif card.task == "heatmap" and card.picture_input.um_per_px is not None:
        recipe = recipe_of(card)
        part, found = "slide_familiarity", slide_familiarity_of(recipe, card.training["fields"]["train"])
    else:
        raise ModelError(f"{card.name} is a {card.task} model", expected="a classifier, or a finder of cells")
    renewed = card.model_copy(update={part: found})
    save_card(renewed, card_path)
    return renewed


def renew(card_path: Path) -> Card:
    """Renew one model and save its card.

    An int8 file that does not pass the check of ``unmissed export`` is removed.

    Without the data that the card names ($UNMISSED_DATA, or the place in its recipe) the int8 file stays as it is, and
    only the known answers are made.

    Raises:
        UnmissedError: When the card or a file is not there, or is damaged.
    """
    card, folder = load_card(card_path), card_path.parent
    files = dict(card.files)
    if "fp32" not in files:
        raise ModelError(f"{card_path} has no fp32 file", expected="fp32 beside the others", fix="export the run again")
    check = card.quantisation
    if "int8" in files:
        small = folder / files["int8"].file
        judge = _judge_fields if card.heatmap else _judge_pictures
        try:
            check = judge(card, folder / files["fp32"].file, small)
            print(f"{card.name}: int8 {'accepted' if check.accepted else 'not taken'}: {check.reason}")
        except (DatasetError, ConfigError) as error:
            print(f"{card.name}: int8 stays as it is: {error}")
        if check is None or check.accepted:
            files["int8"] = file_spec(small, "int8", None)
        else:
            small.unlink()
            del files["int8"]
    renewed = card.model_copy(
        update={
            "files": files,
            "default_variant": "int8" if "int8" in files else "fp32",
            "quantisation": check,
            "known_answers": known_answers(folder, files, card.input, card.heatmap),
        }
    )
    save_card(renewed, card_path)
    return renewed


def recipe_of(card: Card) -> TrainConfig:
    """The recipe of the card; fields that it lacks get their former fixed values.

    Raises:
        ModelError: When the model was adapted from another, and has none.
    """
    if card.parent is not None:
        raise ModelError(
            f"{card.name} was adapted from {card.parent.name} and has no recipe of its own",
            expected="a model that was trained",
            fix=f"renew {card.parent.name}, then adapt it again",
        )
    return TrainConfig.model_validate(cast(Mapping[str, Any], card.training["recipe"]))


def held_out_of(card: Card) -> tuple[list[Record], list[Record]]:
    """The records that the split of the card's recipe holds out, and the others; the first fold of several."""
    config = recipe_of(card).data
    data = read_data(config)
    split = folds(data.records, config.folds, config)[0] if config.folds else one_split(data.records, config)
    held_out = split.test or split.validation
    others = sorted({*split.train, *split.validation} - set(held_out))
    return [data.records[index] for index in held_out], [data.records[index] for index in others]


def _judge_pictures(card: Card, fp32: Path, target: Path) -> Quantisation:
    recipe = recipe_of(card)
    held_out, others = held_out_of(card)
    images = load_for(held_out, recipe.input)
    labels = np.array([card.class_ids.index(record.label) for record in held_out])
    groups = np.array([record.group for record in held_out], dtype=np.str_)
    calibration = calibration_pictures(others, recipe.input)
    return quantise_classifier(fp32, target, (images, labels, groups), onnx_probabilities(fp32, images), calibration)


def _judge_fields(card: Card, fp32: Path, target: Path) -> Quantisation:
    recipe = recipe_of(card)
    heatmap, spec = recipe.heatmap, card.heatmap
    if heatmap is None or spec is None:
        raise ValueError(f"{card.name} has no recipe of a heat map")
    training, held_out = fields_of_run(recipe, heatmap, card.training["fields"])
    canvases = canvases_of(training, heatmap.canvas_px, CANVASES)
    compared = Compared(held_out, heatmap, scale_of(recipe, heatmap), spec.halo_px, recipe.bootstrap)
    return try_int8(fp32, target, canvases, compared)


def main() -> None:
    """Renew the models that are named, or all shipped ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="shipped models or cards; none: all shipped models")
    parser.add_argument("--familiarity", action="store_true", help="only how the training pictures look")
    given = parser.parse_args()
    for name in given.models or zoo.names():
        if given.familiarity:
            card = renew_familiarity(zoo.find_card(name))
            found = card.familiarity or card.slide_familiarity
            print(f"{name}: {'too few groups' if found is None else ', '.join(sorted(set(found.sources)))}", flush=True)
            continue
        card = renew(zoo.find_card(name))
        parts = {part: spec.size_bytes for part, spec in card.files.items()}
        tolerances = [known.tolerance for known in card.known_answers]
        print(f"{card.name}: {parts} bytes, known answers within {tolerances}", flush=True)


if __name__ == "__main__":
    run_main(main)
