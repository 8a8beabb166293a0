"""The user's own pictures in a table."""

import logging
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.locate import BY_NAME
from unmissed.datasets.records import DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.splits import PARTS
from unmissed.datasets.tables import TableRow, cell_number, inside, is_file, read_table, report_absent
from unmissed.datasets.trees import require_folder

log = logging.getLogger(__name__)

_NO_LABEL = frozenset({"nan", "none", "null", "nil", "na", "n/a", "#n/a", "<na>"})  # as programs write an empty cell


def own_info(name: str, title: str, group_by: str, layout: str) -> DatasetInfo:
    """What is known of pictures of the user."""
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


CSV = own_info(
    "csv",
    "your table",
    "column group, else image",
    "a CSV file, or a folder with labels.csv: columns path,label and, as needed, group,split,fold,x_px,y_px,um_per_px",
)


@register(CSV)
def read_csv(root: Path) -> list[Record]:
    """Read a table; paths are relative to the folder of the table and must stay inside it.

    Rows that repeat another, and rows without a picture, are left out and counted in a warning.

    Raises:
        DatasetError: When a cell cannot be what it should, two rows contradict each other, a label is spelled in two
            ways, or a class is tested but never learned.
    """
    table = root if root.is_file() else require_folder(root, CSV) / "labels.csv"
    if not table.is_file():
        raise DatasetError(f"no labels.csv in {root}", expected=CSV.layout, fix=f"name the table with {BY_NAME}")
    places: dict[tuple[Path, tuple[float, float] | None], tuple[Record, int]] = {}
    absent, repeated = [], []
    for row in read_table(table, ("path", "label")):
        path = inside(table.parent, row["path"], table)
        if not is_file(path):
            absent.append(row["path"])
            continue
        record = _record(table.parent, path, row, f"{table.name}, line {row.line}")
        other, line = places.setdefault((path, record.centre_px), (record, row.line))
        if other != record:
            raise DatasetError(
                f"{table.name}, line {row.line}, contradicts line {line}: both are of {row['path']}",
                expected="one label, group and part for each place",
                fix="take one of the lines out",
            )
        if line != row.line:
            repeated.append(row.line)
    records = [record for record, _ in places.values()]
    report_absent(CSV, table, absent, len(records))
    if repeated:
        log.warning("%s: %d rows repeat another one: line %s", table.name, len(repeated), first_few(repeated))
    check_labels(CSV, records)
    return records


def check_labels(info: DatasetInfo, records: Sequence[Record]) -> None:
    """Refuse labels that are one class spelled in two ways, and a split whose test has classes that nobody learns.

    Raises:
        DatasetError: Names the labels.
    """
    spelled: dict[str, str] = {}
    odd = sorted({record.label for record in records if not record.label.isprintable()})
    if odd:
        raise DatasetError(f"{info.title} has a class whose name cannot be written: {odd[0]!r}", fix="rename it")
    for label in sorted({record.label for record in records}):
        other = spelled.setdefault(" ".join(normalize("NFKC", label).casefold().split()), label)
        if other != label:
            raise DatasetError(f"{info.title} has the classes {other!r} and {label!r}", fix="spell them alike")
    learned = {record.label for record in records if record.split == "train"}
    held_out = {record.label for record in records if record.split in ("validation", "test")}
    if learned and held_out - learned:
        raise DatasetError(
            f"{info.title} has no training picture of {first_few(sorted(held_out - learned))}, but others in its split",
            expected="every class in the training part",
            fix="add pictures, or take the class out",
        )


def _record(root: Path, path: Path, row: TableRow, place: str) -> Record:
    label, part = row["label"].strip(), row.get("split", "").strip().lower()
    if not label:
        raise DatasetError(f"{place} has no label", fix="fill it in, or take the line out")
    if label.lower() in _NO_LABEL:
        raise DatasetError(
            f"{place} has the label {label!r}, as programs write a cell that is empty",
            fix="fill it in or take the line out; for a class of that name write no-finding or the like",
        )
    if part and part not in PARTS:
        raise DatasetError(f"{place} has the split {part!r}", expected="train, validation or test")
    x, y = cell_number(row, "x_px", place), cell_number(row, "y_px", place)
    if (x is None) != (y is None):
        raise DatasetError(f"{place} has only one of x_px and y_px", expected="both or none")
    fold, um_per_px = cell_number(row, "fold", place), cell_number(row, "um_per_px", place)
    if fold is not None and (fold < 0 or fold != int(fold)):
        raise DatasetError(f"{place}: fold is {fold:g}", expected="a whole number from 0")
    if um_per_px is not None and um_per_px <= 0:
        raise DatasetError(f"{place}: um_per_px is {um_per_px:g}", expected="a number above 0")
    return Record(
        path,
        label,
        row.get("group", "").strip() or path.relative_to(root).as_posix(),
        fold=None if fold is None else int(fold),
        split=PARTS[part] if part else None,
        centre_px=None if x is None or y is None else (x, y),
        um_per_px=um_per_px,
    )
