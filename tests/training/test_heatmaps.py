"""Heat-map training: targets, crops and loss by construction, and whole runs on drawn fields of a second."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from tiny_finder import TINY_FINDER

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.fields import MarkedField, Point
from unmissed.inference.pictures.find import FindPipeline
from unmissed.models import zoo
from unmissed.training.augment import Augmenter
from unmissed.training.cluster.tasks import Silent
from unmissed.training.evaluation.finds import load_finds
from unmissed.training.export import export_run
from unmissed.training.heatmaps.crops import FieldCrops, anchors
from unmissed.training.heatmaps.data import UNKNOWN, Scale, load_fields
from unmissed.training.heatmaps.finding import finds_of
from unmissed.training.heatmaps.objective import HeatmapObjective, cell_loss, cells_of
from unmissed.training.loading import EpochSampler
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.sweeps.plan import plan_sweep
from unmissed.training.sweeps.sweep import run_sweep, train_here

CLASSES = {"background": [], "normal": ["NILM"], "abnormal": ["HSIL"]}
RECIPE = TINY_FINDER | {
    "name": "tiny-finder",
    "data": {"dataset": "csv", "test_fraction": 0.3, "validation_fraction": 0.3},
    "heatmap": TINY_FINDER["heatmap"] | {"classes": CLASSES, "target": ["abnormal"]},
}
SPOTS = {"NILM": (120, 160, 220), "HSIL": (90, 20, 90)}


def draw(path: Path, spots, size=(120, 150), seed=0):
    image = np.random.default_rng(seed).normal(220, 12, (*size, 3)).clip(0, 255).astype(np.uint8)
    for label, x, y in spots:
        cv2.circle(image, (x, y), 6, SPOTS[label], cv2.FILLED)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def draw_masked(root, indices):
    """Pictures with one spot each, and its mask."""
    rng = np.random.default_rng(indices[0])
    (root / "masks").mkdir(parents=True)
    for index in indices:
        x, y = rng.integers(30, 90, 2).tolist()
        draw(root / "images" / f"{index}.png", [("HSIL", x, y)], seed=index)
        mask = cv2.circle(np.zeros((120, 150), np.uint8), (x, y), 9, 255, cv2.FILLED)
        cv2.imwrite(str(root / "masks" / f"{index}.png"), mask)


@pytest.fixture(scope="module")
def fields_folder(tmp_path_factory):
    """Twenty fields of two groups each, every second one normal alone; 1 um per pixel."""
    root = tmp_path_factory.mktemp("fields")
    rng = np.random.default_rng(1)
    lines = ["path,label,group,x_px,y_px,um_per_px"]
    for index in range(20):
        labels = ["NILM", "NILM", "NILM"] if index % 2 else ["NILM", "HSIL", "HSIL"]
        places = [(15 + 40 * k + int(rng.integers(10)), int(rng.integers(15, 105))) for k in range(3)]
        draw(root / f"{index}.png", [(label, *place) for label, place in zip(labels, places, strict=True)], seed=index)
        lines += [f"{index}.png,{n},g{index // 2},{x},{y},1.0" for n, (x, y) in zip(labels, places, strict=True)]
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def recipe_file(fields_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    recipe = RECIPE | {"data": RECIPE["data"] | {"root": str(fields_folder)}}
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def found(go, recipe_file, tmp_path_factory):
    """The recipe, trained to its end; do not change it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    go(folder, name=recipe_file)
    return folder


def settings(**fields) -> HeatmapConfig:
    return HeatmapConfig(**({"classes": CLASSES, "target": ["abnormal"], "radius_um": 6, "ignore_um": 12} | fields))


def load(tmp_path, points, *, complete, config=None, scale=None, mask=None, size=(120, 150)):
    draw(tmp_path / "f.png", [], size)
    field = MarkedField(tmp_path / "f.png", 1.0, "g", tuple(Point(*p) for p in points), complete, mask)
    (loaded,) = load_fields(
        [field], tmp_path, config or settings(), scale or Scale(1.0, None, 8), ("HSIL",), lambda: None
    )
    return loaded


class TestTargets:
    """What is to be learned at each pixel."""

    def test_disks_of_their_class_in_a_ring_that_is_not_judged(self, tmp_path):
        target = load(tmp_path, [(60.0, 50.0, "HSIL"), (110.0, 90.0, "NILM")], complete=True).target[..., 0]
        y, x = np.mgrid[:120, :150] + 0.5
        apart = np.hypot(x - 60, y - 50)
        assert set(target[apart < 5.4]) == {2}
        assert set(target[(apart > 6.6) & (apart < 11.4)]) == {UNKNOWN}
        assert target[90, 110] == 1
        assert set(target[(apart > 12.6) & (np.hypot(x - 110, y - 90) > 12.6)]) == {0}

    def test_elsewhere_is_unknown_where_not_all_is_labelled(self, tmp_path):
        target = load(tmp_path, [(60.0, 50.0, "HSIL")], complete=False).target
        assert set(np.unique(target)) == {2, UNKNOWN}

    def test_every_point_has_a_cell_however_small_its_disk(self, tmp_path):
        for place in ((60.0, 48.0), (64.0, 52.0), (61.3, 50.9)):
            field = load(tmp_path, [(*place, "HSIL")], complete=True, config=settings(radius_um=0.5))
            assert 2 in cells_of(field.target, 8)

    def test_fields_come_to_the_scale_of_training(self, tmp_path):
        field = load(tmp_path, [(60.0, 50.0, "HSIL")], complete=True, scale=Scale(2.0, None, 8))
        assert field.image.shape == (60, 75, 3)
        assert field.points.tolist() == [[30, 25]]
        assert field.size == pytest.approx(0.12 * 0.15)

    def test_a_mask_has_objects(self, tmp_path):
        mask = np.zeros((120, 150), np.uint8)
        mask[10:40, 20:60], mask[80:110, 90:130] = 255, 255
        cv2.imwrite(str(tmp_path / "mask.png"), mask)
        field = load(tmp_path, [], complete=True, mask=tmp_path / "mask.png", scale=Scale(None, 300, 8))
        assert field.image.shape == (240, 300, 3)
        assert (field.labels, field.size, field.objects.max()) == (("HSIL", "HSIL"), 1.0, 2)
        np.testing.assert_allclose(field.points, [[80, 50], [220, 190]], atol=1)
        assert set(np.unique(field.target)) == {0, 2}


class TestFinds:
    """Peaks against objects."""

    def maps(self, *peaks, shape=(15, 19)):
        heat = np.zeros(shape, np.float32)
        for row, column, score in peaks:
            heat[row, column] = score
        return np.stack([1 - heat, np.zeros_like(heat), heat])

    def test_a_peak_within_reach_finds_every_point_there(self, tmp_path):
        field = load(tmp_path, [(60.0, 52.0, "HSIL"), (70.0, 52.0, "HSIL"), (20.0, 20.0, "HSIL")], complete=False)
        finds = finds_of(field, self.maps((6, 8, 0.8), (14, 18, 0.9)), settings(), Scale(1.0, None, 8))
        np.testing.assert_allclose(finds.scores, [0.8, 0.8, 0.0])
        assert (finds.false_scores, finds.size) == ((), 0.0)

    def test_in_a_normal_field_every_peak_is_false(self, tmp_path):
        field = load(tmp_path, [(60.0, 52.0, "NILM")], complete=True)
        finds = finds_of(field, self.maps((6, 7, 0.4), (1, 1, 0.9)), settings(), Scale(1.0, None, 8))
        np.testing.assert_allclose(finds.false_scores, [0.9, 0.4])
        assert finds.scores == ()
        assert finds.size == pytest.approx(0.12 * 0.15)

    def test_a_masked_object_is_hit_inside(self, tmp_path):
        mask = np.zeros((120, 150), np.uint8)
        mask[10:40, 20:60] = 255
        cv2.imwrite(str(tmp_path / "mask.png"), mask)
        scale = Scale(None, 150, 8)
        field = load(tmp_path, [], complete=True, mask=tmp_path / "mask.png", scale=scale)
        finds = finds_of(field, self.maps((3, 4, 0.7), (10, 10, 0.6)), settings(), scale)
        np.testing.assert_allclose([*finds.scores, *finds.false_scores], [0.7, 0.6])


class TestCrops:
    """Where crops come from, and that target and picture stay together."""

    def test_shares_and_rare_labels(self, tmp_path):
        normal = load(tmp_path, [(20.0 + i, 50.0, "NILM") for i in range(16)], complete=True)
        lesion = load(tmp_path, [(60.0, 50.0, "HSIL")], complete=False)
        config = settings(complete_share=0.3, anywhere_share=0.1)
        places, chance = anchors([normal, lesion], config, "root")
        share = {(p.field, p.point is None): 0.0 for p in places}
        for place, probability in zip(places, chance, strict=True):
            share[place.field, place.point is None] += probability
        assert share[0, True] == pytest.approx(0.3)
        assert share[1, True] == pytest.approx(0.1)
        assert share[0, False] / share[1, False] == pytest.approx(4)  # sixteen to one, by the root

    def test_nothing_to_learn_is_an_error(self, tmp_path):
        empty = load(tmp_path, [], complete=False)
        with pytest.raises(DatasetError, match="no labelled object"):
            anchors([empty], settings(anywhere_share=0.0), "root")

    def test_the_order_is_a_function_of_seed_and_epoch(self):
        sampler = EpochSampler(40, 3, np.full(9, 1 / 9))
        sampler.set_epoch(2)
        first = list(sampler)
        assert first == list(sampler)
        sampler.set_epoch(1)
        assert first != list(sampler)
        assert len(first) == len(sampler) == 40

    def test_the_target_moves_with_the_picture(self, tmp_path):
        field = load(tmp_path, [(60.0, 50.0, "HSIL")], complete=True)
        cv2.circle(field.image, (60, 50), 6, (0, 0, 0), cv2.FILLED)
        steps = [{"D4": {"p": 1.0}}, {"Affine": {"rotate": [-40, 40], "scale": [0.9, 1.1], "border_mode": 4, "p": 1.0}}]
        places, _ = anchors([field], settings(), "root")
        crops = FieldCrops([field], places, Augmenter(steps, 64, is_crop=True), 64, 90, 1)
        index = next(i for i, place in enumerate(places) if place.point == 0)
        for seed in range(12):
            picture, cells = crops[index, seed]
            assert picture.shape == (64, 64, 3)
            dark, marked = np.argwhere(picture.numpy().max(2) < 60), np.argwhere(cells.numpy()[..., 0] == 2)
            assert len(dark) > 20
            assert np.abs(dark.mean(0) - marked.mean(0)).max() < 1.5


class TestLoss:
    """Cells that are unknown do not count, and classes weigh what the recipe says."""

    def cells(self):
        return torch.tensor([[[0, 0, 0, 2, UNKNOWN]]])

    def test_unknown_cells_have_no_gradient(self):
        logits = torch.randn(1, 3, 1, 5, requires_grad=True)
        cell_loss(logits, self.cells(), settings(focal_gamma=1.5)).backward()
        assert logits.grad[..., 4].abs().sum() == 0
        assert (logits.grad[..., :4].abs().sum((1, 2)) > 0).all()

    def test_balance(self):
        logits = torch.zeros(1, 3, 1, 5)
        logits[0, 2] = 5.0  # right for the one abnormal cell, wrong for three of background
        wrong, right = -torch.log_softmax(logits[0, :, 0, 0], 0)[[0, 2]]
        by_class = cell_loss(logits, self.cells(), settings(class_weights=(0.5, 0.25, 0.25)))
        assert float(by_class) == pytest.approx(float(0.5 * wrong + 0.25 * right), rel=1e-5)
        by_cell = cell_loss(logits, self.cells(), settings(balance="cells"))
        assert float(by_cell) == pytest.approx(float((3 * wrong + right) / 4), rel=1e-5)

    def test_only_the_hardest_background_counts(self):
        """Nine cells that are surely background hide a tenth that is surely wrong, unless only the hardest count."""
        logits = torch.zeros(1, 3, 1, 10)
        logits[0, 0] = 8.0
        logits[0, :, 0, 9] = torch.tensor([-4.0, 4.0, 0.0])
        background, targets = torch.zeros(1, 1, 10, dtype=torch.int64), torch.ones(1, 1, 10, dtype=torch.int64)
        all_of_them, hardest = settings(), settings(hardest_background=0.1)
        assert cell_loss(logits, background, hardest) > 9 * cell_loss(logits, background, all_of_them)
        assert cell_loss(logits, targets, hardest) == cell_loss(logits, targets, all_of_them)

    def test_where_either_of_two_maps_is_right_their_sum_counts(self):
        logits = torch.randn(1, 3, 1, 5)
        cells = torch.full((1, 1, 5), UNKNOWN)
        cells[..., 3] = 3
        config = settings(either={"cell": ("normal", "abnormal")}, target=["normal", "abnormal"], balance="cells")
        assert config.meanings["cell"] == (3, (1, 2))
        background = torch.softmax(logits[0, :, 0, 3], 0)[0]
        assert float(cell_loss(logits, cells, config)) == pytest.approx(-float(torch.log(1 - background)), rel=1e-4)

    @pytest.mark.parametrize(
        ("either", "words"),
        [({"cell": ("normal",)}, "two maps or more"), ({"cell": ("normal", "abnormal")}, "all in target, or none")],
    )
    def test_either_needs_maps_that_mean_the_same_for_a_find(self, either, words):
        with pytest.raises(ValueError, match=words):
            settings(either=either)

    def test_nothing_known_is_no_loss(self):
        for balance in ("classes", "cells"):
            logits = torch.randn(2, 3, 4, 4)
            assert float(cell_loss(logits, torch.full((2, 4, 4), UNKNOWN), settings(balance=balance))) == 0


class TestRuns:
    """Whole runs on drawn spots."""

    def test_it_finds_the_spots_and_leaves_everything(self, found):
        names = {path.name for path in found.iterdir()}
        assert names >= {
            *("config.yaml", "history.csv", "best.safetensors", "calibration.json", "run.json"),
            *("metrics.json", "report.html", "plots", "test_finds.json"),
        }
        metrics = json.loads((found / "metrics.json").read_text())
        assert metrics["recall"]["60"]["value"] > 0.5
        with (found / "history.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert "val_recall" in rows[0]
        assert "val_macro_f1" not in rows[0]

    def test_the_parts_are_listed_and_share_no_group(self, found):
        facts = json.loads((found / "run.json").read_text())
        groups = [
            {int(Path(name).stem) // 2 for name in facts["fields"][part]} for part in ("train", "validation", "test")
        ]
        assert sum(map(len, groups)) == len(set().union(*groups)) == 10
        finds, unit, _ = load_finds(found / "test_finds.json")
        assert sorted(field.name for field in finds) == facts["fields"]["test"]
        assert unit == "mm2"

    def test_a_finished_run_goes_on_where_it_was(self, go, found, recipe_file):
        before = (found / "best.safetensors").read_bytes()
        assert go(found, name=recipe_file).steps == []
        assert (found / "best.safetensors").read_bytes() == before

    def test_a_stopped_run_goes_on_to_the_same_bits(self, go, recipe_file, tmp_path, monkeypatch):
        words = ("optimizer.epochs=2", "heatmap.crops=32")
        go(tmp_path / "whole", *words, name=recipe_file)

        def stop(self, model, batch, loss=HeatmapObjective.loss):
            if (tmp_path / "parts" / "checkpoint.pt").exists():
                raise KeyboardInterrupt
            return loss(self, model, batch)

        monkeypatch.setattr(HeatmapObjective, "loss", stop)
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "parts", *words, name=recipe_file)
        monkeypatch.undo()
        assert {epoch for epoch, _ in go(tmp_path / "parts", *words, name=recipe_file).steps} == {1}
        whole, parts = ((tmp_path / name / "best.safetensors").read_bytes() for name in ("whole", "parts"))
        assert whole == parts

    def test_the_export_finds_what_the_run_found(self, found, fields_folder, tmp_path):
        card, path = export_run(found, tmp_path, name="spots", fixed_batch=None, int8=True)
        assert card.task == "heatmap"
        assert card.heatmap.halo_px % 8 == 0
        assert card.quantisation.metric == "mean_recall"
        assert card.training["fields"]["train"]
        finds, *_ = load_finds(found / "test_finds.json")
        wanted = next(field for field in finds if field.scores)
        with FindPipeline(zoo.resolve(str(path), "fp32"), um_per_px=1.0, threshold=1e-3) as finder:
            (row,) = finder.predict([fields_folder / wanted.name])
        scores = [find.score for find in row.finds]
        for score in filter(None, wanted.scores):
            assert min(abs(score - other) for other in scores) < 0.02

    def test_a_pupil_learns_from_a_teacher_of_the_same_split(self, go, found, recipe_file, tmp_path):
        words = (f"heatmap.distill.teacher={found}", "optimizer.epochs=1", "heatmap.crops=32")
        go(tmp_path / "pupil", *words, name=recipe_file)
        assert (tmp_path / "pupil" / "metrics.json").is_file()
        with pytest.raises(ConfigError, match="held out here"):
            go(tmp_path / "other", *words, "data.split_seed=5", name=recipe_file)
        with pytest.raises(ConfigError, match="the teacher run has the maps background, normal, abnormal"):
            go(tmp_path / "maps", *words, "heatmap.classes.other=[]", name=recipe_file)

    def test_folds_are_pooled(self, go, recipe_file, tmp_path):
        go(tmp_path, "data.folds=2", "optimizer.epochs=1", "heatmap.crops=16", name=recipe_file)
        pooled = json.loads((tmp_path / "metrics.json").read_text())
        assert pooled["fields"] == 20
        assert (tmp_path / "fold-1" / "report.html").is_file()

    def test_a_sweep_chooses_by_recall_and_leaves_the_test_part_alone(self, go, recipe_file, tmp_path):
        words = ["choose_by=recall", "optimizer.epochs=2", "heatmap.crops=32"]
        plan = plan_sweep(str(recipe_file), words, ["optimizer.lr=1e-6,0.02"])
        best, other = run_sweep(plan, tmp_path, lambda jobs: train_here(jobs, Silent(), print))
        assert best.value > other.value
        folder = tmp_path / best.combination.name
        assert json.loads((folder / "run.json").read_text())["fields"]["test"] == []
        assert not list(tmp_path.rglob("test_finds.json"))
        assert go(folder, name=folder / "config.yaml").steps == []
        assert (folder / "test_finds.json").is_file()

    def test_masks_are_learned_too_with_further_datasets(self, go, tmp_path, monkeypatch):
        for name, first in (("kvasir-seg", 0), ("polypgen", 20)):
            draw_masked(tmp_path / name, range(first, first + 8))
        for label in ("bbps_0", "bbps_1"):
            draw(tmp_path / "nerthus" / label / f"{label}.png", [])
        monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
        recipe = RECIPE | {
            "data": RECIPE["data"]
            | {"dataset": "kvasir-seg", "also": ["polypgen"], "negatives": {"nerthus": ["bbps-0"]}},
            "input": RECIPE["input"] | {"um_per_px": None},
            "heatmap": RECIPE["heatmap"]
            | {"classes": {"background": [], "polyp": ["polyp"]}, "target": ["polyp"], "picture_px": 150, "crops": 32}
            | {"box_um": None, "halo_px": 0},
            "optimizer": RECIPE["optimizer"] | {"epochs": 1},
        }
        (tmp_path / "masks.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        go(tmp_path / "run", name=tmp_path / "masks.yaml")
        metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert metrics["false_finds"]["per"] == "picture"
        facts = json.loads((tmp_path / "run" / "run.json").read_text())
        assert [spec["name"] for spec in facts["data"]] == ["kvasir-seg", "polypgen", "nerthus"]
        assert facts["data"][1]["counts"] == {"train": {"polyp": 8}}
        assert facts["data"][2]["counts"] == {"train": {"bbps-0": 1}}
        card, path = export_run(tmp_path / "run", tmp_path / "out", fixed_batch=None, int8=False)
        assert (card.heatmap.box_px, len(card.data)) == (None, 3)
        with FindPipeline(zoo.resolve(str(path.with_suffix(".onnx"))), threshold=0.0) as finder:
            (row,) = finder.predict([tmp_path / "kvasir-seg" / "images" / "0.png"])
        assert row.finds and all(find.width_px > 0 and find.x_px + find.width_px <= 150 for find in row.finds)

    def test_a_label_that_no_picture_has_is_no_negative(self, go, tmp_path, monkeypatch, recipe_file):
        draw(tmp_path / "nerthus" / "bbps_0" / "a.png", [])
        draw(tmp_path / "nerthus" / "bbps_1" / "b.png", [])
        monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
        with pytest.raises(ConfigError, match="no picture of bbps-3"):
            go(tmp_path / "run", "data.negatives.nerthus=[bbps-3]", name=recipe_file)

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("heatmap.target=[background]", "target names"),
            ("heatmap.classes.background=[NILM]", "begin with a background"),
            ("heatmap.class_weights=[1,2]", "2 numbers for 3 classes"),
            ("heatmap.complete_share=0.9", "add up to more than 1"),
            ("choose_by=macro_f1", "does not have"),
            ("input.fit=pad", "learns from crops"),
            ("input.um_per_px=null", "heatmap.picture_px, and not both"),
            ("model.stride=null", "needs model.stride"),
            ("heatmap.classes.abnormal=[HSLI]", "heatmap.classes or heatmap.either names HSLI"),
            ("data.also=[polypgen]|heatmap.distill.teacher=x", "supports one dataset only"),
            ("model.layers=[{widht: 3}]", "did you mean 'width'"),
        ],
    )
    def test_wrong_values_are_answered_with_the_way_out(self, go, recipe_file, tmp_path, override, words):
        with pytest.raises(ConfigError, match=words):
            go(tmp_path / "run", *override.split("|"), name=recipe_file)


def test_the_finders_that_ship_are_valid():
    for name in ("nucleus-finder", "nucleus-finder-coarse"):
        config = load_recipe(name)
        assert config.heatmap.target == ("abnormal",)
        assert config.heatmap.canvas_px == 544
