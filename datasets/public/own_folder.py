"""The user's own pictures in folders: one for each class, in parts of a split or in folds where there are any."""

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.locate import BY_NAME
from unmissed.datasets.public.own_table import check_labels, own_info
from unmissed.datasets.records import Record
from unmissed.datasets.registry import register
from unmissed.datasets.splits import PARTS, SplitName
from unmissed.datasets.trees import check_classes, plain, require_folder

log = logging.getLogger(__name__)

FOLDER = own_info(
    "folder",
    "your folder",
    "image; use `csv` to name patients or slides",
    "one sub-folder per class with pictures; above or below them train/, validation/ and test/, or fold1/, fold2/ ...",
)
_PART = re.compile(rf"({'|'.join(sorted(PARTS, key=len, reverse=True))})(set|data|images)?")
_FOLD = re.compile(r"(?:k?fold|cv)(\d{1,2})")


class _Found(NamedTuple):
    """A picture, and the names of the folders between the root and it."""

    path: Path
    folders: tuple[str, ...]


@register(FOLDER)
def read_folder(root: Path) -> list[Record]:
    """Read one class per sub-folder; parts of a split or folds may be above or below the folders of the classes.

    Pictures that lie beside these folders are left out and counted in a warning.

    Raises:
        DatasetError: When folders of parts or folds are mixed with others, a part or class is spelled in two ways, or a
            class is tested but never learned.
    """
    require_folder(root, FOLDER)
    found = [_Found(path, path.relative_to(root).parts[:-1]) for path in find_images(root)]
    above = _folders_above(found)
    found = [_Found(path, folders[above:]) for path, folders in found]
    depth = next((depth for depth in (0, 1) if _marks(root, found, depth)), None)
    if depth == 0 and _marks(root, found, 1):
        raise DatasetError(
            f"{root} holds a split within a split", expected=FOLDER.layout, fix="name one of its folders"
        )
    marks = {} if depth is None else _marks(root, found, depth)
    folds = sorted(mark for mark in marks.values() if isinstance(mark, int))
    records, loose = [], []
    for path, folders in found:
        mark = marks[folders[depth]] if depth is not None and len(folders) > depth else None
        label = next((name for place, name in enumerate(folders) if place != depth), None)
        if label is None or (mark is None and marks):
            loose.append(path.relative_to(root))
            continue
        fold, split = (folds.index(mark), None) if isinstance(mark, int) else (None, mark)
        records.append(Record(path, label, str(path.relative_to(root).with_suffix("")), fold=fold, split=split))
    labels = {record.label for record in records}
    if len(labels) == 1:
        common = os.path.commonpath([record.path.parent for record in records])
        raise DatasetError(
            f"{root} holds one class only, {labels.pop()}",
            expected=FOLDER.layout,
            fix=f"name the folder above those of the classes, with {BY_NAME}; all pictures are in {common}",
        )
    check_classes(root, FOLDER, labels, ())
    check_labels(FOLDER, records)
    if loose:
        log.warning("%d pictures beside the folders of classes are left out: %s", len(loose), first_few(loose))
    return records


def _folders_above(found: list[_Found]) -> int:
    """How many folders lie above a split, as those that an archive was unpacked into; 0 where there is no split."""
    depth = 0
    while names := {folders[depth] for _, folders in found if len(folders) > depth}:
        if all(_mark(name) is not None for name in names):
            return depth
        if len(names) > 1 or any(len(folders) <= depth for _, folders in found):
            return 0
        depth += 1
    return 0


def _marks(root: Path, found: list[_Found], depth: int) -> dict[str, SplitName | int]:
    """What the folders at a depth stand for, by name; empty where none is a part of a split or a fold."""
    names = sorted({folders[depth] for _, folders in found if len(folders) > depth})
    marks = {name: mark for name in names if (mark := _mark(name)) is not None}
    others = [name for name in names if name not in marks]
    if marks and (others or len({type(mark) for mark in marks.values()}) > 1):
        raise DatasetError(
            f"{root} holds {first_few([*marks])}, parts of a split, beside {first_few(others) or 'folds'}",
            expected=FOLDER.layout,
            fix=f"move {others[0] if others else 'the folds'} elsewhere, or rename what is a class",
        )
    for name, mark in marks.items():
        twin = next(other for other in marks if marks[other] == mark)
        if twin != name:
            raise DatasetError(f"{root} holds {twin} and {name}, the same part of a split", fix="join or rename them")
    return marks


def _mark(name: str) -> SplitName | int | None:
    if part := _PART.fullmatch(plain(name)):
        return PARTS[part[1]]
    fold = _FOLD.fullmatch(plain(name))
    return int(fold[1]) if fold else None
