"""What a model said about a set of pictures, with the truth beside it; saved as CSV so that anyone can recompute."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json, write_json, write_whole
from unmissed.datasets.basis.names import from_cell, table_cell
from unmissed.datasets.records import ClassInfo

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]

CLASSES_FILE = "classes.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits and truth of N pictures over K classes.

    Attributes:
        classes: the K classes, in the order of the model's outputs.
        labels: (N,) integers, index of the true class.
        logits: (N, K) finite numbers before the softmax (logarithms of probabilities will do).
        groups: (N,) strings; pictures of one group (slide, patient, video) are not independent.
        paths: N names of the pictures, for the reader of the report.

    Raises:
        DatasetError: When the shapes do not fit together or a value is out of range.
    """

    classes: tuple[ClassInfo, ...]
    labels: IntArray
    logits: FloatArray
    groups: NDArray[np.str_]
    paths: tuple[str, ...]

    def __post_init__(self) -> None:
        labels, logits = np.asarray(self.labels), np.asarray(self.logits, dtype=np.float64)
        n, k = labels.size, len(self.classes)
        if k < 2 or len({c.id for c in self.classes}) < k:
            raise DatasetError(
                f"{k} classes: {', '.join(c.id for c in self.classes)}", expected="two or more, all different"
            )
        if labels.ndim != 1 or n == 0 or not np.issubdtype(labels.dtype, np.integer):
            raise DatasetError(
                f"labels have shape {labels.shape} and type {labels.dtype}",
                expected="one whole number for each picture",
            )
        if logits.shape != (n, k):
            raise DatasetError(f"logits have shape {logits.shape}", expected=f"({n}, {k}): pictures x classes")
        if len(self.groups) != n or len(self.paths) != n:
            raise DatasetError(f"{len(self.groups)} groups and {len(self.paths)} paths", expected=f"{n} of each")
        if labels.min() < 0 or labels.max() >= k:
            raise DatasetError(f"labels run from {labels.min()} to {labels.max()}", expected=f"0 to {k - 1}")
        if not np.isfinite(logits).all():
            row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
            raise DatasetError(
                f"the logits of {self.paths[row]} are not finite",
                expected="numbers",
                fix="check that training converged",
            )
        for name, value in (
            ("labels", labels.astype(np.int64)),
            ("logits", logits),
            ("groups", np.asarray(self.groups, dtype=np.str_)),
            ("paths", tuple(str(path) for path in self.paths)),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, places: Sequence[int]) -> "Predictions":
        """The predictions of some pictures, at least one."""
        rows = np.array(places, dtype=np.int64)
        paths = tuple(self.paths[row] for row in places)
        return Predictions(self.classes, self.labels[rows], self.logits[rows], self.groups[rows], paths)

    @property
    def n_groups(self) -> int:
        """Number of different groups."""
        return int(np.unique(self.groups).size)

    def probabilities(self, temperature: float | FloatArray = 1.0) -> FloatArray:
        """Softmax of the logits over ``temperature`` (one number, or one per picture), shape (N, K).

        Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
        """
        return softmax(self.logits / np.reshape(np.asarray(temperature, dtype=np.float64), (-1, 1)))

    def save(self, path: Path) -> None:
        """Write the CSV ``path,group,label,logit_<class>...`` and, beside it, classes.json with the class names."""
        with write_whole(path) as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "group", "label", *(f"logit_{c.id}" for c in self.classes)])
            for name, group, label, row in zip(self.paths, self.groups, self.labels, self.logits, strict=True):
                words = map(table_cell, (name, str(group), self.classes[label].id))
                writer.writerow([*words, *(f"{value:.9g}" for value in row)])
        write_json(path.parent / CLASSES_FILE, [asdict(c) for c in self.classes])


def softmax(logits: FloatArray) -> FloatArray:
    """Row-wise softmax of (N, K) numbers, safe from overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def load_predictions(path: Path) -> Predictions:
    """Read a CSV that ``Predictions.save`` wrote.

    The classes are read from classes.json in the same folder; without that file (the log says so) the class ids are
    used as the names.

    Raises:
        DatasetError: When the file is missing, is not in this format or a row is damaged (its line is named).
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            rows = [(reader.line_num, [*map(from_cell, row[:3]), *row[3:]]) for row in reader if row]
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist", expected="the predictions of a finished run") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read: {error}", expected="a CSV file in UTF-8") from error
    if header[:3] != ["path", "group", "label"] or not all(c.startswith("logit_") for c in header[3:]):
        raise DatasetError(
            f"the first line of {path} is {','.join(header)[:120]!r}", expected="path,group,label,logit_<class>,..."
        )
    ids = [column.removeprefix("logit_") for column in header[3:]]
    known = _classes_beside(path, ids)
    if [c.id for c in known] != ids:
        raise DatasetError(
            f"{path} has the classes {', '.join(ids)}", expected=f"{', '.join(c.id for c in known)}, in this order"
        )
    index = {name: number for number, name in enumerate(ids)}
    labels, logits = [], []
    for line, row in rows:
        if len(row) != len(header) or row[2] not in index:
            raise DatasetError(f"line {line} of {path} is damaged", expected=f"{len(header)} columns and a known label")
        try:
            logits.append([float(value) for value in row[3:]])
        except ValueError as error:
            raise DatasetError(f"line {line} of {path}: {error}", expected="numbers as logits") from error
        labels.append(index[row[2]])
    if not rows:
        raise DatasetError(f"{path} has no rows", expected="one line for each picture")
    return Predictions(
        classes=known,
        labels=np.array(labels, dtype=np.int64),
        logits=np.array(logits, dtype=np.float64),
        groups=np.array([row[1] for _, row in rows], dtype=np.str_),
        paths=tuple(row[0] for _, row in rows),
    )


def concat(parts: Sequence[Predictions]) -> Predictions:
    """Pool predictions, for example the test folds of a cross-validation.

    Raises:
        DatasetError: When there is nothing to pool or the classes differ.
    """
    if not parts:
        raise DatasetError("nothing to pool", expected="the predictions of one fold or more")
    if any(part.classes != parts[0].classes for part in parts):
        raise DatasetError("the folds have different classes", expected="the same classes in the same order")
    return Predictions(
        classes=parts[0].classes,
        labels=np.concatenate([part.labels for part in parts]),
        logits=np.concatenate([part.logits for part in parts]),
        groups=np.concatenate([part.groups for part in parts]),
        paths=tuple(path for part in parts for path in part.paths),
    )


def _classes_beside(path: Path, ids: Sequence[str]) -> tuple[ClassInfo, ...]:
    beside = path.parent / CLASSES_FILE
    try:
        classes = tuple(ClassInfo(**entry) for entry in read_json(beside))
        if not all(isinstance(value, str) for info in classes for value in asdict(info).values()):
            raise ValueError("something in it is no text")
        return classes
    except FileNotFoundError:
        _log.warning("%s is missing: class ids are used as names, and no groups are known", beside)
        return tuple(ClassInfo(name, name, name) for name in ids)
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{beside} cannot be read: {error}", expected="a list of id, name, name_zh, group"
        ) from error
