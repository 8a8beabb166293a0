"""Collect the false finds of a finder in normal fields: places where a judge has to learn to say no."""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError, run_main
from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.basis.names import path_cell, table_cell
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.records import Record
from unmissed.datasets.registry import get

NEAR_UM = 8.0  # a find this near to a labelled nucleus is that nucleus, which is labelled already


def false_finds(records: Iterable[Record], tables: Iterable[Path], normal: str, per_field: int) -> list[Record]:
    """The highest-scored finds in fields whose labels are all normal.

    Args:
        records: labelled nuclei of the dataset, with um_per_px.
        tables: written by `unmissed predict` with a heat-map model on the fields.
        normal: the label that a field must have throughout, and that the places get.
        per_field: most places of one field.

    Raises:
        DatasetError: When a table lacks a column.
    """
    labelled: dict[Path, list[Record]] = {}
    for record in records:
        labelled.setdefault(record.path.resolve(), []).append(record)
    finds: dict[Path, list[tuple[float, float, float]]] = {}
    for table in tables:
        for path, score, x, y in _read(table):
            finds.setdefault(path.resolve(), []).append((score, x, y))
    places = []
    for path, found in sorted(finds.items()):
        known = labelled.get(path, [])
        if not known or any(record.label != normal for record in known):
            continue
        first = known[0]
        near_px = NEAR_UM / (first.um_per_px or 0.25)
        centres = np.array([record.centre_px for record in known])
        free = [(x, y) for _, x, y in sorted(found, reverse=True) if np.hypot(*(centres - (x, y)).T).min() > near_px]
        places += [
            Record(first.path, normal, first.group, centre_px=place, um_per_px=first.um_per_px)
            for place in free[:per_field]
        ]
    return places


def _read(table: Path) -> Iterable[tuple[Path, float, float, float]]:
    with table.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                x = float(row["x_px"]) + float(row["width_px"]) / 2
                y = float(row["y_px"]) + float(row["height_px"]) / 2
                yield Path(row["path"]), float(row["score"]), x, y
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(
                    f"{table} is not a table of finds: {error!r} in {row}",
                    expected="what `unmissed predict` writes for a heat-map model",
                    fix="make it again",
                ) from error


def main() -> None:
    """Read tables of finds, write a table of places for `data.more_places`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("finds", nargs="+", type=Path, help="tables written by `unmissed predict`")
    parser.add_argument("--dataset", default="cric")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--normal", default="NILM", help="the label of what is no find")
    parser.add_argument("--per-field", type=int, default=40)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    records = get(arguments.dataset).read(dataset_root(arguments.dataset, arguments.root))
    places = false_finds(records, arguments.finds, arguments.normal, arguments.per_field)
    with write_whole(arguments.output) as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "group", "x_px", "y_px"])
        for place in places:
            x, y = place.centre_px or (0.0, 0.0)
            path = place.path.resolve()
            table.writerow([path_cell(path), *map(table_cell, (place.label, place.group)), f"{x:.1f}", f"{y:.1f}"])
    print(f"{len(places)} places -> {arguments.output}")


if __name__ == "__main__":
    run_main(main)
