"""The parts of a split, with their pictures ready for the network."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unmissed.datasets.pictures.images import crop_around, read_image
from unmissed.datasets.pictures.notes import NoteCount
from unmissed.datasets.records import DatasetInfo, Record
from unmissed.datasets.splits import Split, holdout, k_folds
from unmissed.training.data import Data, present, source_of
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.config import InputConfig
from unmissed.training.recipes.data import DataConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SplitPart:
    """One part of a split: labels (N,), pictures uint8 (N, H, W, 3), and what is to be said of the pictures."""

    records: list[Record]
    labels: np.ndarray
    pictures: np.ndarray
    notes: NoteCount = field(default_factory=NoteCount)

    @property
    def usual_notes(self) -> list[str]:
        """Kinds of notes that hold for most of the pictures: what the model knows."""
        return self.notes.usual(len({record.path for record in self.records}))


def only_split(data: Data, split: Split) -> Data:
    """Leave out the classes that have no picture in the split, as those that an official split does not use."""
    used = [data.records[index] for part in (split.train, split.validation, split.test) for index in part]
    return replace(data, classes=present(data.classes, used))


def one_split(records: Sequence[Record], config: DataConfig) -> Split:
    """The official split, a hold-out, or the dataset that is left out as the test part; with a test fraction of 0 only
    the validation pictures are held out."""
    if config.leave_out is not None:
        test = tuple(i for i, record in enumerate(records) if source_of(record, config) == config.leave_out)
        rest = sorted(set(range(len(records))) - set(test))
        others = [records[i] for i in rest]
        split = holdout(others, config.validation_fraction, config.split_seed, val_fraction=0, use_official=False)
        return Split(tuple(rest[i] for i in split.train), tuple(rest[i] for i in split.test), test)
    if config.test_fraction:
        return holdout(records, config.test_fraction, config.split_seed, val_fraction=config.validation_fraction)
    split = holdout(records, config.validation_fraction, config.split_seed, val_fraction=0, use_official=False)
    return Split(split.train, split.test, ())


def folds(records: Sequence[Record], n: int, config: DataConfig) -> list[Split]:
    """The ``n`` folds of a recipe.

    Where there are no official ones, each dataset is divided by itself, so that the folds of the first stay what they
    are without the others, and fit those of another model of its pictures.
    """
    seed, share = config.split_seed, config.validation_fraction
    sources: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        sources.setdefault("" if record.fold is not None else source_of(record, config), []).append(place)
    parts = [
        (places, k_folds([records[place] for place in places], n, seed, val_fraction=share))
        for places in sources.values()
    ]

    def joined(sides: Iterable[tuple[Sequence[int], tuple[int, ...]]]) -> tuple[int, ...]:
        return tuple(sorted(places[index] for places, side in sides for index in side))

    return [
        Split(
            joined((places, split[fold].train) for places, split in parts),
            joined((places, split[fold].validation) for places, split in parts),
            joined((places, split[fold].test) for places, split in parts),
        )
        for fold in range(n)
    ]


def counted(records: Sequence[Record], config: DataConfig) -> list[int]:
    """Places of the records that figures are of: not those that are joined by meaning, whose class is not certain, but
    for a set that was left out to be tested.
    """
    if config.leave_out is not None:
        return list(range(len(records)))
    return [place for place, record in enumerate(records) if source_of(record, config) not in config.means]


def read_part(
    data: Data, indices: Sequence[int], size_px: int, config: InputConfig, on_read: Callable[[], None]
) -> SplitPart:
    """Read the pictures of one part at a size; what is to be said of them goes to the log, a line for each kind."""
    chosen = [data.records[index] for index in indices]
    order = {item.id: index for index, item in enumerate(data.classes)}
    labels = np.array([order[record.label] for record in chosen], dtype=np.int64)
    notes = NoteCount()
    pictures = load_pictures(chosen, size_px, config.fit, on_read, config.um_per_px, notes, config.area)
    for line in notes.lines():
        log.warning("%s", line)
    return SplitPart(chosen, labels, pictures, notes)


def predictions_of(data: Data, part: SplitPart, logits: np.ndarray) -> Predictions:
    """Logits (N, K) of a part, with all that evaluation needs to know."""
    return Predictions(
        classes=data.classes,
        labels=part.labels,
        logits=logits,
        groups=np.array([record.group for record in part.records]),
        paths=tuple(record.name(data.root) for record in part.records),
    )


def gallery(records: Sequence[Record], size_px: int) -> Callable[[int], np.ndarray]:
    """Give the report's gallery the picture of a record, or the surroundings of its place."""

    def picture(index: int) -> np.ndarray:
        record = records[index]
        image = read_image(record.path)
        return image if record.centre_px is None else crop_around(image, record.centre_px, size_px)

    return picture


def spec_of(data: Data, parts: dict[str, SplitPart]) -> dict[str, Any]:
    """What the model card says of the dataset of a classifier and its split."""
    counts = {
        name: {item.id: int((part.labels == index).sum()) for index, item in enumerate(data.classes)}
        for name, part in parts.items()
    }
    groups = {name: len({record.group for record in part.records}) for name, part in parts.items()}
    return data_spec(data.info, data.group_by, counts, groups)


def data_spec(
    info: DatasetInfo, group_by: str, counts: dict[str, dict[str, int]], groups: dict[str, int]
) -> dict[str, Any]:
    """What a model card says of a dataset; the fields are those of ``DataSpec``."""
    about = {name: getattr(info, name) for name in ("name", "title", "licence", "citation")}
    return {**about, "group_by": group_by, "counts": counts, "groups": groups}
