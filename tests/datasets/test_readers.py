"""Every reader reads its official layout, drawn here, and the real (trimmed) data where they are present."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.splits import check_no_leak, holdout


def put(path: Path, width: int = 8, height: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 128, np.uint8)).save(path)
    return path


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(name, root):
    return registry.get(name).read(root)


def labels(records):
    return dict(Counter(record.label for record in records))


@pytest.mark.parametrize("nested", ["im_{0}/CROPPED", "im_{0}/im_{0}/CROPPED"])
def test_sipakmed(tmp_path, nested):
    for label in registry.get("sipakmed").info.counts:
        put(tmp_path / nested.format(label) / "001_01.bmp")
        put(tmp_path / nested.format(label) / "001_02.bmp")
        put(tmp_path / nested.format(label) / ".." / "001.bmp")  # the cluster image is no cell
    records = read("sipakmed", tmp_path)
    assert len(records) == 10 and {r.group for r in records if r.label == "Parabasal"} == {"Parabasal/001"}


def test_herlev_leaves_the_segmentations_out(tmp_path):
    for label in registry.get("herlev").info.counts:
        put(tmp_path / "smear2005" / "New database pictures" / label / "149143370-149143378-001.BMP")
        put(tmp_path / "smear2005" / "New database pictures" / label / "149143370-149143378-001-d.bmp")
    records = read("herlev", tmp_path)
    assert len(records) == 7 and {r.group for r in records} == {"149143370"}


CRIC_HEADER = "image_id,image_filename,image_doi,cell_id,bethesda_system,nucleus_x,nucleus_y"


def test_cric_official_coordinates_follow_the_width_of_the_file(tmp_path):
    put(tmp_path / "a.png", 1376, 1020)
    put(tmp_path / "images" / "b.png", 688, 510)
    table(
        tmp_path / "classifications.csv",
        CRIC_HEADER,
        "194,a.png,doi,1,Negative for intraepithelial lesion,100,200",
        "196,b.png,doi,2,HSIL,100,200",
        "197,a.png,doi,3,ASC-H,1,1",
        "300,gone.png,doi,4,SCC,1,1",
    )
    records = read("cric", tmp_path)
    assert [r.label for r in records] == ["NILM", "HSIL", "ASC-H"]
    assert [r.centre_px for r in records[:2]] == [(100, 200), (50, 100)]
    assert [r.um_per_px for r in records[:2]] == pytest.approx([0.228, 0.456])
    assert records[0].group == records[1].group != records[2].group


def test_cric_json(tmp_path):
    put(tmp_path / "images" / "a.png", 1376, 1020)
    cells = [
        {"cell_id": i, "bethesda_system": b, "nucleus_x": 9, "nucleus_y": 7} for i, b in enumerate(("SCC", "LSIL"))
    ]
    fields = [{"image_id": 1, "image_name": "a.png", "classifications": cells}]
    (tmp_path / "classifications.json").write_text(json.dumps(fields))
    assert labels(read("cric", tmp_path)) == {"SCC": 1, "LSIL": 1}
    (tmp_path / "classifications.json").write_text('[{"image_id": 1}]')
    with pytest.raises(DatasetError, match=r"not the official table"):
        read("cric", tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,a.png,doi,1,Unclear,1,1", "unknown Bethesda class"),
        ("1,a.png,doi,1,SCC,left,1", "not a number"),
        ("1,../../secret.png,doi,1,SCC,1,1", "outside the dataset folder"),
        ("1,/etc/secret.png,doi,1,SCC,1,1", "outside the dataset folder|none of them is there"),
        ("1,gone.png,doi,1,SCC,1,1", "none of them is there"),
        ("1,a.png,doi,1,SCC,5000,1", "outside their fields"),
    ],
)
def test_cric_bad_rows(tmp_path, row, words):
    put(tmp_path / "a.png", 1376, 1020)
    table(tmp_path / "classifications.csv", CRIC_HEADER, row)
    with pytest.raises(DatasetError, match=words):
        read("cric", tmp_path)


def test_mendeley_lbc(tmp_path):
    for folder in ("Negative for Intraepithelial malignancy", "Squamous cell carcinoma"):
        put(tmp_path / folder / "NL_1_ (1).jpg")
    for folder in ("High squamous intra-epithelial lesion", "Low squamous intra-epithelial lesion"):
        put(tmp_path / folder / "x.jpg")
    assert labels(read("mendeley-lbc", tmp_path)) == {"NILM": 1, "SCC": 1, "HSIL": 1, "LSIL": 1}


@pytest.mark.parametrize("name", ["kvasir-v1", "kvasir-v2"])
def test_kvasir(tmp_path, name):
    for label in registry.get(name).info.counts:
        put(tmp_path / "kvasir-dataset" / label / "a.jpg")
    records = read(name, tmp_path)
    assert len(records) == 8 == len({r.group for r in records})


def test_hyperkvasir_official_folders_and_folds(tmp_path):
    base = tmp_path / "hyperkvasir" / "labeled-images"
    put(base / "lower-gi-tract" / "anatomical-landmarks" / "cecum" / "a.jpg")
    put(base / "upper-gi-tract" / "pathological-findings" / "esophagitis-a" / "b.jpg")
    split = tmp_path / "official_splits" / "hyper-kvasir" / "5_fold_split.csv"
    assert [r.fold for r in read("hyperkvasir", tmp_path / "hyperkvasir")] == [None, None]
    table(split, "file-name;class-name;split-index", "a.jpg;normal-cecum;3", "b.jpg;oesophagitis-a;0")
    records = read("hyperkvasir", tmp_path / "hyperkvasir")
    assert [(r.label, r.fold) for r in records] == [("normal-cecum", 3), ("oesophagitis-a", 0)]


def test_gastrovision_split_of_the_22_classes(tmp_path):
    put(tmp_path / "Accessory tools" / "a.jpg")
    put(tmp_path / "Gastroesophageal_junction_normal z-line" / "b.jpg")
    put(tmp_path / "Ulcer" / "c.jpg")
    table(tmp_path / "train.csv", "Filename,Class", "a.jpg,Accessory tools")
    table(tmp_path / "test.csv", "Filename,Class", "b.jpg,Gastroesophageal_junction_normal z-line")
    assert [r.split for r in read("gastrovision", tmp_path)] == ["train", "test", None]


def test_gastrovision_names_count_only_with_their_class(tmp_path):
    put(tmp_path / "Cecum" / "100H0003.jpg")
    put(tmp_path / "Colon polyps" / "100H0003.jpg")
    table(tmp_path / "train.csv", "Filename,Class", "100H0003.jpg,Cecum")
    table(tmp_path / "test.csv", "Filename,Class", "100H0003.jpg,Colon polyps")
    records = read("gastrovision", tmp_path)
    assert [r.split for r in records] == ["train", "test"]
    check_no_leak(holdout(records, 0.5, 0), records)


RATERS = (
    "FG1 (Team A),FG2 (Team A),G1 (Team B),G2 (Team B),Complete agreement,Triple agreement,FG agreement,G agreement"
)


def test_gastrohun_agreement_split_and_patient(tmp_path):
    for name in ("a", "b", "c"):
        put(tmp_path / "Labeled Images" / "1" / f"{name}.jpg")
    table(
        tmp_path / "image_classification.csv",
        f",num patient,filename,{RATERS},set_type",
        "0,1,a.jpg,A1,A1,A1,A1,A1,A1,A1,A1,Train",
        "1,1,b.jpg,L1,A1,A1,A1,,A1,,A1,Train",
        "2,2,c.jpg,OTHERCLASS,OTHERCLASS,OTHERCLASS,OTHERCLASS,OTHERCLASS,OTHERCLASS,OTHERCLASS,OTHERCLASS,Test",
        "3,2,gone.jpg,P1,P1,P1,P1,P1,P1,P1,P1,Test",
    )
    records = read("gastrohun", tmp_path)
    assert [(r.path.stem, r.label, r.group, r.split) for r in records] == [
        ("a", "A1", "patient-1", "train"),
        ("c", "NA", "patient-2", "test"),
    ]


@pytest.mark.parametrize("folder", ["{}", "bbps_{}"])
def test_nerthus_groups_by_video(tmp_path, folder):
    for score in range(4):
        put(
            tmp_path
            / "nerthus-dataset-frames"
            / folder.format(score)
            / f"bowel_{score + 1}_score_{score}-0_00000001.jpg"
        )
    assert {r.label: r.group for r in read("nerthus", tmp_path)}["bbps-2"] == "video-3"


@pytest.mark.parametrize(
    ("name", "image", "mask"),
    [
        ("kvasir-seg", "Kvasir-SEG/images/a.jpg", "Kvasir-SEG/masks/a.jpg"),
        ("cvc-clinicdb", "CVC-ClinicDB/Original/26.tif", "CVC-ClinicDB/Ground Truth/26.tif"),
        ("polypgen", "data_C1/images_C1/102OLCV1_100H0006.jpg", "data_C1/masks_C1/102OLCV1_100H0006_mask.jpg"),
    ],
)
def test_mask_sets(tmp_path, name, image, mask, caplog):
    put(tmp_path / image)
    with pytest.raises(DatasetError, match="with masks"):
        read(name, tmp_path)
    put(tmp_path / mask)
    put((tmp_path / image).with_stem("lonely"))
    (record,) = read(name, tmp_path)
    assert (record.path, record.mask, record.label) == (tmp_path / image, tmp_path / mask, "")
    assert "1 pictures have no mask" in caplog.text
    assert record.group == {"kvasir-seg": "a", "cvc-clinicdb": "sequence-2", "polypgen": "102OLCV1"}[name]


def test_own_folder_with_and_without_parts(tmp_path):
    for part in ("train", "val", "test"):
        for label in ("cat", "dog"):
            put(tmp_path / part / label / "deep" / "a.jpg")
    assert {(r.label, r.split) for r in read("folder", tmp_path)} == {
        (label, part) for label in ("cat", "dog") for part in ("train", "validation", "test")
    }
    records = read("folder", tmp_path / "train")
    assert labels(records) == {"cat": 1, "dog": 1} and {r.split for r in records} == {None}
    assert [c.id for c in registry.get("folder").classes(records)] == ["cat", "dog"]


def test_own_table(tmp_path):
    put(tmp_path / "a.jpg")
    header = "path,label,group,split,fold,x_px,y_px"
    path = table(tmp_path / "labels.csv", header, "a.jpg,x,p1,train,2,3.5,4", "a.jpg,y,,,,,", "gone.jpg,x,,,,,")
    first, second = read("csv", tmp_path)
    assert (first.group, first.split, first.fold, first.centre_px) == ("p1", "train", 2, (3.5, 4.0))
    assert (second.group, second.split, second.fold, second.centre_px) == ("a.jpg", None, None, None)
    assert read("csv", path) == [first, second]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.jpg,,p,,,,", "line 2 has no label"),
        ("a.jpg,x,p,holdout,,,", "holdout"),
        ("a.jpg,x,p,,one,,", "fold is 'one'"),
        ("a.jpg,x,p,,,3,", "only one of x_px and y_px"),
        ("../a.jpg,x,p,,,,", "outside the dataset folder"),
    ],
)
def test_own_table_bad_rows(tmp_path, row, words):
    put(tmp_path / "a.jpg")
    put(tmp_path / "sub" / "a.jpg")
    table(tmp_path / "sub" / "labels.csv", "path,label,group,split,fold,x_px,y_px", row)
    with pytest.raises(DatasetError, match=words):
        read("csv", tmp_path / "sub")


def test_a_link_that_leads_outside_is_not_followed(tmp_path):
    put(tmp_path / "secret.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    table(tmp_path / "set" / "labels.csv", "path,label", "a.jpg,x")
    with pytest.raises(DatasetError, match="outside the dataset folder"):
        read("csv", tmp_path / "set")


def test_table_in_latin1_and_without_columns(tmp_path):
    (tmp_path / "labels.csv").write_bytes("path,label\nn\xe4.jpg,x\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="UTF-8"):
        read("csv", tmp_path)
    table(tmp_path / "labels.csv", "file,label", "a.jpg,x")
    with pytest.raises(DatasetError, match="no column path"):
        read("csv", tmp_path)


@pytest.mark.parametrize("name", registry.names())
def test_a_missing_folder_says_where_and_how(tmp_path, name):
    with pytest.raises(DatasetError) as caught:
        read(name, tmp_path / "nowhere")
    for word in (str(tmp_path / "nowhere"), "--root", "UNMISSED_DATA"):
        assert word in str(caught.value)
    assert caught.value.expected == registry.get(name).info.layout


@pytest.mark.parametrize("name", registry.names())
def test_an_empty_folder_says_what_is_expected(tmp_path, name):
    with pytest.raises(DatasetError) as caught:
        read(name, tmp_path)
    assert caught.value.expected == registry.get(name).info.layout


def test_missing_classes_warn_and_a_single_class_is_refused(tmp_path, caplog):
    put(tmp_path / "polyps" / "a.jpg")
    with pytest.raises(DatasetError, match=r"only one class.*missing: dyed-lifted-polyps"):
        read("kvasir-v2", tmp_path)
    put(tmp_path / "esophagitis" / "a.jpg")
    assert len(read("kvasir-v2", tmp_path)) == 2
    assert "no pictures of dyed-lifted-polyps" in caplog.text


def test_registry_lists_close_names_and_every_class_is_translated():
    with pytest.raises(DatasetError, match="sipakmed"):
        registry.get("sipakmd")
    for name in registry.names():
        info = registry.get(name).info
        assert not info.counts or set(info.counts) == {c.id for c in info.classes}
        assert all(c.name and any("\u4e00" <= sign <= "\u9fff" for sign in c.name_zh) for c in info.classes)
        assert len({c.name_zh for c in info.classes}) == len(info.classes)


@pytest.mark.parametrize(
    ("name", "total", "classes"),
    [
        ("sipakmed", 4049, 5),
        ("herlev", 917, 7),
        ("cric", 11_534, 6),
        ("mendeley-lbc", 963, 4),
        ("kvasir-v2", 8000, 8),
        ("kvasir-v1", 4000, 8),
        ("hyperkvasir", 10_662, 23),
        ("gastrovision", 8000, 27),
        ("gastrohun", 5318, 23),
        ("nerthus", 5525, 4),
    ],
)
def test_published_totals(name, total, classes):
    info = registry.get(name).info
    assert (sum(info.counts.values()), len(info.classes)) == (total, classes)


def test_dataset_root(tmp_path, monkeypatch):
    monkeypatch.delenv("UNMISSED_DATA", raising=False)
    assert dataset_root("cric", tmp_path) == tmp_path
    with pytest.raises(DatasetError, match=r"\$UNMISSED_DATA is not set"):
        dataset_root("cric")
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    assert dataset_root("kvasir-v2") == tmp_path / "kvasir-v2"
    (tmp_path / "kvasir-dataset-v2").mkdir()
    assert dataset_root("kvasir-v2") == tmp_path / "kvasir-dataset-v2"
    (tmp_path / "kvasir-v2").mkdir()
    assert dataset_root("kvasir-v2") == tmp_path / "kvasir-v2"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "folder", "classes"),
    [
        ("sipakmed", "sipakmed", 5),
        ("herlev", "herlev", 7),
        ("cric", "cric", 6),
        ("hyperkvasir", "hyperkvasir-samples", 23),
        ("kvasir-v2", "kvasir-v2-samples", 8),
        ("nerthus", "nerthus-samples", 4),
        ("kvasir-seg", "kvasir-seg", 1),
        ("cvc-clinicdb", "cvc-clinicdb", 1),
        ("polypgen", "polypgen", 1),
    ],
)
def test_real_data(data_root, name, folder, classes):
    dataset = registry.get(name)
    records = dataset.read(data_root / folder)
    found = {r.label for r in records}
    assert found == ({c.id for c in dataset.info.classes} if dataset.info.task == "classification" else {""})
    assert len(dataset.classes(records)) == classes
    assert all(r.path.is_file() and (r.mask is None or r.mask.is_file()) for r in records)
    assert len(records) <= sum(dataset.info.counts.values())


@pytest.mark.data
def test_counts_agree_with_the_official_tables(data_root):
    splits = data_root / "official_splits"
    sources = {
        "hyperkvasir": (splits / "hyper-kvasir" / "5_fold_split.csv", ";", "class-name"),
        "gastrovision": (splits / "gastrovision" / "GastroVision_metadata.csv", ",", "Class"),
        "gastrohun": (splits / "gastrohun" / "image_classification.csv", ",", "Complete agreement"),
    }
    for name, (path, delimiter, column) in sources.items():
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found = Counter(row[column] for row in csv.DictReader(stream, delimiter=delimiter))
        found["NA"] += found.pop("OTHERCLASS", 0)
        assert {k: v for k, v in found.items() if k and v} == registry.get(name).info.counts


@pytest.mark.data
def test_overlapping_cric_fields_share_a_group(data_root):
    with (data_root / "cric" / "classifications.csv").open(newline="") as stream:
        ids = {row["image_filename"]: int(row["image_id"]) for row in csv.DictReader(stream)}
    groups = {ids[r.path.name]: r.group for r in read("cric", data_root / "cric")}
    assert groups.get(194) == groups.get(196)
    assert all((a - 1) // 4 == (b - 1) // 4 for a in groups for b in groups if groups[a] == groups[b])
