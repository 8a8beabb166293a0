"""YOLO: a text beside every picture, or in ``labels`` for ``images``; names of classes in data.yaml or classes.txt."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.yaml_text import parse_yaml, yaml_text
from unmissed.datasets.labels.folder import LabelFolder, size_px
from unmissed.datasets.labels.reading import decoded, explained, number
from unmissed.datasets.labels.values import LabelledPicture, Mark

EXPECTED = "lines of CLASS x y width height, or CLASS x1 y1 x2 y2 x3 y3 ..., in shares of the picture"
_POINT_PX = 16  # side of the box that is written for a point, for which there is no form
_MOST_BYTES = 20_000_000
_LISTS = frozenset({"classes.txt", "names.txt", "train.txt", "val.txt", "test.txt", "readme.txt", "requirements.txt"})


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read the label file of every picture; a picture without one shows nothing. Parts go by names of folders."""
    if folder.place.is_file():
        raise DatasetError(f"{folder.place} is a file", expected="a folder with a text for each picture", fix="name it")
    names = _names(folder)
    texts = {path for path in folder.files(".txt") if path.parent != folder.root or path.name.lower() not in _LISTS}
    unused = set(texts)
    for picture in folder.pictures:
        parts = list(picture.relative_to(folder.root).parts)
        at = max((at for at, part in enumerate(parts) if part.lower() == "images"), default=-1)
        swapped = folder.root.joinpath(*parts[:at], "labels", *parts[at + 1 :]) if at >= 0 else picture
        text = next(
            (path for path in (swapped.with_suffix(".txt"), picture.with_suffix(".txt")) if path in texts), None
        )
        marks: tuple[Mark, ...] = ()
        if text is not None:
            unused.discard(text)
            marks = _marks(text, names, picture)
        yield LabelledPicture(picture, marks, split=folder.part_of(*parts[:-1]))
    folder.absent += [path.name for path in sorted(unused)]


def _names(folder: LabelFolder) -> dict[int, str]:
    tables = [path for suffix in ("*.yaml", "*.yml") for path in sorted(folder.root.glob(suffix))]
    for path in [*tables, *(folder.root / name for name in ("classes.txt", "names.txt", "obj.names"))]:
        if not path.is_file():
            continue
        with explained(path, "names of classes"):
            text = decoded(read_regular(path, _MOST_BYTES), path)
            about = (parse_yaml(text)[0] or {}) if path in tables else {"names": text.split("\n")}
            if "kpt_shape" in about:
                raise ValueError("its labels are poses (kpt_shape)")
            if found := about.get("names"):
                pairs = found.items() if isinstance(found, dict) else enumerate(found)
                return {int(key): str(name).strip() for key, name in pairs if name and str(name).strip()}
    raise DatasetError(
        f"{folder.root} does not say what its classes are called",
        expected="data.yaml with names, or classes.txt with a name a line",
        fix="add classes.txt beside the folders",
    )


def _marks(path: Path, names: dict[int, str], picture: Path) -> tuple[Mark, ...]:
    marks = []
    with explained(path, EXPECTED):
        lines = decoded(read_regular(path, _MOST_BYTES), path).splitlines()
        width, height = size_px(picture) if lines else (0, 0)
        for at, line in enumerate(lines, 1):
            if not (cells := line.split()):
                continue
            values = [number(cell) for cell in cells[1:]]
            if int(cells[0]) not in names or len(values) < 4 or max(values[:4]) > 1.5 or min(values[:4]) < -0.5:
                raise ValueError(f"line {at} is {line[:80]!r}, of {len(names)} classes")
            label = names[int(cells[0])]
            if len(values) in (4, 5):  # the fifth is a probability
                x, y, across, down = values[:4]
                box = (x - across / 2) * width, (y - down / 2) * height, across * width, down * height
                marks.append(Mark.box(label, *box))
            else:
                places = zip(values[::2], values[1::2], strict=True)
                marks.append(Mark(label, "polygon", tuple((x * width, y * height) for x, y in places)))
    return tuple(marks)


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``labels``, ``data.yaml`` and the lists of its parts. A point becomes a box of 16 px around it."""
    labels = sorted({mark.label for _, picture in pictures for mark in picture.marks})
    for name, picture in pictures:
        width, height = size_px(picture.path)
        outlines = any(mark.shape == "polygon" for mark in picture.marks)  # programs take a file for one of the two
        lines = []
        for mark in picture.marks:
            x, y = mark.centre_px
            left, top, right, bottom = mark.bounds
            sides = (_POINT_PX, _POINT_PX) if mark.shape == "point" else (right - left, bottom - top)
            values = [x / width, y / height, sides[0] / width, sides[1] / height]
            if outlines:
                shown = mark if mark.shape != "point" else Mark.box("", x - sides[0] / 2, y - sides[1] / 2, *sides)
                values = [share for px, py in shown.corners for share in (px / width, py / height)]
            lines.append(" ".join([str(labels.index(mark.label)), *(f"{value:.9f}" for value in values)]))
        write_text(output / "labels" / Path(name).relative_to("images").with_suffix(".txt"), "\n".join([*lines, ""]))
    parts = {"train": "train", "val": "validation", "test": "test"}
    lists = {key: [name for name, picture in pictures if picture.split == part] for key, part in parts.items()}
    told = {key: f"{key}.txt" for key, names in lists.items() if names} or {"train": "images", "val": "images"}
    for key in told if any(lists.values()) else ():
        write_text(output / f"{key}.txt", "".join(f"./{name}\n" for name in lists[key]))
    write_text(output / "data.yaml", yaml_text({**told, "names": dict(enumerate(labels))}))
