"""Datasets by name: readers register themselves with a decorator and are imported when a name is first asked for."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import unknown_name
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record

Reader = Callable[[Path], list[Record]]

_datasets: dict[str, "PublicDataset"] = {}


@dataclass(frozen=True)
class PublicDataset:
    """A dataset: what is published about it, and the function that reads its folder."""

    info: DatasetInfo
    read: Reader

    def classes(self, records: Sequence[Record]) -> tuple[ClassInfo, ...]:
        """Return the published classes; for user folders and tables the labels that were found, sorted."""
        if self.info.classes:
            return self.info.classes
        return tuple(ClassInfo(label, label, label) for label in sorted({r.label for r in records if r.label}))


def register(info: DatasetInfo) -> Callable[[Reader], Reader]:
    """Decorate a reader ``read(root) -> list[Record]`` to make it known under ``info.name``.

    Raises:
        ValueError: When the name is already taken.
    """

    def add(read: Reader) -> Reader:
        if info.name in _datasets:
            raise ValueError(f"two datasets are named {info.name!r}")
        _datasets[info.name] = PublicDataset(info, read)
        return read

    return add


def get(name: str) -> PublicDataset:
    """Find a dataset by name.

    Raises:
        DatasetError: For an unknown name; the message lists the closest ones.
    """
    if name not in names():
        raise unknown_name(DatasetError, "dataset", name, names(), otherwise="`unmissed data list` describes them")
    return _datasets[name]


def names() -> list[str]:
    """Names of all datasets, sorted."""
    package = importlib.import_module("unmissed.datasets.public")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"unmissed.datasets.public.{module.name}")
    return sorted(_datasets)
