"""From a shipped classifier and the labelled pictures of a laboratory to a model of that laboratory, with its card."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.splits import holdout
from unmissed.models.cards import Card, DataSpec, Parent, Quantisation, save_card
from unmissed.models.export import check_parity, save_model
from unmissed.models.familiarity import Familiarity
from unmissed.models.zoo import ModelFile, resolve
from unmissed.training.adapting.fitting import Fit, fit, probabilities, target_stain
from unmissed.training.adapting.graph import ClassifierGraph
from unmissed.training.adapting.judging import Comparison, check_that_it_helps, compare, metrics_of_card
from unmissed.training.adapting.laboratory import Cells, Laboratory, check_enough
from unmissed.training.classifiers.int8 import quantise_classifier
from unmissed.training.exporting.familiarity import fit_familiarity
from unmissed.training.exporting.files import file_spec
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.parts import data_spec

HELD_OUT = 0.4  # of the pictures, to judge by
_CALIBRATION_PICTURES = 256


@dataclass(frozen=True, eq=False)
class Adapted:
    """An adapted model as it was written, what was fitted, and the figures before and after."""

    card: Card
    path: Path
    fit: Fit
    figures: Mapping[str, Comparison]


def classifier(model: str) -> ModelFile:
    """The fp32 file of a classifier.

    Raises:
        ModelError: When it is no classifier, or has no such file.
    """
    found = resolve(model, "fp32")
    if found.card.task != "classification":
        raise ModelError(f"{found.card.name} is a {found.card.task} model", expected="a classifier of pictures")
    return found


def adapt(
    parent: ModelFile,
    laboratory: Laboratory,
    output: Path | None = None,
    *,
    held_out: float = HELD_OUT,
    seed: int = 0,
    name: str | None = None,
    version: str = "1",
    int8: bool = True,
) -> Adapted:
    """Fit a classifier to a laboratory, judge it there, and write it if it is better.

    Args:
        parent: of ``classifier``.
        laboratory: of ``read_laboratory``.
        output: folder of the files; None takes ``runs/NAME-adapted``.
        held_out: share of the pictures, in whole groups, to judge by; an official test part goes before.
        seed: of that split.
        name: of the new model; None takes ``NAME-adapted``.
        version: of the new model.
        int8: try an int8 variant.

    Raises:
        DatasetError: When a part lacks normal or abnormal pictures.
        ModelError: When the adapted model is not better for certain; nothing is written then.
    """
    graph = ClassifierGraph(parent.path)
    fitting, held = divided(laboratory.cells, held_out, seed)
    target, said = target_stain(parent.card)
    found = fit(graph, fitting, target)
    before = probabilities(graph.last_layer, graph.features(held.pictures))
    after = found.probabilities(graph, held.pictures)
    figures = compare(held, before, after, [item.group for item in parent.card.classes])
    check_that_it_helps(figures, parent.card.name, laboratory.name, held)
    own = name or f"{parent.card.name}-adapted"
    folder = make_folder(output or Path("runs") / own)
    notes = [said] if said else []
    if any(spec.name == laboratory.data.info.name for spec in parent.card.data):
        notes.append(f"{parent.card.name} was trained on {laboratory.data.info.name}: its figures may be optimistic.")
    card = _write(parent, graph, laboratory, (fitting, held), found, folder / f"{own}.onnx", int8, after, notes)
    card = Card.model_validate(
        card.model_dump() | {"version": version, "metrics": metrics_of_card(figures, laboratory.name, held)}
    )
    path = folder / f"{own}.json"
    save_card(card, path)
    return Adapted(card, path, found, figures)


def divided(cells: Cells, held_out: float, seed: int) -> tuple[Cells, Cells]:
    """A part to fit on and one to judge by, in whole groups; each with normal and abnormal pictures.

    Raises:
        DatasetError: When one of them lacks a side.
    """
    split = holdout(cells.records, held_out, seed, val_fraction=0)
    fitting, held = cells.take([*split.train, *split.validation]), cells.take(split.test)
    for part, words in ((fitting, "the part to fit on has"), (held, "the part to judge by has")):
        check_enough(part.sides, part.groups, words, half=True)
    return fitting, held


def _write(
    parent: ModelFile,
    graph: ClassifierGraph,
    laboratory: Laboratory,
    parts: tuple[Cells, Cells],
    found: Fit,
    path: Path,
    int8: bool,
    expected: np.ndarray,
    notes: list[str],
) -> Card:
    """Write the files, and make the card, still with the version and the figures of its parent."""
    fitting, held = parts
    save_model(graph.with_parts(found.layer, found.table), path)
    parity = check_parity(path, expected, held.pictures)
    files, check = {"fp32": file_spec(path, "fp32", None)}, None
    if int8:
        small = path.with_suffix(".int8.onnx")
        check = _int8(path, small, fitting, held, expected)
        if check.accepted:
            files["int8"] = file_spec(small, "int8", None)
        else:
            small.unlink()
    card, place = parent.card, laboratory.name
    about = Parent(
        name=card.name,
        version=card.version,
        sha256=card.files["fp32"].sha256,
        laboratory=place,
        stain=found.stain,
        strength=found.chosen.strength if np.isfinite(found.chosen.strength) else None,
        notes=tuple(notes),
    )
    return card.model_copy(
        update={
            "name": path.stem,
            "title": f"{card.title}, adapted to {place}",
            "title_zh": f"{card.title_zh}（适配：{place}）",
            "files": files,
            "default_variant": "int8" if "int8" in files else "fp32",
            "training": {"adapted_with_pictures": len(fitting), "of_the_parent": dict(card.training)},
            "data": (*card.data, _data_of(card, laboratory, fitting, held)),
            "temperature": found.layer.temperature,
            "parity_max_abs_dp": parity,
            "quantisation": check,
            "known_answers": known_answers(path.parent, files, card.picture_input),
            "familiarity": familiarity_with(card.familiarity, laboratory),
            "parent": about,
            "limits": (*card.limits, f"Adapted to {place} with {len(fitting)} labelled pictures: not for others."),
        }
    )


def _int8(path: Path, small: Path, fitting: Cells, held: Cells, expected: np.ndarray) -> Quantisation:
    order = np.random.default_rng(0).permutation(len(fitting))[:_CALIBRATION_PICTURES]
    truth = held.pictures, held.labels, held.groups
    return quantise_classifier(path, small, truth, expected, fitting.pictures[order])


def _data_of(card: Card, laboratory: Laboratory, fitting: Cells, held: Cells) -> DataSpec:
    parts = {"train": fitting, "test": held}
    counts = {
        part: {name: int((cells.labels == index).sum()) for index, name in enumerate(card.class_ids)}
        for part, cells in parts.items()
    }
    groups = {part: len(set(cells.groups.tolist())) for part, cells in parts.items()}
    return DataSpec(**data_spec(laboratory.data.info, laboratory.data.group_by, counts, groups))


def familiarity_with(known: Familiarity | None, laboratory: Laboratory) -> Familiarity | None:
    """The sources of the parent, and the laboratory where it has groups enough for the one in a hundred."""
    cells = laboratory.cells
    own = fit_familiarity(cells.pictures, cells.groups, np.full(len(cells), laboratory.name))
    if own is None or known is None or known.statistics != own.statistics:
        return known if own is None or known is not None else own
    return known.model_copy(update={"sources": {**known.sources, **own.sources}})
