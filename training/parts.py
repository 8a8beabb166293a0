"""The pictures of a run: a dataset that was read, its split, and its parts ready for the network."""

import logging
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.duplicates import shared_digests, without_conflicts
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.images import crop_around, read_image
from unmissed.datasets.pictures.notes import NoteCount
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import get
from unmissed.datasets.splits import Split, holdout
from unmissed.datasets.tables import read_table, spellings
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.loading import load_pictures
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import DataConfig, InputConfig

log = logging.getLogger(__name__)

_EACH_LABEL = "label"  # what a group is where every label is one


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset that was read; the classes are those that have pictures, in the dataset's order."""

    info: DatasetInfo
    classes: tuple[ClassInfo, ...]
    records: list[Record]
    root: Path
    group_by: str


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


def read_data(config: DataConfig) -> Data:
    """Read the dataset of a recipe.

    Raises:
        DatasetError: When the folder is missing or has pictures of fewer than two classes.
    """
    dataset = get(config.dataset)
    root = dataset_root(config.dataset, config.root)
    records = _labelled(dataset.read(root), config)
    if config.groups != "dataset":
        records = [replace(record, group=own_group(record, config.groups, name_root(root))) for record in records]
    info, known = dataset.info, dataset.classes(records)
    for name in config.joined:
        further = _joined(name, config.groups, records)
        records += further.records
        known += tuple(item for item in further.classes if item.id not in {one.id for one in known})
        info = replace(
            info,
            title=f"{info.title}; {further.info.title}",
            licence=f"{info.licence}; {further.info.title}: {further.info.licence}",
            citation=f"{info.citation}; {further.info.citation}",
        )
    present = {record.label for record in records}
    classes = tuple(item for item in known if item.id in present)
    if len(classes) < 2:
        raise DatasetError(
            f"{config.dataset} has labelled pictures of {len(classes)} classes",
            expected="at least two classes",
            fix="check the folder, or choose a classification dataset",
        )
    group_by = {"picture": "picture", "none": _EACH_LABEL}.get(config.groups, dataset.info.group_by)
    return Data(info, classes, records, name_root(root), group_by)


def _labelled(records: list[Record], config: DataConfig) -> list[Record]:
    """The records of the labels that the recipe names."""
    missing = sorted(set(config.labels) - {record.label for record in records})
    if missing:
        raise DatasetError(
            f"{config.dataset} has no picture of {', '.join(missing)}", fix="correct data.labels, or add the pictures"
        )
    return [record for record in records if not config.labels or record.label in config.labels]


def _joined(name: str, groups: str, others: Sequence[Record]) -> Data:
    """A further dataset of a classifier; where the others have official folds, its groups are spread over them."""
    dataset, root = get(name), dataset_root(name)
    records = dataset.read(root)
    classes = dataset.classes(records)
    if any(record.mask is not None for record in records) and len(classes) != 1:
        raise DatasetError(f"{name} has masks of {len(classes)} classes", expected="one class, in data.joined")
    folds = sorted({record.fold for record in others if record.fold is not None})
    joined = []
    for record in records:
        own = record.group if groups == "dataset" else own_group(record, groups, name_root(root))
        fold = record.fold
        if fold is None and folds:
            fold = folds[zlib.crc32(own.encode("utf-8", "surrogateescape")) % len(folds)]
        label = record.label if record.mask is None else classes[0].id
        joined.append(replace(record, label=label, group=f"{name}/{own}", fold=fold))
    return Data(dataset.info, classes, joined, name_root(root), dataset.info.group_by)


def apart(data: Data, progress: RunProgress) -> Data:
    """Leave out what would be learned wrongly or tested on what was learned: see ``duplicates.without_conflicts``.

    Raises:
        DatasetError: When fewer than two classes are left.
    """
    paths = {record.path for record in data.records}
    digests = shared_digests(paths, progress.reading("all", len(paths)))
    join = data.group_by != _EACH_LABEL
    records, lines = without_conflicts(data.records, digests, data.root, join=join)
    for line in lines:
        log.warning("%s", line)
    present = {record.label for record in records}
    classes = tuple(item for item in data.classes if item.id in present)
    if len(classes) < 2:
        raise DatasetError(
            f"{data.info.title} is left with {len(classes)} classes: {lines[0]}",
            expected="pictures under one label each",
            fix="see `unmissed data verify`",
        )
    return replace(data, records=records, classes=classes)


def read_more_places(table: Path, records: Sequence[Record]) -> list[Record]:
    """Further places in the pictures of a dataset, for training only; they stay with the group of their picture.

    Raises:
        DatasetError: When a place is not in a picture of the dataset.
    """
    pictures = {record.path.resolve(): record for record in records}
    found = []
    for row in read_table(table, ("path", "label", "x_px", "y_px")):
        # Only pictures that the dataset itself has are ever opened, so a path of the table cannot lead elsewhere.
        first = next(
            filter(None, (pictures.get((table.parent / name).resolve()) for name in spellings(row["path"]))), None
        )
        try:
            centre = float(row["x_px"]), float(row["y_px"])
        except ValueError:
            centre = np.nan, np.nan
        if first is None or not np.isfinite(centre).all():
            raise DatasetError(
                f"{table} has a line that is not a place in a picture of the dataset: {row}",
                expected="path, label, x_px, y_px",
                fix="make the table again from this copy of the dataset",
            )
        found.append(replace(first, label=row["label"].strip(), centre_px=centre))
    return found


def own_group(record: Record, groups: str, root: Path) -> str:
    """The group of a record where the dataset's own groups are not used: its picture, or the very place in it."""
    return (replace(record, centre_px=None) if groups == "picture" else record).name(root)


def name_root(root: Path) -> Path:
    """The folder that the names of records are relative to: the dataset's, or the one of the user's table."""
    return root if root.is_dir() else root.parent


def only_split(data: Data, split: Split) -> Data:
    """Leave out the classes that have no picture in the split, as those that an official split does not use."""
    present = {data.records[index].label for part in (split.train, split.validation, split.test) for index in part}
    return replace(data, classes=tuple(item for item in data.classes if item.id in present))


def one_split(records: Sequence[Record], config: DataConfig) -> Split:
    """The official split or a hold-out; with a test fraction of 0 only the validation pictures are held out."""
    if config.test_fraction:
        return holdout(records, config.test_fraction, config.split_seed, val_fraction=config.validation_fraction)
    split = holdout(records, config.validation_fraction, config.split_seed, val_fraction=0, use_official=False)
    return Split(split.train, split.test, ())


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
