"""Labels in seven formats: the same marks come back, hostile files are refused, and a set is read as it is."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError, OutputError
from unmissed.datasets.fields import fields_of
from unmissed.datasets.labels.formats import FORMATS, read_labels, write_labels
from unmissed.datasets.labels.values import LabelledPicture, Mark

WIDTH, HEIGHT = 150, 120
LABELS = ["HSIL", "ASC-US", "低级别", "Épithélium <&\"'>"]


def picture(path: Path, size=(HEIGHT, WIDTH)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.full((*size, 3), 200, np.uint8))[1].tobytes())
    return path


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


@st.composite
def marks(draw):
    label = draw(st.sampled_from(LABELS))
    side = st.floats(1, 30)
    x, y, across, down = draw(st.floats(35, WIDTH - 35)), draw(st.floats(35, HEIGHT - 35)), draw(side), draw(side)
    kind = draw(st.sampled_from(["point", "box", "polygon"]))
    if kind == "point":
        return Mark(label, "point", ((x, y),))
    if kind == "box":
        return Mark.box(label, x, y, across, down)
    return Mark(label, "polygon", ((x, y), (x + across, y), (x + across / 2, y + down), (x - 3, y + down / 2)))


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(st.lists(marks(), min_size=1, max_size=5, unique=True), min_size=1, max_size=3))
def test_every_format_keeps_class_and_place(name, found, tmp_path_factory) -> None:
    root = tmp_path_factory.mktemp("set")
    made = [
        LabelledPicture(picture(root / "图片" / f"a{at}.png"), tuple(own), f"patient {at}", um_per_px=0.25)
        for at, own in enumerate(found)
    ]
    output = root / "out"
    write_labels(name, made, (root,), output)
    back = {one.path.name: one for one in read_labels(name, output)}
    for one in made:
        own = back[one.path.name]
        assert (own.group, own.um_per_px) == (one.group, 0.25)
        expected = {(mark.label, *mark.centre_px): mark for mark in one.marks}
        if name == "csv":
            expected = {key: Mark(key[0], "point", (key[1:],)) for key in expected}
        assert len(own.marks) <= len(one.marks)
        for (label, x, y), mark in expected.items():
            near = [
                other
                for other in own.marks
                if other.label == label and np.hypot(other.centre_px[0] - x, other.centre_px[1] - y) < 0.5
            ]
            assert near
            if name not in ("yolo", "csv"):
                assert any(other.shape == mark.shape for other in near)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_whole_picture_with_a_label(name, tmp_path) -> None:
    made = LabelledPicture(picture(tmp_path / "in" / "a.png"), (Mark("clean", "picture"),))
    if name in ("csv", "cvat", "label-studio"):
        write_labels(name, [made], (tmp_path / "in",), tmp_path / "out")
        assert read_labels(name, tmp_path / "out")[0].marks == made.marks
    else:
        with pytest.raises(DatasetError, match="whole picture"):
            write_labels(name, [made], (tmp_path / "in",), tmp_path / "out")


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"csv"}))
def test_a_picture_without_marks_shows_nothing(name, tmp_path) -> None:
    made = [
        LabelledPicture(picture(tmp_path / "in" / "a.png"), (Mark.box("HSIL", 10, 10, 20, 20),), split="train"),
        LabelledPicture(picture(tmp_path / "in" / "b.png"), (), split="test"),
    ]
    write_labels(name, made, (tmp_path / "in",), tmp_path / "out")
    records = registry.get(name).read(tmp_path / "out")
    assert sorted((r.path.name, r.label, r.centre_px, r.split) for r in records) == [
        ("a.png", "HSIL", (pytest.approx(20, abs=0.01), pytest.approx(20, abs=0.01)), "train"),
        ("b.png", "", None, "test"),
    ]
    assert {field.path.name: field.complete for field in fields_of(records, ())} == {"a.png": False, "b.png": True}
    assert [info.id for info in registry.get(name).classes(records)] == ["HSIL"]


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path) -> None:
    made = LabelledPicture(picture(tmp_path / "in" / "a.png"), (Mark.box("HSIL", 10, 10, 20, 20),))
    with pytest.raises(OutputError, match="not empty"):
        write_labels("coco", [made], (tmp_path,), tmp_path / "in")


def coco(tmp_path, annotation=None, **image) -> Path:
    picture(tmp_path / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT} | image
    annotation = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 40]} | (annotation or {})
    content = {"images": [image], "annotations": [annotation], "categories": [{"id": 3, "name": "HSIL"}]}
    return text(tmp_path / "annotations.json", json.dumps(content))


def test_coco_as_its_tools_write_it(tmp_path) -> None:
    coco(tmp_path)
    (one,) = read_labels("coco", tmp_path)
    assert one.marks == (Mark("HSIL", "box", ((10, 20), (40, 60))),)
    coco(tmp_path, {"segmentation": {"counts": [0, 5], "size": [HEIGHT, WIDTH]}})
    assert read_labels("coco", tmp_path)[0].marks == one.marks, "an RLE mask is taken by its box"
    coco(tmp_path, {"segmentation": {"counts": "abc", "size": [HEIGHT, WIDTH]}, "bbox": [0, 0, 0, 0]})
    with pytest.raises(DatasetError, match="no box of any size"):
        read_labels("coco", tmp_path)


def test_names_lead_nowhere_else(tmp_path) -> None:
    picture(tmp_path / "elsewhere" / "b.png")
    root = tmp_path / "set"
    coco(root, file_name="../elsewhere/b.png")
    with pytest.raises(DatasetError, match="outside the dataset folder"):
        read_labels("coco", root)
    coco(root, file_name=str(tmp_path / "elsewhere" / "b.png"))
    with pytest.raises(DatasetError, match="1 are absent"):
        read_labels("coco", root)
    coco(root, file_name="C:\\Users\\lab\\a.png")
    assert read_labels("coco", root)[0].path == root / "a.png", "another machine's path counts by its last part"


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": [10, 20, "NaN", 40]},
        {"bbox": [1e30, 20, 30, 40]},
        {"bbox": None, "segmentation": [[1, 2, 3]]},
        {"image_id": 7},
        {"category_id": 9},
    ],
)
def test_damaged_coco_is_named(change, tmp_path) -> None:
    with pytest.raises(DatasetError, match=r"annotations\.json"):
        read_labels("coco", coco(tmp_path, change))


def test_labels_of_pictures_of_another_size_are_refused(tmp_path) -> None:
    coco(tmp_path, {"bbox": [1000, 1000, 30, 40]})
    with pytest.raises(DatasetError, match="outside of their pictures"):
        read_labels("coco", tmp_path)


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x">]><annotations>&b;</annotations>'


@pytest.mark.parametrize("name", ["asap", "cvat"])
@pytest.mark.parametrize("content", [BOMB, "<annotations>", "", '<?xml version="1.0" encoding="klingon"?><a/>', "<a/>"])
def test_hostile_xml_is_refused(name, content, tmp_path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", content)
    with pytest.raises(DatasetError, match=r"a\.xml cannot be understood"):
        read_labels(name, tmp_path)


@pytest.mark.parametrize("name", ["coco", "dsa", "label-studio"])
@pytest.mark.parametrize("content", ["{}", "[]", "[1]", "null", "[" * 100_000, '{"elements": [{"type": "point"}]}', ""])
def test_hostile_json_is_refused(name, content, tmp_path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.json", content)
    with pytest.raises(DatasetError):
        read_labels(name, tmp_path)


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-16"])
def test_cvat_in_the_encodings_of_the_field(encoding, tmp_path) -> None:
    picture(tmp_path / "宫颈.png")
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    body = '<image id="0" name="宫颈.png" width="150" height="120">{}</image>'
    box = '<box label="高级别病变" occluded="0" xtl="10" ytl="10" xbr="30" ybr="30"/>'
    text(tmp_path / "annotations.xml", f"{declared}<annotations>{body.format(box)}</annotations>", encoding)
    assert read_labels("cvat", tmp_path)[0].marks[0].label == "高级别病变"


def test_cvat_of_a_video_is_another_format(tmp_path) -> None:
    text(tmp_path / "annotations.xml", '<annotations><track id="0" label="a"/></annotations>')
    with pytest.raises(DatasetError, match="for video"):
        read_labels("cvat", tmp_path)


def test_yolo_with_names_in_gbk_and_parts_by_folder(tmp_path, caplog) -> None:
    text(tmp_path / "classes.txt", "正常细胞\n异常细胞\n", "gbk")
    for part in ("train", "val"):
        picture(tmp_path / "images" / part / f"{part}.png")
        text(tmp_path / "labels" / part / f"{part}.txt", "1 0.5 0.5 0.1 0.2\n0 0.1 0.1 0.2 0.1 0.2 0.2\n")
    picture(tmp_path / "images" / "train" / "empty.png")
    found = {one.path.stem: one for one in read_labels("yolo", tmp_path)}
    assert {name: one.split for name, one in found.items()} == {"train": "train", "val": "validation", "empty": "train"}
    assert [(mark.label, mark.shape) for mark in found["val"].marks] == [("异常细胞", "box"), ("正常细胞", "polygon")]
    assert found["val"].marks[0].centre_px == pytest.approx((75, 60))
    assert found["empty"].marks == ()
    assert "read as GBK" in caplog.text


@pytest.mark.parametrize(
    "line", ["7 0.5 0.5 0.1 0.1", "0 0.5 0.5", "0 75 60 10 10", "0 nan 0.5 0.1 0.1", "a b c d e", "\0"]
)
def test_damaged_yolo_is_named(line, tmp_path) -> None:
    text(tmp_path / "data.yaml", "names: [a, b]")
    picture(tmp_path / "p.png")
    text(tmp_path / "p.txt", line)
    with pytest.raises(DatasetError, match=r"p\.txt cannot be understood"):
        read_labels("yolo", tmp_path)


def test_label_studio_as_it_exports_uploads(tmp_path, caplog) -> None:
    picture(tmp_path / "a b.png")
    box = {"x": 10.0, "y": 20.0, "width": 20.0, "height": 10.0, "rotation": 90, "rectanglelabels": ["HSIL"]}
    brush = {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["HSIL"]}}
    results = [{"type": "rectanglelabels", "value": box}, brush]
    tasks = [
        {
            "data": {"image": "/data/upload/1/1a2b3c4d-a b.png"},
            "annotations": [{"result": []}, {"result": results}, {"was_cancelled": True, "result": []}],
        }
    ]
    text(tmp_path / "export.json", json.dumps(tasks))
    (one,) = read_labels("label-studio", tmp_path)
    assert one.marks[0].centre_px == pytest.approx((15 - 6, 24 + 15)), "turned by 90 degrees around its corner"
    assert "regions of type brushlabels" in caplog.text
    assert "before the last of their task" in caplog.text


def test_asap_and_dsa_as_they_export(tmp_path) -> None:
    picture(tmp_path / "a.png")
    places = "".join(f'<Coordinate Order="{at}" X="{x}" Y="{y}"/>' for at, (x, y) in enumerate([(10, 10), (20, 30)]))
    one = '<Annotation Name="{0}" Type="{1}" PartOfGroup="{2}" Color="#000"><Coordinates>{3}</Coordinates></Annotation>'
    rows = one.format("a", "PointSet", "HSIL", places) + one.format("b", "Dot", "None", places)
    text(tmp_path / "a.xml", f"<ASAP_Annotations><Annotations>{rows}</Annotations></ASAP_Annotations>")
    assert [mark.points for mark in read_labels("asap", tmp_path)[0].marks] == [((10, 10),), ((20, 30),)]
    element = {"type": "ellipse", "center": [50, 60, 0], "width": 10, "height": 20, "rotation": 0, "group": "LSIL"}
    other = {"type": "arrow", "points": [[0, 0, 0]], "label": {"value": "HSIL"}}
    text(tmp_path / "a.json", json.dumps([{"annotation": {"name": "x", "elements": [element, other]}}]))
    assert read_labels("dsa", tmp_path)[0].marks == (Mark.box("LSIL", 45, 50, 10, 20),)


def test_two_pictures_of_one_name_are_not_guessed(tmp_path) -> None:
    for folder in ("a", "b"):
        picture(tmp_path / folder / "same.png")
    coco(tmp_path, file_name="/lab/same.png")
    with pytest.raises(DatasetError, match="2 pictures of that name"):
        read_labels("coco", tmp_path)


def studio(root: Path, *results) -> Path:
    picture(root / "a.png")
    task = {"data": {"image": "a.png"}, "annotations": [{"result": results}]}
    return text(root / "export.json", json.dumps([task]))


def test_a_picture_whose_marks_are_all_left_out_is_not_one_that_shows_nothing(tmp_path, caplog) -> None:
    root = tmp_path / "coco"
    for name in "bc":
        picture(root / f"{name}.png")
    labels = json.loads(coco(root).read_text())
    labels["images"] += [{"id": 2, "file_name": "b.png"}, {"id": 3, "file_name": "c.png"}]
    crowd = {"id": 2, "image_id": 2, "category_id": 3, "iscrowd": 1, "segmentation": {"counts": [1], "size": [1, 1]}}
    text(root / "annotations.json", json.dumps(labels | {"annotations": [*labels["annotations"], crowd]}))
    assert {one.path.name: len(one.marks) for one in read_labels("coco", root)} == {"a.png": 1, "c.png": 0}
    assert "1 crowd annotations" in caplog.text
    assert "1 pictures with nothing but such marks" in caplog.text
    studio(tmp_path / "ls", {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["HSIL"]}})
    with pytest.raises(DatasetError, match="marks nothing in 0 pictures"):
        read_labels("label-studio", tmp_path / "ls")


def test_a_few_marks_outside_are_left_out(tmp_path, caplog) -> None:
    labels = json.loads(coco(tmp_path).read_text())
    own = {"image_id": 1, "category_id": 3}
    places = [[at, 10, 4, 4] for at in (*range(100), 500)]
    labels["annotations"] = [{"id": at, "bbox": box} | own for at, box in enumerate(places)]
    text(tmp_path / "annotations.json", json.dumps(labels))
    assert len(read_labels("coco", tmp_path)[0].marks) == 100
    assert "left out: 1 marks outside of their pictures" in caplog.text


@pytest.mark.parametrize("name", ["coco", "cvat"])
def test_labels_that_say_another_size_are_refused(name, tmp_path) -> None:
    if name == "coco":
        coco(tmp_path, width=2 * WIDTH)
    else:
        picture(tmp_path / "a.png")
        box = '<box label="a" xtl="1" ytl="1" xbr="3" ybr="3"/>'
        image = f'<image name="a.png" width="{2 * WIDTH}" height="{HEIGHT}">{box}</image>'
        text(tmp_path / "a.xml", f"<annotations>{image}</annotations>")
    with pytest.raises(DatasetError, match=r"150 x 120 px, and .* says 300 x 120"):
        read_labels(name, tmp_path)


def test_coco_with_an_id_twice_is_refused(tmp_path) -> None:
    labels = json.loads(coco(tmp_path).read_text())
    picture(tmp_path / "b.png")
    for key, more in (("images", {"id": 1, "file_name": "b.png"}), ("categories", {"id": 3, "name": "LSIL"})):
        text(tmp_path / "annotations.json", json.dumps(labels | {key: [*labels[key], more]}))
        with pytest.raises(DatasetError, match=f"{key} have the same id"):
            read_labels("coco", tmp_path)


def test_coco_takes_the_part_from_the_folder_and_no_key_point_that_is_not_labelled(tmp_path) -> None:
    for part in ("train", "valid"):
        coco(tmp_path / part).rename(tmp_path / part / "_annotations.coco.json")
    assert {one.split for one in read_labels("coco", tmp_path)} == {"train", "validation"}
    with pytest.raises(DatasetError, match="no box of any size"):
        read_labels("coco", coco(tmp_path / "points", {"bbox": [0, 0, 0, 0], "keypoints": [0, 0, 0]}))


def test_marks_of_a_picture_that_is_absent_do_not_go_to_its_namesake(tmp_path) -> None:
    labels = json.loads(coco(tmp_path, file_name="s1/b.png", width=0).read_text())
    picture(tmp_path / "s2" / "b.png")
    labels["images"].append({"id": 2, "file_name": "s2/b.png"})
    text(tmp_path / "annotations.json", json.dumps(labels))
    with pytest.raises(DatasetError, match=r"'s2/b.png' and 's1/b.png', and only s2/b.png is there"):
        read_labels("coco", tmp_path)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_pictures_of_one_name_in_several_folders_come_back(name, tmp_path) -> None:
    paths = [picture(tmp_path / "in" / folder / "a.png") for folder in ("s1", "s2")]
    made = [LabelledPicture(path, (Mark.box(path.parent.name, 20, 20, 10, 10),)) for path in paths]
    write_labels(name, made, (tmp_path / "in",), tmp_path / "out")
    back = {one.path.parent.name: one.marks[0].label for one in read_labels(name, tmp_path / "out")}
    assert back == {"s1": "s1", "s2": "s2"}


def test_windows_folders_tell_pictures_of_one_name_apart(tmp_path) -> None:
    for folder in ("s1", "s2"):
        picture(tmp_path / folder / "b.png")
    coco(tmp_path, file_name="C:\\lab\\s2\\b.png")
    assert read_labels("coco", tmp_path)[0].path == tmp_path / "s2" / "b.png"


@pytest.mark.parametrize("name", ["http://[", "\0", "a" * 5000, "a/" * 3000, "/data/x?d=" + "a" * 5000])
def test_names_that_cannot_be_are_refused(name, tmp_path) -> None:
    with pytest.raises(DatasetError):
        read_labels("coco", coco(tmp_path, file_name=name))


@pytest.mark.parametrize("data", [{}, {"image": None, "id": 3}])
def test_a_label_studio_task_without_a_picture_is_named(data, tmp_path) -> None:
    text(tmp_path / "export.json", json.dumps([{"data": data, "annotations": [{"result": []}]}]))
    with pytest.raises(DatasetError, match=r"export\.json cannot be understood: a task has no picture"):
        read_labels("label-studio", tmp_path)


def test_label_studio_classes_of_a_region_are_not_of_the_picture(tmp_path, caplog) -> None:
    box = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    region = {"id": "r", "type": "rectanglelabels", "value": box | {"rectanglelabels": ["HSIL", "LSIL"]}}
    rating = {"type": "rating", "value": {"rating": 4}}
    studio(tmp_path, region, rating, {"id": "r", "type": "choices", "value": box | {"choices": ["doubtful"]}})
    assert read_labels("label-studio", tmp_path)[0].marks == (Mark.box("HSIL", 15, 12, 30, 24),)
    assert "1 regions of type choices" in caplog.text and "1 regions of type rating" in caplog.text
    assert "1 classes after the first of their region" in caplog.text
    studio(tmp_path, {"type": "rectanglelabels", "value": box | {"rectanglelabels": "HSIL"}})
    with pytest.raises(DatasetError, match="rectanglelabels are 'HSIL', no list"):
        read_labels("label-studio", tmp_path)
    studio(tmp_path, {"type": "polygonlabels", "value": {"points": [], "polygonlabels": ["HSIL"]}})
    with pytest.raises(DatasetError, match="an outline has no points"):
        read_labels("label-studio", tmp_path)


def test_turned_ellipses_keep_their_turn(tmp_path) -> None:
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 5, "rotation": 90, "ellipselabels": ["a"]}
    studio(tmp_path / "ls", {"type": "ellipselabels", "value": ellipse})
    assert read_labels("label-studio", tmp_path / "ls")[0].marks[0].bounds == pytest.approx((69, 30, 81, 90))
    picture(tmp_path / "cvat" / "a.png")
    child = '<ellipse label="a" cx="75" cy="60" rx="30" ry="6" rotation="90"/>'
    text(tmp_path / "cvat" / "a.xml", f'<annotations><image name="a.png">{child}</image></annotations>')
    assert read_labels("cvat", tmp_path / "cvat")[0].marks[0].bounds == pytest.approx((69, 30, 81, 90))


def test_a_polyline_that_does_not_say_that_it_is_closed_is_open(tmp_path, caplog) -> None:
    picture(tmp_path / "a.png")
    line = {"type": "polyline", "points": [[1, 1, 0], [9, 1, 0], [9, 9, 0]], "group": "HSIL"}
    text(tmp_path / "a.json", json.dumps({"elements": [line, line | {"closed": True, "holes": []}]}))
    assert [mark.shape for mark in read_labels("dsa", tmp_path)[0].marks] == ["polygon"]
    assert "1 elements of type polyline" in caplog.text


def test_yolo_of_poses_or_of_one_text_is_refused_and_pictures_may_share_a_text(tmp_path) -> None:
    text(tmp_path / "obj.names", "HSIL\n")
    for name in ("p.png", "p.bmp"):
        picture(tmp_path / name)
    labels = text(tmp_path / "p.txt", "0 0.5 0.5 0.1 0.1 0.4 0.4\n")
    assert [len(one.marks) for one in read_labels("yolo", tmp_path)] == [1, 1]
    with pytest.raises(DatasetError, match="is a file"):
        read_labels("yolo", labels)
    text(tmp_path / "data.yaml", "names: [null, HSIL]")
    with pytest.raises(DatasetError, match="of 1 classes"):
        read_labels("yolo", tmp_path)
    text(tmp_path / "data.yaml", "names: [HSIL]\nkpt_shape: [1, 2]")
    with pytest.raises(DatasetError, match="are poses"):
        read_labels("yolo", tmp_path)


def test_a_table_of_pictures_that_names_others_is_not_ignored(tmp_path, caplog) -> None:
    coco(tmp_path)
    text(tmp_path / "pictures.csv", "path,group\nimages/a.png,patient\n")
    with pytest.raises(DatasetError, match=r"no row of pictures.csv is of a labelled picture: images/a.png"):
        read_labels("coco", tmp_path)
    text(tmp_path / "pictures.csv", "path,group\na.png,patient\nb.png,patient\n")
    assert read_labels("coco", tmp_path)[0].group == "patient"
    assert "1 rows are of no labelled picture: b.png" in caplog.text


def test_a_slide_is_copied_with_all_its_files(tmp_path) -> None:
    names = ["m.mrxs", "m/Slidedat.ini", "m/Data0001.dat"]
    for name in names:
        text(tmp_path / "in" / name, "x")
    made = LabelledPicture(tmp_path / "in" / "m.mrxs", (Mark("HSIL", "point", ((1, 1),)),))
    write_labels("dsa", [made], (tmp_path / "in",), tmp_path / "out")
    assert all((tmp_path / "out" / "images" / name).is_file() for name in names)


@pytest.mark.parametrize(("name", "other"), [("coco", "images/a.png"), ("yolo", "a.bmp")])
def test_no_picture_takes_the_place_of_another(name, other, tmp_path) -> None:
    made = [LabelledPicture(picture(tmp_path / one), (Mark.box("HSIL", 5, 5, 9, 9),)) for one in ("a.png", other)]
    with pytest.raises(DatasetError, match="the same name or the same labels"):
        write_labels(name, made, (tmp_path,), tmp_path / "out")
