"""ASAP: an XML beside every slide or picture; the class of an annotation is its group."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from unmissed.datasets.basis.files import write_text
from unmissed.datasets.labels.folder import LabelFolder
from unmissed.datasets.labels.reading import explained, number, read_xml
from unmissed.datasets.labels.values import LabelledPicture, Mark

EXPECTED = "ASAP_Annotations with Annotation (Type, PartOfGroup) and Coordinates"
_TYPES = {"point": "Dot", "box": "Rectangle", "polygon": "Polygon"}


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read every XML, and find the picture of the same name. Annotations without a group are left out."""
    for path in folder.files(".xml"):
        with explained(path, EXPECTED):
            root = read_xml(path)
            if root.tag != "ASAP_Annotations":
                raise ValueError(f"it is a {root.tag[:40]}")
            found = [mark for one in root.iter("Annotation") for mark in _marks(one)]
        if picture := folder.beside(path):
            yield LabelledPicture.of(picture, found)


def _marks(one: ElementTree.Element) -> list[Mark] | list[str]:
    label, kind = one.get("PartOfGroup", "None"), one.get("Type", "")
    if label in ("", "None"):
        return ["annotations without a group"]
    places = sorted(one.iter("Coordinate"), key=lambda place: number(place.get("Order", 0)))
    points = [(number(place.attrib["X"]), number(place.attrib["Y"])) for place in places]
    if kind in ("Dot", "PointSet"):
        return [Mark(label, "point", (point,)) for point in points]
    if kind == "Rectangle" and len(points) == 4 and _is_upright(points):
        return [Mark(label, "box", (points[0], points[2]))]
    if kind in ("Rectangle", "Polygon", "Spline") and len(points) >= 3:
        return [Mark(label, "polygon", tuple(points))]
    return [f"annotations of type {kind[:20]} with {len(points)} places"]


def _is_upright(points: list[tuple[float, float]]) -> bool:
    """Whether four corners in turn are those of a box whose sides are upright."""
    xs, ys = zip(*points, strict=True)
    straight = xs[0] == xs[3] and xs[1] == xs[2] and ys[0] == ys[1] and ys[2] == ys[3]
    return straight or (xs[0] == xs[1] and xs[2] == xs[3] and ys[1] == ys[2] and ys[3] == ys[0])


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``PICTURE.png.xml`` beside every picture."""
    for name, picture in pictures:
        root = ElementTree.Element("ASAP_Annotations")
        annotations = ElementTree.SubElement(root, "Annotations")
        for at, mark in enumerate(picture.marks):
            kind = _TYPES[mark.shape]
            own = {"Name": f"Annotation {at}", "Type": kind, "PartOfGroup": mark.label, "Color": "#F4FA58"}
            places = ElementTree.SubElement(ElementTree.SubElement(annotations, "Annotation", own), "Coordinates")
            for order, (x, y) in enumerate(mark.points if mark.shape == "point" else mark.corners):
                ElementTree.SubElement(places, "Coordinate", {"Order": str(order), "X": repr(x), "Y": repr(y)})
        groups = ElementTree.SubElement(root, "AnnotationGroups")
        for label in sorted({mark.label for mark in picture.marks}):
            ElementTree.SubElement(groups, "Group", {"Name": label, "PartOfGroup": "None", "Color": "#F4FA58"})
        text = ElementTree.tostring(root, "unicode")
        write_text(output / f"{name}.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
