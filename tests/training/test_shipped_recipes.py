"""Every recipe that ships trains, on its official layout drawn small, and on real pictures where they are."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest

from unmissed.benchmarks.studies.laboratories.left_out import report, report_model
from unmissed.datasets import registry
from unmissed.training.evaluation.predictions import load_predictions
from unmissed.training.export import export_run
from unmissed.training.recipes.loading import load_recipe

SMALL = (
    *("input.size_px=32", "input.cache_px=40", "input.workers=0", "model.weights=none"),
    *("optimizer.epochs=1", "optimizer.batch_size=16", "bootstrap=100"),
)
UNUSED = {"Angiectasia", "Ulcer", "Erythema", "Esophageal varices", "Resection margins"}


def classes(dataset: str) -> list[str]:
    return [item.id for item in registry.get(dataset).info.classes]


def write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_sipakmed(root, put):
    for label in classes("sipakmed"):
        for index in range(6):
            put(root / f"im_{label}" / "CROPPED" / f"{index:03}_01.bmp", seed=index)


def draw_herlev(root, put):
    for number, label in enumerate(classes("herlev")):
        for index in range(5):
            put(root / label / f"1491433{number}{index}-149143378-001.BMP", seed=index)


def draw_cric(root, put):
    lines = ["image_id,image_filename,cell_id,bethesda_system,nucleus_x,nucleus_y"]
    for field in range(8):
        put(root / "images" / f"{field}.png", seed=field, size=(90, 120))
        lines += [f"{1 + 4 * field},{field}.png,{i},{c},{20 * i},{15 * i}" for i, c in enumerate(classes("cric"))]
    write(root / "classifications.csv", lines)


def draw_kvasir(root, put):
    for label in classes("kvasir-v2"):
        for index in range(5):
            put(root / "kvasir-dataset-v2" / label / f"{label}-{index}.jpg", seed=index)


def draw_hyperkvasir(root, put):
    for label in classes("hyperkvasir"):
        for index in range(4):
            put(root / "labeled-images" / label / f"{label}-{index}.jpg", seed=index)


def draw_gastrovision(root, put):
    parts: dict[str, list[str]] = {name: ["Filename,Class"] for name in ("train", "validate", "test")}
    for label in classes("gastrovision"):
        for index, part in enumerate(("train", "train", "validate", "test")):
            put(root / label / f"{index}.jpg", seed=index)
            if label not in UNUSED:
                parts[part].append(f"{index}.jpg,{label}")
    for part, lines in parts.items():
        write(root / f"{part}.csv", lines)


def draw_gastrohun(root, put):
    raters = "FG1 (Team A),FG2 (Team A),G1 (Team B),G2 (Team B)"
    lines = [f",num patient,filename,{raters},Complete agreement,Triple agreement,FG agreement,G agreement,set_type"]
    for label in classes("gastrohun"):
        site = "OTHERCLASS" if label == "NA" else label
        for patient, part in enumerate(("Train", "Train", "Validation", "Test")):
            name = f"{label}-{patient}.jpg"
            put(root / "Labeled Images" / str(patient) / name, seed=patient)
            lines.append(f"{len(lines)},{patient},{name},{','.join([site] * 8)},{part}")
    write(root / "image_classification.csv", lines)


def draw_nerthus(root, put):
    for score in range(4):
        for video in range(4):
            for frame in range(2):
                name = f"bowel_{4 * score + video}_score_{score}-0_{frame:08}.jpg"
                put(root / "nerthus-dataset-frames" / str(score) / name, seed=video)


def draw_upper_gi_sites(root, put):
    lines = ["path,site,day,exam"]
    for label in classes("upper-gi-sites"):
        for day in range(5):
            put(root / label / f"{day}.jpg", seed=day)
            lines.append(f"{label}/{day}.jpg,{label},{day},{day}")
    write(root / "index.csv", lines)


DRAWN: dict[str, tuple[Callable[..., None], int]] = {
    "sipakmed": (draw_sipakmed, 5),
    "herlev": (draw_herlev, 7),
    "cell-bethesda": (draw_cric, 6),
    "kvasir": (draw_kvasir, 8),
    "hyperkvasir": (draw_hyperkvasir, 23),
    "gastrovision": (draw_gastrovision, 22),
    "gastrohun": (draw_gastrohun, 23),
    "nerthus": (draw_nerthus, 4),
    "gastric-sites": (draw_upper_gi_sites, 11),  # and `none`
}

FINDERS = ("nucleus-finder", "nucleus-finder-coarse")
OWN_TEST = ("polyp-finder", "gi-landmarks", "colon-views", "cell-bethesda-joined")


def check(folder: Path, outputs: int) -> None:
    found = load_predictions(folder / "test_predictions.csv")
    assert len(found.classes) == outputs
    assert (folder / "report.html").is_file()
    facts = json.loads((folder / "run.json").read_text())
    assert all(sum(counts.values()) for counts in facts["data"]["counts"].values())


def put_polyps(put, root, count, colours=((255, 255, 255),)):
    """A set like Kvasir-SEG, or with masks of several colours (BGR)."""
    for index in range(count):
        put(root / "images" / f"{root.name}-{index}.png", seed=crc32(f"{root.name}-{index}".encode()))
        mask = put(root / "masks" / f"{root.name}-{index}.png", (0, 0, 0))
        colour = colours[index % len(colours)]
        cv2.imwrite(str(mask), cv2.circle(np.zeros((40, 48, 3), np.uint8), (20, 20), 6, colour, cv2.FILLED))


def test_every_recipe_that_ships_is_tried():
    from unmissed.training.recipes.loading import recipe_names

    assert {*DRAWN, *FINDERS, *OWN_TEST} == set(recipe_names())


@pytest.mark.parametrize("name", DRAWN)
def test_a_recipe_trains_on_its_official_layout(go, put, tmp_path, name):
    draw, outputs = DRAWN[name]

    def put_another(path: Path, **options: object) -> None:
        put(path, **{**options, "seed": crc32(str(path).encode())})  # no picture twice, which would be left out

    draw(tmp_path / "set", put_another)
    go(tmp_path / "run", *SMALL, f"data.root={tmp_path / 'set'}", name=name)
    check(tmp_path / "run", outputs)


def test_three_laboratories_are_joined_and_one_is_left_out(go, put, tmp_path, monkeypatch):
    def put_another(path: Path, **options: object) -> None:
        put(path, **{**options, "seed": crc32(str(path).encode())})

    for name, draw in (("cric", draw_cric), ("sipakmed", draw_sipakmed), ("herlev", draw_herlev)):
        draw(tmp_path / name, put_another)
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    go(tmp_path / "run", *SMALL, "data.folds=2", "data.only_folds=[0]", name="cell-bethesda-joined")
    check(tmp_path / "run" / "fold-0", 6)
    figures = json.loads((tmp_path / "run" / "fold-0" / "metrics.json").read_text())
    found = load_predictions(tmp_path / "run" / "fold-0" / "test_predictions.csv")
    own = [group for group in found.groups.tolist() if group.split("/")[0] not in ("sipakmed", "herlev")]
    assert 0 < len(own) < len(found) and figures["overall"]["accuracy"]["n"] == len(set(own))
    go(tmp_path / "left", *SMALL, "data.leave_out=herlev", name="cell-bethesda-joined")
    (first, *others) = report(tmp_path / "left")
    assert first.startswith("herlev: 35 cells of 35 groups, abnormal AUC")
    assert {line.split(":")[0].strip() for line in others} == set(classes("herlev"))
    go(tmp_path / "alone", *SMALL, name="cell-bethesda")
    export_run(tmp_path / "alone", fixed_batch=None, int8=False)
    lines = report_model(str(tmp_path / "alone" / "export"), load_recipe("cell-bethesda-joined"))
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == ["sipakmed", "herlev"]
    assert {line.split(":")[0].strip() for line in lines[-len(others) :]} == set(classes("herlev"))


def draw_cric_fields(root, put):
    """Blocks of two fields: one of normal nuclei alone, one with lesions."""
    lines = ["image_id,image_filename,cell_id,bethesda_system,nucleus_x,nucleus_y"]
    for field in range(12):
        put(root / "images" / f"{field}.png", seed=field, size=(90, 120))
        labels = ["NILM"] if field % 2 else classes("cric")
        lines += [
            f"{1 + 4 * (field // 2) + field % 2},{field}.png,{i},{c},{20 * i},{15 * i}" for i, c in enumerate(labels)
        ]
    write(root / "classifications.csv", lines)


@pytest.mark.parametrize("name", FINDERS)
def test_a_finder_trains_on_its_official_layout(go, put, tmp_path, name):
    draw_cric_fields(tmp_path / "set", put)
    words = (
        *SMALL,
        "input.um_per_px=2.6",
        "heatmap.crops=8",
        "optimizer.batch_size=4",
        f"data.root={tmp_path / 'set'}",
    )
    go(tmp_path / "run", *words, name=name)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["objects"] > 0
    assert metrics["false_finds"]["fields"] > 0
    assert (tmp_path / "run" / "report.html").is_file()


def copy_few(source: Path, target: Path, each: int) -> None:
    """The first pictures of every folder."""
    for folder in {path.parent for path in source.rglob("*.jpg")}:
        for path in sorted(folder.glob("*.jpg"))[:each]:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def test_the_polyp_finder_trains_on_its_official_layouts(go, put, tmp_path, monkeypatch):
    for name in ("kvasir-seg", "polypgen"):
        put_polyps(put, tmp_path / name, 8)
    put_polyps(put, tmp_path / "neopolyp", 12, ((0, 0, 255), (0, 255, 0)))
    for label in classes("hyperkvasir"):
        put(tmp_path / "hyperkvasir" / label / f"{label}.png")
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    words = ("heatmap.picture_px=64", "heatmap.crops=8", "optimizer.batch_size=4")
    go(tmp_path / "run", *SMALL, *words, name="polyp-finder")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert len(facts["data"]) == 4


def test_colon_views_by_official_folds_alone_and_joined_with_another_set(go, put, tmp_path, monkeypatch):
    put_polyps(put, tmp_path / "kvasir-seg", 12)
    rows = ["file-name;class-name;split-index"]
    for label in ("normal-cecum", "bbps-0-1", "bbps-2-3", "impacted-stool", "ileum"):
        for index in range(9):
            name = f"{label}-{index}.jpg"
            put(tmp_path / "hyperkvasir" / label / name, seed=crc32(name.encode()))
            rows.append(f"{name};{label};{index % 3}")
    write(tmp_path / "hyperkvasir" / "5_fold_split.csv", rows)
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    go(tmp_path / "alone", *SMALL, "data.folds=3", "data.only_folds=[1]", name="colon-views")
    check(tmp_path / "alone" / "fold-1", 4)
    go(tmp_path / "run", *SMALL, "data.folds=3", "data.only_folds=[1]", "data.joined=[kvasir-seg]", name="colon-views")
    check(tmp_path / "run" / "fold-1", 5)
    found = load_predictions(tmp_path / "run" / "fold-1" / "test_predictions.csv")
    assert [item.id for item in found.classes] == ["normal-cecum", "bbps-0-1", "bbps-2-3", "impacted-stool", "polyp"]
    old = [path for path in found.paths if "kvasir-seg" not in path]
    assert len(old) == 12 and all(int(Path(path).stem[-1]) % 3 == 1 for path in old)
    assert {group.split("/")[0] for group, path in zip(found.groups, found.paths, strict=True) if path not in old} == {
        "kvasir-seg"
    }
    from unmissed.training.export import export_run

    card, _ = export_run(tmp_path / "run" / "fold-1", int8=False, fixed_batch=None)
    assert card.picture_input.area == "endoscope"
    assert card.data[0].title == "HyperKvasir; Kvasir-SEG" and "Kvasir-SEG: for research" in card.data[0].licence


@pytest.mark.data
def test_the_landmarks_are_learned_from_a_few_real_pictures(go, data_root, tmp_path):
    small = ("input.size_px=64", "augment=[{D4: {p: 1.0}}]", "few_shot.views=1", "bootstrap=100")
    go(tmp_path / "run", *small, f"data.root={data_root / 'hyperkvasir-samples'}", name="gi-landmarks")
    found = load_predictions(tmp_path / "run" / "test_predictions.csv")
    assert found.logits.shape == (len(found.labels), 23)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "folder", "each", "outputs"),
    [
        ("cell-bethesda", "cric", 24, 6),
        ("hyperkvasir", "hyperkvasir-samples", 4, 23),
        ("nerthus", "nerthus-samples", 5, 4),
    ],
)
def test_a_recipe_trains_on_real_pictures(go, data_root, tmp_path, name, folder, each, outputs):
    copy_few(data_root / folder, tmp_path / "set", each)
    if folder == "cric":
        shutil.copy(data_root / folder / "classifications.csv", tmp_path / "set")
    go(tmp_path / "run", *SMALL, f"data.root={tmp_path / 'set'}", name=name)
    check(tmp_path / "run", outputs)
