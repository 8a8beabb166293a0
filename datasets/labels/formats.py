"""The formats of labels by name: reading a set, and writing one with its pictures."""

import csv
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import DatasetError, OutputError
from unmissed.datasets.basis.files import make_folder, output_error, write_whole
from unmissed.datasets.basis.names import table_cell
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.labels import asap, coco, cvat, dsa, label_studio, yolo
from unmissed.datasets.labels.folder import OUTSIDE, LabelFolder, is_slide, is_within
from unmissed.datasets.labels.values import LabelledPicture, Mark, Shape
from unmissed.datasets.registry import get
from unmissed.datasets.splits import PARTS
from unmissed.datasets.tables import cell_number, inside, read_table

log = logging.getLogger(__name__)

PICTURES = "pictures.csv"
Named = Sequence[tuple[str, LabelledPicture]]


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """A format of labels.

    Attributes:
        title: for people.
        layout: what its folder holds.
        read, write: of the set in a folder; pictures are written with names below the folder.
        shapes: what it has a form for, in its own words or as a box.
    """

    title: str
    layout: str
    read: Callable[[LabelFolder], Iterator[LabelledPicture]]
    write: Callable[[Named, Path], None]
    shapes: frozenset[Shape] = frozenset({"point", "box", "polygon"})


def _read_table(folder: LabelFolder) -> Iterator[LabelledPicture]:
    for record in get("csv").read(folder.place):
        shape: Shape = "picture" if record.centre_px is None else "point"
        mark = Mark(record.label, shape, () if record.centre_px is None else (record.centre_px,))
        yield LabelledPicture(record.path, (mark,), record.group, record.split, record.um_per_px)


def _write_table(pictures: Named, output: Path) -> None:
    """Write the middle of every mark; a picture without marks has no line in a table."""
    rows: list[dict[str, Any]] = []
    for name, picture in pictures:
        own: dict[str, Any] = {"path": name, "group": table_cell(picture.group or name), "split": picture.split or ""}
        own |= {"um_per_px": picture.um_per_px or ""}
        for mark in picture.marks:
            x, y = mark.centre_px if mark.points else ("", "")
            rows.append(own | {"label": mark.label, "x_px": x, "y_px": y})
    write_rows(output / "labels.csv", ("path", "label", "group", "split", "x_px", "y_px", "um_per_px"), rows)


_ALL: frozenset[Shape] = frozenset({"picture", "point", "box", "polygon"})
FORMATS = {
    "asap": LabelFormat("ASAP", "slides or pictures, and an XML of the same name beside each", asap.read, asap.write),
    "coco": LabelFormat("COCO", "a JSON of COCO instances or several, and the pictures", coco.read, coco.write),
    "csv": LabelFormat("your table", "labels.csv and the pictures", _read_table, _write_table, _ALL),
    "cvat": LabelFormat(
        "CVAT", "annotations.xml of CVAT for images 1.1, and the pictures", cvat.read, cvat.write, _ALL
    ),
    "dsa": LabelFormat(
        "Digital Slide Archive", "slides or pictures, and a JSON of the same name beside each", dsa.read, dsa.write
    ),
    "label-studio": LabelFormat(
        "Label Studio", "its export in JSON, and the pictures", label_studio.read, label_studio.write, _ALL
    ),
    "yolo": LabelFormat(
        "YOLO", "images/, labels/ with a text for each picture, and data.yaml or classes.txt", yolo.read, yolo.write
    ),
}


def read_labels(name: str, place: Path) -> list[LabelledPicture]:
    """Read a set of labels; what ``pictures.csv`` beside it says of its pictures is added.

    A picture of which all marks had to be left out is left out: it is not one that shows nothing.

    Args:
        name: of the format.
        place: folder of the set, or its label file.

    Raises:
        DatasetError: When a label file cannot be read, leads out of the folder, or is of other pictures.
        ImageError, SlideError: When a picture that has marks cannot be read.
    """
    folder = LabelFolder(place, FORMATS[name].title)
    found: dict[Path, LabelledPicture] = {}
    for picture in FORMATS[name].read(folder):
        kept = [mark for mark in picture.marks if is_within(picture.path, mark)]
        words = [OUTSIDE] * (len(picture.marks) - len(kept))
        folder.left_out.update((*picture.left_out, *words))
        before = found.get(picture.path, replace(picture, marks=(), left_out=()))
        found[picture.path] = replace(
            before,
            marks=tuple(dict.fromkeys((*before.marks, *kept))),
            left_out=(*before.left_out, *picture.left_out, *words),
        )
    for path in [path for path, picture in found.items() if picture.left_out and not picture.marks]:
        del found[path]  # it would count as one that shows nothing
        folder.left_out["pictures with nothing but such marks"] += 1
    folder.report(sum(len(picture.marks) for picture in found.values()))
    if not any(picture.marks for picture in found.values()):
        raise DatasetError(
            f"{place} marks nothing in {len(found)} pictures"
            + (f", and {len(folder.absent)} are absent, first {folder.absent[0]!r}" if folder.absent else ""),
            expected=FORMATS[name].layout,
            fix="put the pictures into the folder of the labels",
        )
    about = {} if name == "csv" else _about(folder.root)
    if unused := [path.relative_to(folder.root).as_posix() for path in about if path not in found]:
        if len(unused) == len(about):
            raise DatasetError(
                f"no row of {PICTURES} is of a labelled picture: {first_few(unused)}",
                expected="paths below the folder, such as images/a.png",
            )
        log.warning("%s: %d rows are of no labelled picture: %s", PICTURES, len(unused), first_few(unused))
    return [replace(picture, **about.get(path, {})) for path, picture in found.items()]


def _about(root: Path) -> dict[Path, dict[str, Any]]:
    """What the table of pictures says: group, part and size of a pixel."""
    table = root / PICTURES
    found: dict[Path, dict[str, Any]] = {}
    for row in read_table(table, ("path",)) if table.is_file() else ():
        place, part = f"{PICTURES}, line {row.line}", row.get("split", "").strip().lower()
        if part and part not in PARTS:
            raise DatasetError(f"{place} has the split {part!r}", expected="train, validation or test")
        own = {
            "group": row.get("group", "").strip(),
            "split": PARTS.get(part),
            "um_per_px": cell_number(row, "um_per_px", place),
        }
        found[inside(root, row["path"], table)] = {key: value for key, value in own.items() if value}
    return found


def write_labels(name: str, pictures: Sequence[LabelledPicture], roots: Sequence[Path], output: Path) -> None:
    """Write a set with copies of its pictures.

    Args:
        name: of the format.
        pictures: of one set.
        roots: folders that their names are relative to.
        output: new folder.

    Raises:
        DatasetError: When the format has no form for a mark, or two pictures would share a name or their labels.
        SlideError: When files of a slide are missing.
        OutputError: When the folder is not empty, or cannot be written.
    """
    from unmissed.datasets.slides.parts import parts_of  # it loads the readers of all formats

    form = FORMATS[name]
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output} is not empty", fix="name a new folder")
    if strange := {mark.shape for picture in pictures for mark in picture.marks} - form.shapes:
        raise DatasetError(
            f"{form.title} has no labels for a whole {strange.pop()}", fix="write csv, cvat or label-studio, which have"
        )
    named = [(f"images/{_name(picture.path, roots)}", picture) for picture in pictures]
    places = {Path(text).with_suffix("") if name == "yolo" else Path(text) for text, _ in named}
    if len(places) < len(named):
        raise DatasetError(
            "two pictures, or fields of two slides, would have the same name or the same labels",
            expected="names that differ before the suffix",
            fix="give them names of their own",
        )
    for text, picture in named:
        target = output / text
        make_folder(target.parent)
        try:
            for part in parts_of(picture.path) if is_slide(picture.path) else [picture.path]:
                copy = target.parent / part.relative_to(picture.path.parent)
                make_folder(copy.parent)
                shutil.copyfile(part, copy)
        except OSError as error:
            raise output_error(target, error) from error
    form.write(named, output)
    if name != "csv":
        rows: list[dict[str, Any]] = [
            {"path": text, "group": table_cell(one.group), "split": one.split or "", "um_per_px": one.um_per_px or ""}
            for text, one in named
        ]
        write_rows(output / PICTURES, ("path", "group", "split", "um_per_px"), rows)


def _name(path: Path, roots: Sequence[Path]) -> str:
    parts = next(path.relative_to(root) for root in roots if path.is_relative_to(root)).parts
    return Path(*parts[parts[0] == "images" and len(parts) > 1 :]).as_posix()


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write a CSV table, whole or not at all."""
    with write_whole(path) as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
