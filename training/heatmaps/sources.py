"""A dataset as a heat-map model learns from it: its fields, and what a model card says of them."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.duplicates import shared_digests, without_conflicts
from unmissed.datasets.fields import MarkedField, fields_of
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get
from unmissed.training.data import name_root, own_group
from unmissed.training.heatmaps.data import LabelledField, Scale, load_fields
from unmissed.training.heatmaps.settings import scale_of
from unmissed.training.parts import data_spec
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig

log = logging.getLogger(__name__)


class Negatives:
    """Whole pictures of a dataset that show nothing of what is to be found.

    Args:
        name: of the dataset.
        labels: of its pictures that are taken.
        held_out: official folds that are not taken.

    Attributes:
        name, fields: as of ``FieldSource``.

    Raises:
        ConfigError: When it has no picture of such a label.
    """

    def __init__(
        self, name: str, labels: Sequence[str], heatmap: HeatmapConfig, scale: Scale, held_out: Collection[int] = ()
    ) -> None:
        dataset, place = get(name), dataset_root(name, None)
        self.name, self._info, self._heatmap, self._scale = name, dataset.info, heatmap, scale
        self._root = name_root(place)
        records = dataset.read(place)
        missing = sorted(set(labels) - {record.label for record in records})
        if missing:
            raise ConfigError(f"{name} has no picture of {', '.join(missing)}", fix="correct data.negatives")
        chosen = [record for record in records if record.label in labels and record.fold not in held_out]
        self._labels = {record.path: record.label for record in chosen}
        self.fields = [MarkedField(record.path, dataset.info.um_per_px, record.group, (), True) for record in chosen]

    def load(self, on_read: Callable[[], None]) -> list[LabelledField]:
        """Read the pictures."""
        return load_fields(self.fields, self._root, self._heatmap, self._scale, (), on_read)

    def spec(self) -> dict[str, Any]:
        """What the model card says of them."""
        groups = len({field.group for field in self.fields})
        kept = [self._labels[field.path] for field in self.fields]
        counts = {label: kept.count(label) for label in dict.fromkeys(self._labels.values())}
        return data_spec(self._info, self._info.group_by, {"train": counts}, {"train": groups})


class FieldSource:
    """The fields of one dataset.

    Args:
        name: of the dataset.
        place: its folder, or None where it lies by rule.
        by_picture: whether a group is one picture, and not what the dataset says.
        prefix: before the names of its fields and groups, where several datasets are split together.

    Attributes:
        name: of the dataset.
        labels: of the dataset; where masks show several, the first is red in them and the second green.
        records: as the dataset lists them, with their groups.
        fields: the pictures with their marks.
        root: folder that the names of fields are relative to.

    Raises:
        ConfigError, DatasetError: When the recipe names labels that the dataset has not, or there are no marks in its
            pictures.
    """

    def __init__(
        self,
        name: str,
        place: Path | None,
        heatmap: HeatmapConfig,
        scale: Scale,
        *,
        by_picture: bool,
        prefix: str = "",
    ) -> None:
        dataset, place = get(name), dataset_root(name, place)
        self.name, self._heatmap, self._scale, self._prefix = name, heatmap, scale, prefix
        self._info, self._by_picture = dataset.info, by_picture
        self.root = name_root(place)
        self.records = dataset.read(place)
        if by_picture:  # a field is learned as a whole, so its labels cannot part
            self.records = [replace(record, group=own_group(record, "picture", self.root)) for record in self.records]
        self.records = [replace(record, group=prefix + record.group) for record in self.records]
        self.labels = tuple(item.id for item in dataset.classes(self.records))
        names, meanings = list(heatmap.classes), heatmap.meanings
        targets = {names.index(target) for target in heatmap.target}
        self._normal = {
            label for label in self.labels if label not in meanings or not targets.intersection(meanings[label][1])
        }
        self.take(self.records)
        if not self.fields:
            raise DatasetError(f"{name} marks nothing in its pictures", expected="labelled places or masks")

    def take(self, records: list[Record]) -> None:
        """Go on with these records of the dataset."""
        self.records = records
        self.fields = fields_of(records, self._normal, self._info.um_per_px)

    def name_of(self, field: MarkedField) -> str:
        """Its path below the dataset's folder, after the prefix: the same on every machine."""
        return self._prefix + field.name(self.root)

    def load(self, fields: Sequence[MarkedField], on_read: Callable[[], None]) -> list[LabelledField]:
        """Read fields, in their order."""
        loaded = load_fields(fields, self.root, self._heatmap, self._scale, self.labels, on_read)
        return [replace(field, name=self._prefix + field.name) for field in loaded]

    def spec(self, parts: Mapping[str, Sequence[LabelledField]]) -> dict[str, Any]:
        """What the model card says of the dataset and its split."""
        labels = [label for label in self._heatmap.meanings if label in self.labels]
        counts = {
            name: {label: sum(field.labels.count(label) for field in fields) for label in labels}
            for name, fields in parts.items()
        }
        groups = {name: len({field.group for field in fields}) for name, fields in parts.items()}
        return data_spec(self._info, "picture" if self._by_picture else self._info.group_by, counts, groups)


def split_sources(config: TrainConfig, heatmap: HeatmapConfig, *, by_picture: bool) -> list[FieldSource]:
    """The datasets of a recipe that are split; the names of the joined ones stand before their fields and groups."""
    data, scale = config.data, scale_of(config, heatmap)
    first = FieldSource(data.dataset, data.root, heatmap, scale, by_picture=by_picture)
    joined = [FieldSource(name, None, heatmap, scale, by_picture=by_picture, prefix=f"{name}/") for name in data.joined]
    return [first, *joined]


def load_named(sources: Sequence[FieldSource], names: Sequence[str]) -> list[LabelledField]:
    """Read the fields of these names, in their order."""
    wanted = set(names)
    loaded: dict[str, LabelledField] = {}
    for source in sources:
        own = [field for field in source.fields if source.name_of(field) in wanted]
        loaded |= {field.name: field for field in source.load(own, lambda: None)}
    return [loaded[name] for name in names if name in loaded]


def check_labels(heatmap: HeatmapConfig, sources: Sequence[FieldSource]) -> None:
    """Check that every label of a recipe is one of some dataset.

    Raises:
        ConfigError: When it is not.
    """
    labels = {label for source in sources for label in source.labels}
    if strange := heatmap.meanings.keys() - labels:
        raise ConfigError(
            f"heatmap.classes or heatmap.either names {', '.join(sorted(strange))}",
            expected=f"labels of {', '.join(source.name for source in sources)}: {', '.join(sorted(labels))}",
            fix="correct the label",
        )


def keep_apart(split: Sequence[FieldSource], others: Sequence[FieldSource | Negatives], progress: RunProgress) -> None:
    """Leave out copies of pictures: on two sides of a split, and in every dataset those of the ones before it.

    Args:
        split: datasets that are split, the first one first.
        others: that are only learned from.
    """
    paths = [field.path for one in (*split, *others) for field in one.fields]
    digests = shared_digests(paths, progress.reading("all", len(set(paths))))
    seen: set[str] = set()
    lines = []
    for source in (*split, *others):
        if isinstance(source, FieldSource) and source in split:
            records, found = without_conflicts(source.records, digests, source.root)
            source.take(records)
            lines += found
        kept = [field for field in source.fields if digests.get(field.path) not in seen]
        copies = len(source.fields) - len(kept)
        if copies:
            lines.append(f"{source.name}: {copies} picture{'s' * (copies > 1)} of the datasets before it left out")
        source.fields = kept
        seen |= {digests[field.path] for field in kept if field.path in digests}
    for line in lines:
        log.warning("%s", line)
