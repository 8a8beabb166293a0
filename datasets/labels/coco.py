"""COCO: one JSON with images, annotations and categories; boxes, polygons and, as keypoints, points."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.files import write_json
from unmissed.datasets.labels.folder import LabelFolder, check_size, size_px
from unmissed.datasets.labels.reading import explained, number, read_labels_json
from unmissed.datasets.labels.values import LabelledPicture, Mark

EXPECTED = "COCO instances: images, annotations (image_id, category_id, bbox) and categories"


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read all JSON files of the set; parts go by their names (``instances_train.json``), else by their folders."""
    for path in folder.files(".json"):
        with explained(path, EXPECTED):
            found = read_labels_json(path)
            names = {key: str(one["name"]) for key, one in _by_id(found["categories"], "categories").items()}
            marks: dict[Any, list[Mark | str]] = defaultdict(list)
            for one in found["annotations"]:
                if (category := one["category_id"]) not in names:
                    raise ValueError(f"an annotation is of category {category}, which is not in categories")
                marks[one["image_id"]].append(
                    "crowd annotations" if one.get("iscrowd") else _mark(names[category], one)
                )
            images = _by_id(found["images"], "images")
            if strange := marks.keys() - images:
                raise ValueError(f"annotations are of image {strange.pop()}, which is not in images")
            pictures = [(str(one["file_name"]), one, marks[key]) for key, one in images.items()]
        part = folder.part_of(path.stem, *path.relative_to(folder.root).parts[:-1])
        for name, about, own in pictures:
            if picture := folder.find(name, path):
                if own:
                    check_size(picture, about.get("width"), about.get("height"), path)
                yield LabelledPicture.of(picture, own, part)


def _by_id(several: list[dict[str, Any]], what: str) -> dict[Any, dict[str, Any]]:
    found = {one["id"]: one for one in several}
    if len(found) < len(several):
        raise ValueError(f"{what} have the same id")
    return found


def _mark(label: str, one: dict[str, Any]) -> Mark:
    polygons = one.get("segmentation") or []
    if isinstance(polygons, list) and len(polygons) == 1 and len(polygons[0]) >= 6:
        values = [number(value) for value in polygons[0]]
        return Mark(label, "polygon", tuple(zip(values[::2], values[1::2], strict=True)))
    points = one.get("keypoints") or []
    left, top, width, height = (number(value) for value in one.get("bbox") or (0, 0, 0, 0))
    if width > 0 and height > 0:
        return Mark.box(label, left, top, width, height)  # of an RLE mask or several parts: their box
    if len(points) == 3 and points[2]:  # 0: not labelled
        return Mark(label, "point", ((number(points[0]), number(points[1])),))
    raise ValueError("an annotation has no box of any size, and neither one polygon nor one keypoint")


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``annotations.json``."""
    labels = sorted({mark.label for _, picture in pictures for mark in picture.marks})
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number_, (name, picture) in enumerate(pictures, 1):
        width, height = size_px(picture.path)
        images.append({"id": number_, "file_name": name, "width": width, "height": height})
        for mark in picture.marks:
            left, top, right, bottom = mark.bounds
            one: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": number_,
                "category_id": labels.index(mark.label) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "segmentation": [[value for place in mark.points for value in place]] * (mark.shape == "polygon"),
                "iscrowd": 0,
            }
            one |= {"keypoints": [left, top, 2], "num_keypoints": 1} if mark.shape == "point" else {}
            annotations.append(one)
    has_points = any(mark.shape == "point" for _, picture in pictures for mark in picture.marks)
    extra = {"keypoints": ["centre"], "skeleton": []} if has_points else {}
    categories = [{"id": at, "name": label, **extra} for at, label in enumerate(labels, 1)]
    write_json(output / "annotations.json", {"images": images, "annotations": annotations, "categories": categories})
