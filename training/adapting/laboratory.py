"""The labelled pictures of a new laboratory, as a model takes them and in its classes; enough of them, or none."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from unmissed.datasets.basis.configs import read_yaml
from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.basis.yaml_text import YamlTextError, parse_yaml
from unmissed.datasets.duplicates import shared_digests, without_conflicts
from unmissed.datasets.records import ClassInfo, Record
from unmissed.models.cards import Card
from unmissed.training.classifiers.targets import Targets, targets_of
from unmissed.training.data import Data, read_data, translated
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.data import DataConfig

LEAST_PICTURES, LEAST_GROUPS = 25, 4
NORMAL = "normal"  # the group of classes against which the others are told
_OWN = ("folder", "csv")  # datasets without a name of their own
Means = Mapping[str, tuple[str, ...]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Cells:
    """Labelled pictures.

    Attributes:
        records: their labels are classes of the model.
        pictures: uint8 (N, S, S, 3), as the model takes them.
        labels: int64 (N,), place of the label among the classes; of several that it means the first.
        targets: what each may be.
        sides: (N,) 0 normal, 1 abnormal, -1 where the label may be either.
        groups: (N,) patients, slides or pictures.
    """

    records: tuple[Record, ...]
    pictures: np.ndarray
    labels: np.ndarray
    targets: Targets
    sides: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.records)

    def take(self, places: Sequence[int] | np.ndarray) -> "Cells":
        """Some of them, in this order."""
        chosen = np.asarray(places, dtype=np.int64)
        return Cells(
            tuple(self.records[place] for place in chosen.tolist()),
            self.pictures[chosen],
            self.labels[chosen],
            Targets(self.targets.codes[chosen], self.targets.allowed),
            self.sides[chosen],
            self.groups[chosen],
        )


@dataclass(frozen=True, eq=False)
class Laboratory:
    """A laboratory by its name, its labelled pictures, and what is published of them."""

    name: str
    data: Data
    cells: Cells


def read_means(text: str) -> dict[str, tuple[str, ...]]:
    """What labels mean, from a YAML file or from YAML itself: ``{label: [classes]}``, or one class without brackets.

    Raises:
        ConfigError: When it is neither.
    """
    if "{" in text or (":" in text and not Path(text).is_file()):
        try:
            values: Any = parse_yaml(text)[0]
        except YamlTextError as error:
            raise ConfigError(f"the means cannot be read: {one_line(error)}", expected=_MEANS) from error
    else:
        values = read_yaml(Path(text), "table of means").values
    if not isinstance(values, dict) or not values:
        raise ConfigError(f"the means are {values!r}", expected=_MEANS)
    found = {
        str(label): tuple(map(str, classes)) if isinstance(classes, list) else (str(classes),)
        for label, classes in values.items()
        if classes
    }
    if len(found) < len(values):
        raise ConfigError("the means name a label without a class", expected=_MEANS, fix="leave such a label out")
    return found


_MEANS = "YAML as {label of the laboratory: [class of the model, ...]}"


def read_laboratory(
    card: Card,
    dataset: str,
    *,
    root: Path | None = None,
    means: Means | None = None,
    groups: Literal["dataset", "picture"] = "dataset",
    um_per_px: float | None = None,
    name: str | None = None,
) -> Laboratory:
    """Read the labelled pictures of a laboratory for a model.

    Args:
        card: of the model.
        dataset: its name, or ``folder`` or ``csv``.
        root: its folder or table.
        means: label -> classes of the model; labels that are not named are left out. None: the labels are classes.
        groups: what belongs together, see ``DataConfig.groups``.
        um_per_px: size of a pixel, where pictures do not say it.
        name: of the laboratory; None takes that of the dataset, or of its folder.

    Raises:
        ConfigError: When a label is no class of the model.
        DatasetError: When it is not there, or too few are labelled.
    """
    classes = tuple(ClassInfo(item.id, item.name, item.name_zh, item.group) for item in card.classes)
    data = read_data(DataConfig(dataset=dataset, root=root, groups=groups))
    labels = [item.id for item in data.classes]
    strange = sorted(set(labels) - set(card.class_ids))
    if means is None and strange:
        raise ConfigError(
            f"{dataset} has the labels {', '.join(strange)}, which {card.name} does not know",
            expected=f"labels {', '.join(card.class_ids)}",
            fix="say with --means which of these a label means; labels that it does not name are left out",
        )
    records = translated(data, means or {label: (label,) for label in labels}, classes)
    records = [replace(record, um_per_px=record.um_per_px or um_per_px) for record in records]
    records, lines = without_conflicts(
        records, shared_digests({record.path for record in records}), data.root, join=True
    )
    for line in lines:
        log.warning("%s", line)
    targets = targets_of(records, classes)
    normal = np.array([item.group.lower() == NORMAL for item in classes])
    sides = _sides(targets, normal, card.name)
    known = np.array([record.group for record in records], dtype=np.str_)
    check_enough(sides, known, f"{dataset} has")
    takes = card.picture_input
    pictures = load_pictures(
        records, takes.size_px, takes.fit, lambda: None, um_per_px=takes.um_per_px, area=takes.area
    )
    place = name or (data.root.name if dataset in _OWN else dataset)
    firsts = np.array([card.class_ids.index(record.label) for record in records], dtype=np.int64)
    return Laboratory(place, data, Cells(tuple(records), pictures, firsts, targets, sides, known))


def check_enough(sides: np.ndarray, groups: np.ndarray, whose: str, *, half: bool = False) -> None:
    """Refuse too few pictures.

    Args:
        sides, groups: of the pictures, as in ``Cells``.
        whose: begins the words.
        half: they are one of the two parts, and need only two groups and one of each side.

    Raises:
        DatasetError: Says how many there are, and how many are needed.
    """
    names = len(set(groups.tolist()))
    normal, abnormal = int((sides == 0).sum()), int((sides == 1).sum())
    of_normal, of_abnormal = (len(set(groups[sides == side].tolist())) for side in (0, 1))
    least = (0, 2, 1) if half else (LEAST_PICTURES, LEAST_GROUPS, 2)
    if len(sides) < least[0] or names < least[1] or min(of_normal, of_abnormal) < least[2]:
        raise DatasetError(
            f"{whose} {len(sides)} labelled pictures in {names} groups: {normal} normal in {of_normal} groups, "
            f"{abnormal} abnormal in {of_abnormal}",
            expected=f"at least {LEAST_PICTURES} pictures in {LEAST_GROUPS} groups, with normal and abnormal ones in "
            "two groups each: one part to fit on, one to judge by; some hundred are better",
            fix="label more pictures, of more patients or slides",
        )


def _sides(targets: Targets, normal: np.ndarray, name: str) -> np.ndarray:
    if not normal.any() or normal.all():
        raise ConfigError(
            f"{name} does not tell normal from abnormal", expected=f"classes of a group {NORMAL!r} and others"
        )
    own = targets.allowed[targets.codes]
    some_normal, some_other = own[:, normal].any(axis=1), own[:, ~normal].any(axis=1)
    return np.where(some_normal & some_other, -1, some_other.astype(np.int64))
