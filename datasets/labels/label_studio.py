"""Label Studio: a list of tasks in JSON; places are percent of the picture."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unmissed.datasets.basis.files import write_json, write_text
from unmissed.datasets.labels.dsa import turned
from unmissed.datasets.labels.folder import LabelFolder, size_px
from unmissed.datasets.labels.reading import explained, number, read_labels_json
from unmissed.datasets.labels.values import LabelledPicture, Mark

EXPECTED = "the export JSON (not JSON-MIN) of Label Studio: tasks with data.image and annotations"
_KINDS = {"point": "keypointlabels", "box": "rectanglelabels", "polygon": "polygonlabels", "picture": "choices"}
_FOLDER = "/data/local-files/?d="  # below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT


def read(folder: LabelFolder) -> Iterator[LabelledPicture]:
    """Read every JSON. Of several annotations of a task the last counts; skipped ones and predictions do not."""
    for path in folder.files(".json"):
        with explained(path, EXPECTED):
            found = []
            for task in read_labels_json(path):
                done = [one for one in task["annotations"] if not one.get("was_cancelled")]
                folder.left_out["annotations before the last of their task"] += max(0, len(done) - 1)
                if done:
                    found.append((_image(task["data"]), done[-1]["result"]))
                else:
                    folder.left_out["tasks without an annotation"] += 1
        for name, result in found:
            if picture := folder.find(name, path):
                with explained(path, EXPECTED):
                    marks = [mark for one in result for mark in _marks(one, size_px(picture))]
                yield LabelledPicture.of(picture, marks)


def _image(data: dict[str, Any]) -> str:
    texts = [value for value in (data.get("image"), *data.values()) if value and isinstance(value, str)]
    if not texts:
        raise ValueError("a task has no picture in its data")
    return texts[0]


def _marks(one: dict[str, Any], size: tuple[int, int]) -> list[Mark | str]:
    kind, value = str(one.get("type")), one.get("value") or {}
    labels = value.get(kind) or []
    is_known = kind in (*_KINDS.values(), "ellipselabels")
    if is_known and not isinstance(labels, list):
        raise ValueError(f"{kind} are {str(labels)[:40]!r}, no list")
    if kind == "choices" and not {"x", "points", "rle"} & value.keys():
        return [Mark(str(label), "picture") for label in labels]
    if not labels or not is_known or kind == "choices":
        return [f"regions of type {kind[:20]}" + ("" if labels else " without a class")]
    more = ["classes after the first of their region"] * (len(labels) - 1)  # two would contradict each other
    return [_region(str(labels[0]), kind, value, size), *more]


def _region(label: str, kind: str, value: dict[str, Any], size: tuple[int, int]) -> Mark:
    across, down = (side / 100 for side in size)
    if kind == "polygonlabels":
        return Mark.of_outline(label, [(number(x) * across, number(y) * down) for x, y in value["points"]])
    x, y = number(value["x"]) * across, number(value["y"]) * down
    turn = math.radians(number(value.get("rotation") or 0))
    if kind == "keypointlabels":
        return Mark(label, "point", ((x, y),))
    if kind == "ellipselabels":
        return turned(label, x, y, 2 * number(value["radiusX"]) * across, 2 * number(value["radiusY"]) * down, turn)
    width, height = number(value["width"]) * across, number(value["height"]) * down
    cos, sin = math.cos(turn), math.sin(turn)  # around the corner, not the middle
    middle = x + width / 2 * cos - height / 2 * sin, y + width / 2 * sin + height / 2 * cos
    return turned(label, *middle, width, height, turn)


def write(pictures: Sequence[tuple[str, LabelledPicture]], output: Path) -> None:
    """Write ``tasks.json``, and ``labelling.xml`` for the project's settings. Pictures are local files of its root."""
    tasks = []
    for name, picture in pictures:
        width, height = size_px(picture.path)
        result = []
        for mark in picture.marks:
            kind = _KINDS[mark.shape]
            about = {"from_name": kind, "to_name": "image", "type": kind, "value": _value(mark, width, height)}
            sides = {} if mark.shape == "picture" else {"original_width": width, "original_height": height}
            result.append(about | sides | ({} if mark.shape == "picture" else {"image_rotation": 0}))
        tasks.append({"data": {"image": _FOLDER + quote(name)}, "annotations": [{"result": result}]})
    write_json(output / "tasks.json", tasks)
    marks = [mark for _, picture in pictures for mark in picture.marks]
    write_text(output / "labelling.xml", _settings(marks))


def _value(mark: Mark, width: int, height: int) -> dict[str, Any]:
    labels = {_KINDS[mark.shape]: [mark.label]}
    if mark.shape == "picture":
        return labels
    if mark.shape == "polygon":
        return {"points": [[100 * x / width, 100 * y / height] for x, y in mark.points], **labels}
    left, top, right, bottom = mark.bounds
    place = {"x": 100 * left / width, "y": 100 * top / height}
    if mark.shape == "point":
        return {**place, "width": 0.5, **labels}
    sides = {"width": 100 * (right - left) / width, "height": 100 * (bottom - top) / height, "rotation": 0}
    return {**place, **sides, **labels}


def _settings(marks: Sequence[Mark]) -> str:
    from xml.sax.saxutils import quoteattr

    names = {"keypointlabels": ("KeyPointLabels", "Label"), "rectanglelabels": ("RectangleLabels", "Label")}
    names |= {"polygonlabels": ("PolygonLabels", "Label"), "choices": ("Choices", "Choice")}
    lines = ["<View>", '  <Image name="image" value="$image"/>']
    for shape, kind in _KINDS.items():
        own, (outer, inner) = sorted({mark.label for mark in marks if mark.shape == shape}), names[kind]
        if own:
            lines.append(f'  <{outer} name="{kind}" toName="image">')
            lines += [f"    <{inner} value={quoteattr(label)}/>" for label in own]
            lines.append(f"  </{outer}>")
    return "\n".join([*lines, "</View>", ""])
