"""CVAT for images 1.1: one XML with an <image> for each picture."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from unmissed.datasets.basis.files import write_text
from unmissed.datasets.labels.dsa import turned
from unmissed.datasets.labels.folder import LabelFolder, check_size, size_px
from unmissed.datasets.labels.reading import explained, number, read_xml
from unmissed.datasets.labels.values import LabelledPicture, Mark, Place

EXPECTED = "CVAT for images 1.1: <annotations> with <image name=...>, and in it box, polygon, points, ellipse or tag"


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read every XML; parts go by the subset of a picture."""
    for path in folder.files(".xml"):
        with explained(path, EXPECTED):
            root = read_xml(path)
            if root.tag != "annotations" or root.find("track") is not None:
                raise ValueError("it is CVAT for video" if root.tag == "annotations" else f"it is a {root.tag[:40]}")
            images = [
                (one.attrib["name"], one.attrib, [mark for child in one for mark in _marks(child)])
                for one in root.iter("image")
            ]
        for name, about, marks in images:
            if picture := folder.find(name, path):
                if marks:
                    check_size(picture, about.get("width"), about.get("height"), path)
                yield LabelledPicture.of(picture, marks, folder.part_of(about.get("subset", "")))


def _marks(one: ElementTree.Element) -> list[Mark] | list[str]:
    at = one.attrib
    turn = math.radians(number(at.get("rotation", 0)))
    if one.tag == "tag":
        return [Mark(at["label"], "picture")]
    if one.tag == "box":
        left, top, right, bottom = (number(at[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        return [turned(at["label"], (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, turn)]
    if one.tag == "polygon":
        return [Mark.of_outline(at["label"], _places(at["points"]))]
    if one.tag == "points":
        return [Mark(at["label"], "point", (place,)) for place in _places(at["points"])]
    if one.tag == "ellipse":
        x, y, across, down = (number(at[side]) for side in ("cx", "cy", "rx", "ry"))
        return [turned(at["label"], x, y, 2 * across, 2 * down, turn)]
    if one.tag == "mask":
        return [Mark.box(at["label"], *(number(at[side]) for side in ("left", "top", "width", "height")))]
    return [f"marks of type {str(one.tag)[:20]}"]


def _places(text: str) -> list[Place]:
    pairs = (pair.split(",") for pair in text.split(";"))
    return [(number(x), number(y)) for x, y in pairs]


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``annotations.xml``; ``images`` is the folder that CVAT is given."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number_, (name, picture) in enumerate(pictures):
        width, height = size_px(picture.path)
        about = {"id": str(number_), "name": Path(name).relative_to("images").as_posix()}
        about |= {"subset": picture.split} if picture.split else {}
        image = ElementTree.SubElement(root, "image", about | {"width": str(width), "height": str(height)})
        for mark in picture.marks:
            own = {"label": mark.label, "source": "manual"}
            if mark.shape == "picture":
                ElementTree.SubElement(image, "tag", own)
                continue
            own |= {"occluded": "0", "z_order": "0"}
            if mark.shape == "box":
                sides = zip(("xtl", "ytl", "xbr", "ybr"), mark.bounds, strict=True)
                ElementTree.SubElement(image, "box", own | {side: f"{value:.4f}" for side, value in sides})
            else:
                points = ";".join(f"{x:.4f},{y:.4f}" for x, y in mark.points)
                ElementTree.SubElement(image, {"point": "points"}.get(mark.shape, mark.shape), own | {"points": points})
    text = ElementTree.tostring(root, "unicode")
    write_text(output / "annotations.xml", f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
