"""The same picture under two names: found whatever its file, and kept from two labels and two sides."""

import cv2
import numpy as np
import pytest
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.duplicates import find_duplicates, shared_digests, without_conflicts
from unmissed.datasets.records import Record
from unmissed.datasets.splits import check_no_leak, k_folds
from unmissed.datasets.verify import verify


def put(path, seed=0, size=(20, 24), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def apart(records, root, **options):
    return without_conflicts(records, shared_digests([record.path for record in records]), root, **options)


def names(records, root):
    return [record.name(root) for record in records]


def test_digests_are_those_of_the_pixels(tmp_path):
    first = put(tmp_path / "a.jpg", quality=90)
    whole = first.read_bytes()
    for marker in (b"\xff\xe1", b"\xff\xfe"):  # EXIF, comment
        whole = whole[:2] + marker + b"\0\x0eanother one!" + whole[2:]
    (tmp_path / "b.jpg").write_bytes(whole)
    (tmp_path / "c.jpg").write_bytes(whole)
    cv2.imwrite(str(tmp_path / "d.png"), cv2.imread(str(first)))
    put(tmp_path / "e.png")  # the pixels before the JPEG lost some of them
    put(tmp_path / "f.jpg", seed=1, quality=90)
    put(tmp_path / "alone.png", seed=2, size=(30, 31))
    (tmp_path / "broken.jpg").write_bytes(whole[:200])
    paths = sorted(tmp_path.iterdir())
    read = []
    digests = {path.name: digest for path, digest in shared_digests(paths, lambda: read.append(1)).items()}
    assert len(read) == len(paths) and "alone.png" not in digests
    assert len({digests[name] for name in ("a.jpg", "b.jpg", "c.jpg", "d.png")}) == 1
    assert len({digests[name] for name in ("a.jpg", "e.png", "f.jpg")}) == 3
    (tmp_path / "d.png").unlink()
    (tmp_path / "e.png").unlink()
    only_jpeg = shared_digests([path for path in paths if path.suffix == ".jpg"])
    assert len({only_jpeg[tmp_path / name] for name in ("a.jpg", "b.jpg", "c.jpg")}) == 1
    assert only_jpeg[tmp_path / "f.jpg"] != only_jpeg[tmp_path / "a.jpg"]


def test_two_labels_leave_a_picture_out_and_copies_leave_one(tmp_path):
    for name, seed in (("cat/0", 0), ("cat/1", 1), ("cat/copy", 1), ("dog/2", 2), ("dog/0", 0), ("dog/3", 3)):
        put(tmp_path / f"{name}.png", seed)
    kept, lines = apart(registry.get("folder").read(tmp_path), tmp_path)
    assert names(kept, tmp_path) == ["cat/1.png", "dog/2.png", "dog/3.png"]
    assert lines == [
        "1 picture under more than one label, left out: cat/0.png = dog/0.png (cat / dog)",
        "1 picture on two sides of the split, the copies left out: cat/copy.png (as cat/1.png)",
    ]


@pytest.mark.parametrize(("parts", "kept"), [("train,test", "b"), ("test,train", "a"), ("validation,train", "a")])
def test_of_copies_the_one_in_the_test_part_stays(tmp_path, parts, kept):
    first, second = (None if part == "" else part for part in parts.split(","))
    records = [
        Record(put(tmp_path / f"{name}.png"), "x", "p1", split=part) for name, part in (("a", first), ("b", second))
    ]
    assert names(apart(records, tmp_path)[0], tmp_path) == [f"{kept}.png"]


def test_copies_within_one_group_stay(tmp_path):
    records = [Record(put(tmp_path / f"{name}.png"), "x", "p1") for name in "ab"]
    assert apart(records, tmp_path) == (records, [])


def test_groups_of_places_in_one_picture_are_joined_and_then_never_part(tmp_path):
    put(tmp_path / "a.png"), put(tmp_path / "copy.png"), put(tmp_path / "c.png", 1), put(tmp_path / "d.png", 2)
    places = [("a", "p1"), ("copy", "p2"), ("c", "p2"), ("c", "p3"), ("d", "p4"), ("d", "p4")]
    records = [
        Record(tmp_path / f"{name}.png", "xy"[k % 2], group, centre_px=(k, k)) for k, (name, group) in enumerate(places)
    ]
    kept, lines = apart(records, tmp_path)
    assert [record.group for record in kept] == ["p1"] * 4 + ["p4"] * 2
    assert lines == ["2 pictures in several groups, which were joined: p1 and p2, p2 and p3"]
    for split in k_folds(kept, 2, seed=0, val_fraction=0):
        check_no_leak(split, kept)
    assert apart(records, tmp_path, join=False) == (records, [])


def test_verify_names_the_labels(tmp_path):
    put(tmp_path / "cat" / "a.png", 0), put(tmp_path / "dog" / "b.bmp", 0), put(tmp_path / "dog" / "c.png", 1)
    result = verify(registry.get("folder"), tmp_path)
    assert [one.labels for one in result.duplicates] == [("cat", "dog")]
    assert not result.is_sound and result.as_json()["duplicates"][0]["labels"] == ["cat", "dog"]
    records = registry.get("folder").read(tmp_path)
    assert find_duplicates(records, {}) == []
