"""The datasets of a recipe as they were read: records with their labels, groups and sources."""

import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.duplicates import shared_digests, without_conflicts
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import get
from unmissed.datasets.tables import read_table, spellings
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.data import DataConfig

log = logging.getLogger(__name__)

_NO_GROUPS = "none"
_EACH_LABEL = "label"  # what a group is where every label is one


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset that was read; the classes are those that have pictures, in the dataset's order."""

    info: DatasetInfo
    classes: tuple[ClassInfo, ...]
    records: list[Record]
    root: Path
    group_by: str


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
        if name in config.means:
            records += translated(further, config.means[name], known)
        else:
            records += further.records
            known += tuple(item for item in further.classes if item.id not in {one.id for one in known})
        info = replace(
            info,
            title=f"{info.title}; {further.info.title}",
            licence=f"{info.licence}; {further.info.title}: {further.info.licence}",
            citation=f"{info.citation}; {further.info.citation}",
        )
    classes = present(known, records)
    if len(classes) < 2:
        raise DatasetError(
            f"{config.dataset} has labelled pictures of {len(classes)} classes",
            expected="at least two classes",
            fix="check the folder, or choose a classification dataset",
        )
    group_by = {"picture": "picture", _NO_GROUPS: _EACH_LABEL}.get(config.groups, dataset.info.group_by)
    return Data(info, classes, records, name_root(root), group_by)


def _labelled(records: list[Record], config: DataConfig) -> list[Record]:
    """The records of the labels that the recipe names; a picture in which nothing is marked has none."""
    missing = sorted(set(config.labels) - {record.label for record in records})
    if missing:
        raise DatasetError(
            f"{config.dataset} has no picture of {', '.join(missing)}", fix="correct data.labels, or add the pictures"
        )
    if config.labels:
        return [record for record in records if record.label in config.labels]
    return [record for record in records if record.label or record.mask is not None]


def _joined(name: str, groups: str, others: Sequence[Record]) -> Data:
    """A further dataset of a classifier; where the others have official folds, its groups are spread over them."""
    dataset, root = get(name), dataset_root(name)
    records = [record for record in dataset.read(root) if record.label or record.mask is not None]
    classes = dataset.classes(records)
    if any(record.mask is not None for record in records) and len(classes) != 1:
        raise DatasetError(f"{name} has masks of {len(classes)} classes", expected="one class, in data.joined")
    folds = sorted({record.fold for record in others if record.fold is not None})
    joined = []
    for record in records:
        own = own_group(record, groups, name_root(root)) if groups == _NO_GROUPS else record.group
        fold = record.fold
        if fold is None and folds:
            fold = folds[zlib.crc32(own.encode("utf-8", "surrogateescape")) % len(folds)]
        label = record.label if record.mask is None else classes[0].id
        joined.append(replace(record, label=label, group=f"{name}/{own}", fold=fold))
    return Data(dataset.info, classes, joined, name_root(root), dataset.info.group_by)


def translated(data: Data, means: Mapping[str, tuple[str, ...]], classes: Sequence[ClassInfo]) -> list[Record]:
    """The records whose label means something in these classes, with that as their labels."""
    labels, names = {item.id for item in data.classes}, {item.id for item in classes}
    strange = sorted(set(means) - labels) + sorted({name for found in means.values() for name in found} - names)
    if strange:
        raise DatasetError(
            f"means of {data.info.name} names {', '.join(strange)}",
            expected=f"labels {', '.join(sorted(labels))}, each with some of {', '.join(sorted(names))}",
            fix="correct what the labels mean",
        )
    own_um = data.info.um_per_px
    left_out = sum(record.label not in means for record in data.records)
    if left_out:
        log.warning("%s: %d pictures whose label means does not name are left out", data.info.name, left_out)
    return [
        replace(
            record,
            label=means[record.label][0],
            or_labels=means[record.label][1:],
            um_per_px=record.um_per_px or own_um,
        )
        for record in data.records
        if record.label in means
    ]


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
    classes = present(data.classes, records)
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


def present(classes: Sequence[ClassInfo], records: Sequence[Record]) -> tuple[ClassInfo, ...]:
    """The classes that some record has, or may have."""
    found = {name for record in records for name in (record.label, *record.or_labels)}
    return tuple(item for item in classes if item.id in found)


def source_of(record: Record, config: DataConfig) -> str:
    """The dataset that a record of a recipe comes from."""
    return next((name for name in config.joined if record.group.startswith(f"{name}/")), config.dataset)
