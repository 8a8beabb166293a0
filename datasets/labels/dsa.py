"""Digital Slide Archive (large_image): a JSON of elements beside every slide or picture; the class is the group."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.files import write_json
from unmissed.datasets.labels.folder import LabelFolder
from unmissed.datasets.labels.reading import explained, number, read_labels_json
from unmissed.datasets.labels.values import LabelledPicture, Mark, Place

EXPECTED = "annotations of large_image: elements with a type (point, rectangle, polyline, ...) and a group or label"


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read every JSON (one annotation, or a list of them), and find the picture of the same name."""
    for path in folder.files(".json"):
        with explained(path, EXPECTED):
            found = read_labels_json(path)
            several = found if isinstance(found, list) else [found]
            marks = [_mark(element) for one in several for element in one.get("annotation", one)["elements"]]
        if picture := folder.beside(path):
            yield LabelledPicture.of(picture, marks)


def _mark(one: dict[str, Any]) -> Mark | str:
    label, kind = str(one.get("group") or (one.get("label") or {}).get("value") or ""), one["type"]
    if not label:
        return "elements without a class"
    if kind == "polyline" and one.get("closed") and len(one["points"]) >= 3:  # open where nothing is said
        return Mark(label, "polygon", tuple(_place(point) for point in one["points"]))
    if kind not in ("point", "rectangle", "ellipse", "circle"):
        return f"elements of type {str(kind)[:20]}"
    x, y = _place(one["center"])
    if kind == "point":
        return Mark(label, "point", ((x, y),))
    if kind == "circle":
        radius = number(one["radius"])
        return Mark.box(label, x - radius, y - radius, 2 * radius, 2 * radius)
    width, height, turn = number(one["width"]), number(one["height"]), number(one.get("rotation") or 0)
    return turned(label, x, y, width, height, turn)


def turned(label: str, x: float, y: float, width: float, height: float, turn: float) -> Mark:
    """A box around a place, turned by some radians: then it is a polygon."""
    if turn == 0:
        return Mark.box(label, x - width / 2, y - height / 2, width, height)
    cos, sin = math.cos(turn), math.sin(turn)
    corners = ((-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2))
    return Mark(label, "polygon", tuple((x + a * cos - b * sin, y + a * sin + b * cos) for a, b in corners))


def _place(point: Sequence[Any]) -> Place:
    return number(point[0]), number(point[1])


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``PICTURE.png.json`` beside every picture."""
    for name, picture in pictures:
        elements = [_element(mark) for mark in picture.marks]
        write_json(output / f"{name}.json", {"name": "labels", "description": "", "elements": elements})


def _element(mark: Mark) -> dict[str, Any]:
    own = {"group": mark.label, "label": {"value": mark.label}, "lineColor": "rgb(255,200,0)", "lineWidth": 2}
    if mark.shape == "polygon":
        return {"type": "polyline", "points": [[x, y, 0] for x, y in mark.points], "closed": True, **own}
    left, top, right, bottom = mark.bounds
    centre = [*mark.centre_px, 0]
    if mark.shape == "point":
        return {"type": "point", "center": centre, **own}
    sides = {"width": right - left, "height": bottom - top, "rotation": 0}
    return {"type": "rectangle", "center": centre, **sides, **own}
