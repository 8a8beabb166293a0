"""What a run does with pictures that would spoil it: left out or learned with a word, in log, record and report."""

import csv
import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.records import Record
from unmissed.training.checkpoint import Checkpoint
from unmissed.training.data import apart, read_data
from unmissed.training.evaluation.predictions import Predictions, load_predictions
from unmissed.training.export import export_run
from unmissed.training.heatmaps.data import Scale, load_fields
from unmissed.training.heatmaps.sources import FieldSource, check_labels, keep_apart
from unmissed.training.recipes.data import DataConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.remarks import Remarks


class Quiet:
    """A progress that shows nothing."""

    def reading(self, part, total):
        return lambda: None


def heatmap():
    return HeatmapConfig(classes={"background": (), "polyp": ("polyp",)}, target=("polyp",), picture_px=64)


@pytest.fixture
def masks(put, tmp_path):
    """A set like Kvasir-SEG with every kind of mask; the disk covers a ninth of the picture."""
    disk = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 12, 1, -1)
    kinds = {"whole": disk * 255, "ones": disk, "empty": disk * 0, "inverted": (1 - disk) * 255}
    root = tmp_path / "first"
    for number, (name, mask) in enumerate(kinds.items()):
        put(root / "images" / f"{name}.png", seed=number, size=(64, 64))
        (root / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "masks" / f"{name}.png"), mask)
    return root


def test_masks_are_learned_as_they_are_meant_or_with_a_word(masks, caplog):
    source = FieldSource("kvasir-seg", masks, heatmap(), Scale(None, 64, 8), by_picture=False)
    loaded = {Path(field.name).stem: field for field in source.load(source.fields, lambda: None)}
    assert sorted(loaded) == ["empty", "ones", "whole"]
    for name in ("ones", "whole"):
        assert len(loaded[name].points) == 1 and 0.09 < (loaded[name].target == 1).mean() < 0.13
    assert len(loaded["empty"].points) == 0 and loaded["empty"].complete
    for words in (
        "images/ones.png: the largest value of the mask is 1, not 255; it was read as object",
        "images/empty.png: the mask is empty, and is learned as showing nothing",
        "images/inverted.png: the mask looks inverted: most of its edge is object, and the picture was left out",
    ):
        assert words in caplog.text


def test_a_mask_that_does_not_fit_stops_the_run(masks):
    cv2.imwrite(str(masks / "masks" / "whole.png"), np.zeros((64, 40), np.uint8))
    source = FieldSource("kvasir-seg", masks, heatmap(), Scale(None, 64, 8), by_picture=False)
    with pytest.raises(DatasetError, match="40 x 64 px, its picture 64 x 64 px"):
        load_fields(source.fields, masks, heatmap(), Scale(None, 64, 8), ("polyp",), lambda: None)


def test_further_datasets_lose_the_pictures_of_the_first(masks, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path / "sets"))
    for kind in ("images", "masks"):
        shutil.copytree(masks / kind, tmp_path / "sets" / "polypgen" / kind)
        (tmp_path / "sets" / "polypgen" / kind / "empty.png").rename(tmp_path / "sets" / "polypgen" / kind / "x.png")
    (masks / "images" / "empty.png").unlink()
    first, also = (
        FieldSource(name, place, heatmap(), Scale(None, 64, 8), by_picture=False)
        for name, place in (("kvasir-seg", masks), ("polypgen", None))
    )
    keep_apart([first], [also], Quiet())
    assert len(first.fields) == 3 and [field.path.stem for field in also.fields] == ["x"]
    assert "polypgen: 3 pictures of the datasets before it left out" in caplog.text


def test_joined_datasets_keep_their_own_names_and_groups(masks, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path / "sets"))
    for kind in ("images", "masks"):
        shutil.copytree(masks / kind, tmp_path / "sets" / "polypgen" / kind)
    sources = [
        FieldSource(name, place, heatmap(), Scale(None, 64, 8), by_picture=False, prefix=prefix)
        for name, place, prefix in (("kvasir-seg", masks, ""), ("polypgen", None, "polypgen/"))
    ]
    assert {record.group for record in sources[1].records} == {f"polypgen/{r.group}" for r in sources[0].records}
    keep_apart([sources[0]], [], Quiet())
    names = {field.name for field in sources[1].load(sources[1].fields, lambda: None)}
    assert names == {f"polypgen/images/{name}.png" for name in ("whole", "ones", "empty")}
    keep_apart(sources, [], Quiet())
    assert sources[1].fields == []
    check_labels(heatmap(), sources)
    other = HeatmapConfig(classes={"background": (), "tumour": ("tumour",)}, target=("tumour",), picture_px=64)
    with pytest.raises(ConfigError, match="names tumour"):
        check_labels(other, sources)


def test_two_labels_and_copies_are_left_out_of_a_run_and_its_report_says_so(go, tree, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(tree, root)
    shutil.copy(root / "blue" / "00.png", root / "red" / "other.png")
    shutil.copy(root / "green" / "01.png", root / "green" / "copy.png")
    cv2.imwrite(str(root / "green" / "grey.png"), cv2.imread(str(root / "green" / "02.png"), cv2.IMREAD_GRAYSCALE))
    (root / "loose.png").write_bytes((root / "red" / "01.png").read_bytes())
    run = tmp_path / "run"
    go(run, f"data.root={root}", "optimizer.epochs=1")
    facts = json.loads((run / "run.json").read_text("utf-8"))
    assert sum(sum(part.values()) for part in facts["data"]["counts"].values()) == 30
    report = (run / "report.html").read_text("utf-8")
    for words in (
        "1 picture under more than one label, left out: blue/00.png = red/other.png (blue / red)",
        "1 picture on two sides of the split, the copies left out: green/copy.png (as green/01.png)",
        "1 pictures beside the folders of classes are left out: loose.png",
        "grey.png: has no colour",
    ):
        assert any(words in line for line in facts["notes"]), facts["notes"]
        assert words in report
    assert facts["usual_notes"] == []
    assert str(tmp_path) not in report + (run / "run.json").read_text("utf-8")


def test_when_nothing_is_left_the_error_says_why(put, tmp_path):
    for label in ("a", "b"):
        put(tmp_path / label / "x.png", seed=1)
    with pytest.raises(DatasetError, match=r"left with 0 classes: 1 picture under more than one label"):
        apart(read_data(DataConfig(dataset="folder", root=tmp_path)), Quiet())


def test_remarks_are_kept_once_without_the_folders_of_the_machine(tmp_path):
    log = logging.getLogger("unmissed.datasets.trees")
    with Remarks(tmp_path) as remarks:
        for _ in range(2):
            log.warning("no pictures of x in %s", tmp_path)
        log.warning("%s is odd", tmp_path / "a.png")
        log.info("nothing")
    log.warning("later")
    assert remarks.lines == ["no pictures of x", "a.png is odd"]


def test_predictions_are_no_formulas_and_come_back(tmp_path):
    from unmissed.datasets.records import ClassInfo

    ids = ("=1+1", "@x", "plain")
    name = Record(tmp_path / "-a" / "caf\udce9.png", "x", "g").name(tmp_path)
    found = Predictions(
        tuple(ClassInfo(i, i, i) for i in ids),
        np.array([0, 1, 2]),
        np.eye(3),
        np.array(["=g", "+h", "i"]),
        (name, "=b", "c"),
    )
    found.save(tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row[:3]]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    again = load_predictions(tmp_path / "p.csv")
    assert (again.paths, again.groups.tolist()) == (found.paths, found.groups.tolist())
    assert again.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, "{}", '{"data": 1}'])
def test_an_export_of_a_damaged_run_is_an_error_with_its_file(finished, tmp_path, text):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "run.json").write_text(text)
    with pytest.raises(ConfigError, match="run"):
        export_run(run, tmp_path / "export", int8=False)


def test_a_checkpoint_that_is_none_is_an_error(tmp_path):
    import torch

    from unmissed.training.recipes.loading import load_recipe

    config = load_recipe("sipakmed")
    network = torch.nn.Linear(2, 2)
    checkpoint = Checkpoint(tmp_path, config, network, None, torch.optim.AdamW(network.parameters()))
    for what in ([], {"recipe": checkpoint._recipe, "model": {}}, {"recipe": checkpoint._recipe, "model": 3}):
        torch.save(what, tmp_path / "checkpoint.pt")
        with pytest.raises(ConfigError, match="is damaged"):
            checkpoint.restore()
