"""Measure a model on a dataset: the classifier is passed in, so that evaluation does not depend on a runtime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.duplicates import find_duplicates, shared_digests
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.images import crop_around, read_image
from unmissed.datasets.records import ClassInfo, Record
from unmissed.datasets.registry import PublicDataset, get
from unmissed.models.cards import Card
from unmissed.models.zoo import ModelFile
from unmissed.training.evaluation.evaluate import Evaluation
from unmissed.training.evaluation.outputs import write_evaluation
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.remarks import Remarks

Classify = Callable[[Sequence[Record]], np.ndarray]
"""Labelled records -> probabilities (N, K) in the order of the card's classes, as ``Predictor.classify_records``."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A model on a dataset: the figures, where they were written, and what limits them."""

    evaluation: Evaluation
    folder: Path
    notes: tuple[str, ...]


def measure_model(
    model: ModelFile,
    classify: Classify,
    data: str,
    *,
    root: Path | None = None,
    output: Path | None = None,
    runtime: str = "",
    notes: Sequence[str] = (),
    **settings: Any,
) -> Measured:
    """Run a classifier over the labelled pictures of a dataset and write the evaluation.

    Only the official test part is measured where the dataset has one.

    Args:
        model: the file that runs.
        classify: runs it.
        data: name of the dataset.
        root: its folder; None takes $UNMISSED_DATA/<dataset>.
        output: folder of the evaluation; None takes runs/<model>-on-<data>.
        runtime: what runs the model, for the report.
        notes: what the choice of the model's file has to say.
        settings: see ``write_evaluation`` (``n_bootstrap``, ``seed``).

    Raises:
        ConfigError: When the records have classes that the model does not know.
        DatasetError: When the dataset is not there or has no labels.
        ImageError: For the first picture that cannot be read.
    """
    dataset, place = get(data), dataset_root(data, root)
    with Remarks(place) as remarks:
        records, said = _records(dataset, place, model.card)
        predictions = _predictions(model.card, classify, records, place)
    card, said = model.card, [*notes, *said, *remarks.lines]

    def picture(index: int) -> np.ndarray:
        record = records[index]
        image = read_image(record.path)
        return image if record.centre_px is None else crop_around(image, record.centre_px, card.picture_input.size_px)

    where = output or Path("runs") / f"{card.name}-on-{data}"
    predictions.save(where / "test_predictions.csv")
    evaluation = write_evaluation(
        where,
        predictions,
        title=f"{card.title}: {dataset.info.title}",
        config={"model": card.name, "version": card.version, "variant": model.variant, "runtime": runtime},
        picture=picture,
        notes=[*said, "The temperature is inside the model: before and after calibration are the same here."],
        facts={"Model": f"{card.name} {card.version}", "Data set": dataset.info.title},
        **settings,
    )
    return Measured(evaluation, where, tuple(said))


def _records(dataset: PublicDataset, place: Path, card: Card) -> tuple[list[Record], list[str]]:
    """The records that are measured, and what limits the figures."""
    everything = dataset.read(place)
    records = [record for record in everything if record.label]
    if not records:
        raise DatasetError(f"{dataset.info.name} has no labelled pictures", expected="a classification dataset")
    said = []
    if len(everything) > len(records):
        said.append(f"{len(everything) - len(records)} pictures without a label were left out.")
    if any(record.split == "test" for record in records):
        records = [record for record in records if record.split == "test"]
        said.append("Only the official test part was measured.")
    elif any(spec.name == dataset.info.name for spec in card.data):
        name = dataset.info.name
        said.append(f"{card.name} was trained on {name}: on pictures it has seen, the figures are optimistic.")
    found = find_duplicates(records, shared_digests(record.path for record in records))
    labelled = [" = ".join(path.name for path in one.paths) for one in found if one.labels]
    if labelled:
        said.append(f"{len(labelled)} of the pictures are under more than one label: {first_few(labelled)}")
    copies = sum(len(one.paths) - 1 for one in found)
    if copies:
        said.append(f"{copies} of the pictures are copies of others, and count more than once.")
    return records, said


def _predictions(card: Card, classify: Classify, records: Sequence[Record], root: Path) -> Predictions:
    """The card's probabilities are calibrated, so their logarithms serve as logits."""
    index = {name: number for number, name in enumerate(card.class_ids)}
    strange = sorted({record.label for record in records} - set(index))
    if strange:
        raise ConfigError(
            f"{card.name} does not know the classes {', '.join(strange)}",
            expected=f"pictures of {', '.join(index)}",
            fix="choose the dataset that the model was made for; see `unmissed models info`",
        )
    return Predictions(
        classes=tuple(ClassInfo(c.id, c.name, c.name_zh, c.group) for c in card.classes),
        labels=np.array([index[record.label] for record in records], dtype=np.int64),
        logits=np.log(np.maximum(classify(records).astype(np.float64), 1e-12)),
        groups=np.array([record.group for record in records], dtype=np.str_),
        paths=tuple(record.name(root) for record in records),
    )
