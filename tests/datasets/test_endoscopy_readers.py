"""Readers of endoscopy sets: sites by day, polyps by kind, official folds that lie beside a link."""

import cv2
import numpy as np
import pytest

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.masks import read_kinds, read_mask


def put(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), 128, np.uint8) if pixels is None else pixels)
    return path


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def sites(root, *rows):
    for name in ("antrum/a.jpg", "antrum/b.jpg", "body/c.jpg"):
        put(root / name)
    write(root / "index.csv", "path,site,day,exam", *rows)
    return root


GOOD = ("antrum/a.jpg,antrum,7,1", "antrum/b.jpg,antrum,8,2", "body/c.jpg,body,7,1")


def test_the_day_keeps_pictures_together(tmp_path):
    records = registry.get("upper-gi-sites").read(sites(tmp_path, *GOOD, "body/gone.jpg,body,9,3"))
    assert [(r.path.name, r.label, r.group) for r in records] == [
        ("a.jpg", "antrum", "day-7"),
        ("b.jpg", "antrum", "day-8"),
        ("c.jpg", "body", "day-7"),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("antrum/a.jpg,rectum,7,1", "line 5, has the site 'rectum'"),
        ("antrum/a.jpg,antrum,,1", "the day ''"),
        ("../a.jpg,antrum,7,1", "outside the dataset folder"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, row, words):
    with pytest.raises(DatasetError, match=words):
        registry.get("upper-gi-sites").read(sites(tmp_path, *GOOD, row))


def test_sites_without_their_table(tmp_path):
    put(tmp_path / "antrum" / "a.jpg")
    with pytest.raises(DatasetError, match=r"no index\.csv"):
        registry.get("upper-gi-sites").read(tmp_path)


def two_polyps():
    """BGR, red on the left and green on the right."""
    mask = np.zeros((40, 60, 3), np.uint8)
    mask[10:25, 5:20] = (0, 0, 255)
    mask[10:25, 35:50] = (0, 255, 0)
    return mask


@pytest.mark.parametrize("name", ["neopolyp", "neopolyp-kinds"])
@pytest.mark.parametrize(
    ("picture", "mask"),
    [
        ("train/train/a.jpeg", "train_gt/train_gt/a.jpeg"),
        ("train/a.png", "train_gt/a.png"),
        ("images/a.jpg", "masks/a.png"),
    ],
)
def test_polyps_in_each_layout(tmp_path, name, picture, mask):
    put(tmp_path / picture)
    put(tmp_path / mask, two_polyps())
    put(tmp_path / "test" / "test" / "b.jpeg")
    (record,) = registry.get(name).read(tmp_path)
    assert (record.path, record.mask, record.group) == (tmp_path / picture, tmp_path / mask, "a")


@pytest.mark.parametrize("suffix", ["png", "jpeg"])
def test_a_mask_says_where_polyps_are_and_of_which_kind(tmp_path, suffix):
    path = put(tmp_path / f"a.{suffix}", two_polyps())
    mask, _ = read_mask(path, 60, 40)
    kinds = read_kinds(path, mask)
    assert (kinds[17, 12], kinds[17, 42], kinds[35, 30]) == (1, 2, 0)
    assert ((kinds > 0) == mask).all()


def test_the_palette_of_a_mask_is_its_colours(tmp_path):
    from PIL import Image

    image = Image.fromarray(np.repeat(np.array([[0, 1, 2]], np.uint8), 4, axis=0))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.png")
    mask, _ = read_mask(tmp_path / "a.png", 3, 4)
    assert read_kinds(tmp_path / "a.png", mask)[0].tolist() == [0, 1, 2]


def test_official_folds_lie_beside_what_a_link_leads_to(tmp_path):
    for label in ("normal-cecum", "bbps-0-1"):
        put(tmp_path / "far" / "colon" / label / f"{label}.jpg")
    folder = tmp_path / "far" / "official_splits" / "hyper-kvasir"
    folder.mkdir(parents=True)
    rows = ("normal-cecum.jpg;normal-cecum;3", "bbps-0-1.jpg;bbps-0-1;1")
    write(folder / "5_fold_split.csv", "file-name;class-name;split-index", *rows)
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "hyperkvasir").symlink_to(tmp_path / "far" / "colon")
    for root in (tmp_path / "far" / "colon", tmp_path / "near" / "hyperkvasir"):
        assert {r.label: r.fold for r in registry.get("hyperkvasir").read(root)} == {"normal-cecum": 3, "bbps-0-1": 1}
