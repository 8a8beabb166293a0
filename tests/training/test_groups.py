"""Grouping by picture keeps the labels of one picture together; by label, each goes its own way."""

import pytest

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.registry import get
from unmissed.training.data import read_data, read_more_places
from unmissed.training.false_finds import false_finds
from unmissed.training.recipes.data import DataConfig


@pytest.mark.data
@pytest.mark.parametrize("groups", ["dataset", "picture", "none"])
def test_groups_of_nuclei(data_root, groups):
    data = read_data(DataConfig(dataset="cric", root=data_root / "cric", groups=groups))
    pictures = {record.path for record in data.records}
    pairs = {(record.path, record.group) for record in data.records}
    names = {record.group for record in data.records}
    if groups == "picture":
        assert len(pairs) == len(pictures) == len(names)
    elif groups == "dataset":
        assert len(pairs) == len(pictures) > len(names)
    else:
        assert len(names) > len(pictures)


@pytest.mark.data
def test_false_finds_are_new_places_of_normal_fields_and_serve_training(data_root, tmp_path):
    root = data_root / "cric"
    records = get("cric").read(root)
    labels = {}
    for record in records:
        labels.setdefault(record.path, set()).add(record.label)
    normal = next(path for path in sorted(labels) if labels[path] == {"NILM"})
    abnormal = next(path for path in sorted(labels) if labels[path] != {"NILM"})
    known = next(record for record in records if record.path == normal)
    finds = tmp_path / "finds.csv"
    x, y = known.centre_px
    rows = [(normal, x - 60, y - 60, 0.9), (normal, 900, 900, 0.3), (normal, 20, 900, 0.5), (abnormal, 5, 5, 0.9)]
    lines = [
        f"{path},{cx - 64},{cy - 64},128,128,abnormal,{score}" for path, cx, cy, score in [*rows, (normal, x, y, 1)]
    ]
    finds.write_text("path,x_px,y_px,width_px,height_px,class,score\n" + "\n".join(lines) + "\n")
    places = false_finds(records, [finds], "NILM", per_field=10)
    assert (abnormal, (5.0, 5.0)) not in {(place.path, place.centre_px) for place in places}
    assert {place.path for place in places} == {normal}
    assert (x, y) not in {place.centre_px for place in places}
    assert len(false_finds(records, [finds], "NILM", per_field=1)) == 1

    table = tmp_path / "more.csv"
    table.write_text(f"path,label,x_px,y_px\n{normal},NILM,20.5,900\n")
    more = read_more_places(table, records)
    assert [(place.path, place.label, place.centre_px, place.group) for place in more] == [
        (normal, "NILM", (20.5, 900.0), known.group)
    ]
    table.write_text("path,label,x_px,y_px\n/etc/passwd,NILM,1,1\n")
    with pytest.raises(DatasetError, match="not a place in a picture"):
        read_more_places(table, records)
