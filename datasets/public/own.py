"""The user's own pictures: a folder per class, or a table."""

from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.records import DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.splits import SplitName
from unmissed.datasets.trees import check_classes, inside, read_table, report_absent, require_folder

_PARTS: dict[str, SplitName] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def _own(name: str, title: str, group_by: str, layout: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        title=title,
        task="classification",
        classes=(),
        counts={},
        group_by=group_by,
        layout=layout,
        licence="yours",
        citation="",
        homepage="",
    )


FOLDER = _own(
    "folder",
    "your folder",
    "image; use `csv` to name patients or slides",
    "one sub-folder per class with pictures, or train/, validation/ and test/ with such sub-folders",
)
CSV = _own(
    "csv",
    "your table",
    "column group, else image",
    "a CSV file, or a folder with labels.csv: columns path,label and, as needed, group,split,fold,x_px,y_px,um_per_px",
)


@register(FOLDER)
def read_folder(root: Path) -> list[Record]:
    """Read one class per sub-folder; the class is the folder right below the root (or below train, test, ...)."""
    require_folder(root, FOLDER)
    tops = {path.name.lower() for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    has_parts = bool(tops) and tops <= _PARTS.keys()
    records = []
    for path in find_images(root):
        parts = path.relative_to(root).parts[:-1]
        part = _PARTS[parts[0].lower()] if has_parts and parts else None
        below = parts[1:] if has_parts else parts
        if below:
            records.append(Record(path, below[0], str(path.relative_to(root).with_suffix("")), split=part))
    check_classes(root, FOLDER, {r.label for r in records}, ())
    return records


@register(CSV)
def read_csv(root: Path) -> list[Record]:
    """Read a table; paths are relative to the folder of the table and must stay inside it."""
    table = root if root.is_file() else require_folder(root, CSV) / "labels.csv"
    if not table.is_file():
        raise DatasetError(f"no labels.csv in {root}", expected=CSV.layout, fix="name the table with --root")
    records, absent = [], 0
    for number, row in enumerate(read_table(table, ("path", "label")), start=2):
        path = inside(table.parent, row["path"], table)
        if path.is_file():
            records.append(_record(path, row, f"{table.name}, line {number}"))
        else:
            absent += 1
    report_absent(CSV, table, absent, len(records))
    return records


def _record(path: Path, row: dict[str, str], place: str) -> Record:
    label, part = row["label"].strip(), row.get("split", "").strip().lower()
    if not label:
        raise DatasetError(f"{place} has no label", fix="fill it in, or take the line out")
    if part and part not in _PARTS:
        raise DatasetError(f"{place} has the split {part!r}", expected="train, validation or test")
    x, y = _number(row, "x_px", place), _number(row, "y_px", place)
    if (x is None) != (y is None):
        raise DatasetError(f"{place} has only one of x_px and y_px", expected="both or none")
    fold = _number(row, "fold", place)
    return Record(
        path,
        label,
        row.get("group", "").strip() or row["path"],
        fold=None if fold is None else int(fold),
        split=_PARTS[part] if part else None,
        centre_px=None if x is None or y is None else (x, y),
        um_per_px=_number(row, "um_per_px", place),
    )


def _number(row: dict[str, str], column: str, place: str) -> float | None:
    text = row.get(column, "").strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise DatasetError(f"{place}: {column} is {text!r}", expected="a number") from error
