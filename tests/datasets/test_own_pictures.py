"""Folders and tables of the user's own: a strange folder or row changes nothing else, or is an error that names it."""

import numpy as np
import pytest
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError

HEADER = "path,label,group,split,fold,x_px,y_px,um_per_px"


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), 128, np.uint8)).save(path)


def folder(root):
    return {record.path.relative_to(root).as_posix(): record for record in registry.get("folder").read(root)}


def marks(root):
    return {(record.label, record.split, record.fold) for record in folder(root).values()}


def refused(root, *words, name="folder"):
    with pytest.raises(DatasetError) as caught:
        registry.get(name).read(root)
    for word in words:
        assert word in str(caught.value), str(caught.value)


SPLIT = {(label, part, None) for label in ("cat", "dog") for part in ("train", "test")}


class TestFolders:
    @pytest.mark.parametrize("base", ["", "data/", "data/data/"])
    @pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "TESTING"), ("train_set", "Test-Set")])
    def test_a_split_however_it_is_spelled_and_wrapped(self, tmp_path, base, train, test):
        put(tmp_path, *(f"{base}{part}/{label}/a.png" for part in (train, test) for label in ("cat", "dog")))
        put(tmp_path, f"{base}__MACOSX/{train}/cat/._a.png", ".ipynb_checkpoints/a.png", "empty/none.txt.d/.hidden.png")
        assert marks(tmp_path) == SPLIT

    def test_parts_below_the_classes(self, tmp_path):
        put(tmp_path, *(f"{label}/{part}/a.png" for part in ("train", "test") for label in ("cat", "dog")))
        assert marks(tmp_path) == SPLIT

    @pytest.mark.parametrize("first", [0, 1])
    def test_folds(self, tmp_path, first):
        put(tmp_path, *(f"fold_{first + k}/{label}/a.png" for k in range(3) for label in ("cat", "dog")))
        assert marks(tmp_path) == {(label, None, k) for k in range(3) for label in ("cat", "dog")}

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (["extra/cat/a.png"], ["holds test, train, parts of a split, beside extra", "move extra elsewhere"]),
            (["Training/cat/a.png"], ["Training and train, the same part of a split"]),
            (["val/cat/a.png", "valid/dog/a.png"], ["val and valid, the same part"]),
            (["fold1/cat/a.png"], ["parts of a split", "folds"]),
            (["train/bird/a.png"], []),
            (["test/bird/a.png"], ["no training picture of bird"]),
            (["test/Dog/a.png"], ["the classes 'Dog' and 'dog'", "spell them alike"]),
            (["train/cat/test/a.png", "train/dog/train/a.png"], []),
        ],
    )
    def test_what_does_not_fit_a_split_is_named(self, tmp_path, more, words):
        put(tmp_path, *(f"{part}/{label}/a.png" for part in ("train", "test") for label in ("cat", "dog")), *more)
        if words:
            refused(tmp_path, *words)
        else:
            assert {label for label, _, _ in marks(tmp_path)} >= {"cat", "dog"}

    def test_a_class_that_is_named_like_a_part(self, tmp_path):
        put(tmp_path, "test/a.png", "cat/a.png", "dog/a.png")
        refused(tmp_path, "holds test", "beside cat, dog", "rename what is a class")

    def test_folds_that_hold_splits(self, tmp_path):
        put(
            tmp_path, *(f"fold{k}/{part}/{label}/a.png" for k in (1, 2) for part in ("train", "test") for label in "ab")
        )
        refused(tmp_path, "a split within a split")

    def test_one_class_with_folders_of_patients_is_no_wrapped_dataset(self, tmp_path):
        put(tmp_path, "NILM/p1/a.png", "NILM/p2/b.png")
        refused(tmp_path, "one class only, NILM", f"all pictures are in {tmp_path / 'NILM'}")

    def test_pictures_beside_the_folders_are_counted(self, tmp_path, caplog):
        put(tmp_path, "cat/a.png", "dog/a.png", "overview.png", "plot.png")
        assert len(folder(tmp_path)) == 2
        assert "2 pictures beside the folders of classes are left out: overview.png, plot.png" in caplog.text
        put(tmp_path, "s/train/cat/a.png", "s/train/dog/a.png", "s/test/cat/b.png", "s/test/dog/b.png", "s/train/x.png")
        assert len(folder(tmp_path / "s")) == 4 and "train/x.png" in caplog.text


class TestPublicSets:
    def test_pictures_in_no_folder_of_a_class_are_counted(self, tmp_path, caplog):
        put(tmp_path, "polyps/a.jpg", "esophagitis/a.jpg", "polyps (copy 2)/b.jpg")
        assert len(registry.get("kvasir-v2").read(tmp_path)) == 2
        assert "1 pictures are in no folder of a class and are left out: polyps (copy 2)/b.jpg" in caplog.text

    def test_masks_without_pictures_and_names_that_come_twice(self, tmp_path, caplog):
        put(tmp_path, "images/a.png", "masks/a.png", "masks/b.png", "other/c.png")
        assert len(registry.get("kvasir-seg").read(tmp_path)) == 1
        assert "1 masks have no picture" in caplog.text and "other/c.png" in caplog.text
        put(tmp_path, "masks/a_mask.png")
        refused(tmp_path, "have the same name", "one mask for each picture", name="kvasir-seg")


class TestTables:
    def write(self, root, *rows, header=HEADER, encoding="utf-8"):
        (root / "labels.csv").write_bytes("\r\n".join([header, *rows]).encode(encoding))
        return root

    def read(self, root):
        return registry.get("csv").read(root)

    def test_paths_of_windows(self, tmp_path, caplog):
        put(tmp_path, "img/a.png", "img/b c.png")
        self.write(tmp_path, "img\\a.png,x", " .\\img\\b c.png ,y", "img\\gone.png,y", header="path,label")
        records = self.read(tmp_path)
        assert [(r.path, r.label, r.group) for r in records] == [
            (tmp_path / "img" / "a.png", "x", "img/a.png"),
            (tmp_path / "img" / "b c.png", "y", "img/b c.png"),
        ]
        assert "1 rows of labels.csv name pictures that are absent, first img\\gone.png" in caplog.text

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("C:\\data\\a.png", "an absolute path; "),
            ("..\\a.png", "outside the dataset folder"),
            ("a\0.png", "a path that cannot be"),
            ("x" * 5000 + ".png", "cannot be|none of them is there"),
        ],
    )
    def test_paths_that_lead_nowhere(self, tmp_path, path, words):
        put(tmp_path, "sub/a.png", "a.png")
        with pytest.raises(DatasetError) as caught:
            self.read(self.write(tmp_path / "sub", f"{path},x", header="path,label"))
        assert any(word in str(caught.value) for word in words.split("|"))

    @pytest.mark.parametrize(
        ("encoding", "label", "words"),
        [
            ("utf-16", "x", "is in UTF-16"),
            ("utf-16-be", "x", "no column path"),
            ("gb18030", "挖空细胞", "looks like GBK or GB 18030"),
            ("cp1252", "zähl", "looks like a Western European"),
        ],
    )
    def test_encodings_are_named(self, tmp_path, encoding, label, words):
        put(tmp_path, "a.png")
        refused(self.write(tmp_path, f"a.png,{label}", header="path,label", encoding=encoding), words, name="csv")

    def test_workbooks_and_other_separators(self, tmp_path):
        put(tmp_path, "a.png")
        refused(
            self.write(tmp_path, "a.png;x", header="path;label"), "separated by semicolons", "CSV UTF-8", name="csv"
        )
        refused(self.write(tmp_path, "a.png\tx", header="path\tlabel"), "separated by tabs", name="csv")
        (tmp_path / "labels.csv").write_bytes(b"PK\x03\x04\x14\0")
        refused(tmp_path, "is an Excel workbook", name="csv")

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            (["a.png,nan"], ["line 2 has the label 'nan'", "empty"]),
            (["a.png,x", "b.png,None"], ["line 3 has the label 'None'"]),
            (["a.png,x", "a.png,y"], ["line 3, contradicts line 2"]),
            (["a.png,x,p1", "./a.png,x,p2"], ["line 3, contradicts line 2"]),
            (["a.png,x,p,train", "b.png,y,q,test"], ["no training picture of y"]),
            (["a.png,NILM", "b.png,nilm "], ["'NILM' and 'nilm'"]),
            (["a.png,x,p,,1.5"], ["fold is 1.5", "whole number"]),
            (["a.png,x,p,,inf"], ["fold is 'inf'"]),
            (["a.png,x,p,,,nan,3"], ["x_px is 'nan'"]),
            (['a.png,x,p,,,"3,5",3'], ["x_px is '3,5'", "with a point"]),
            (["a.png,x,p,,,,,0"], ["um_per_px is 0"]),
            (["a.png,x,p,,,1,2,0.5,more"], ["line 2, has more cells than there are columns", "double quotes"]),
            (['"a.png,x', "b.png,y"], ["labels.csv: line 3", "double quote"]),
        ],
    )
    def test_rows_that_cannot_be_what_they_say(self, tmp_path, rows, words):
        put(tmp_path, "a.png", "b.png")
        refused(self.write(tmp_path, *rows), *words, name="csv")

    def test_rows_that_repeat_and_empty_rows(self, tmp_path, caplog):
        put(tmp_path, "a.png", "b.png")
        self.write(tmp_path, "a.png,x,,,,,,", ",,,,,,,", "a.png,x", '"b.png", y ', header=HEADER + ",,")
        assert [record.label for record in self.read(tmp_path)] == ["x", "y"]
        assert "1 rows repeat another one: line 4" in caplog.text

    def test_columns(self, tmp_path):
        put(tmp_path, "a.png")
        refused(self.write(tmp_path, "a.png,x,y", header="path,label,label"), "two columns 'label'", name="csv")
        refused(
            self.write(tmp_path, "a.png,x", header="Path,Label"), "no column path, label", "is it Path for", name="csv"
        )
        assert len(self.read(self.write(tmp_path, "a.png,x", header=" path , label "))) == 1
