"""Several laboratories in one classifier: labels that mean several classes, a set that is left out, other looks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from pydantic import ValidationError

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.records import ClassInfo, Record
from unmissed.inference.pictures.fitting import RecordReader
from unmissed.models.cards import InputSpec
from unmissed.training.classifiers.objective import Classification, any_of_loss
from unmissed.training.classifiers.targets import targets_of
from unmissed.training.data import read_data, source_of
from unmissed.training.loading import load_pictures
from unmissed.training.looks.cells import CutOut, Stain
from unmissed.training.parts import counted, folds, one_split
from unmissed.training.recipes.config import LossConfig
from unmissed.training.recipes.data import DataConfig

CLASSES = tuple(ClassInfo(name, name, name) for name in ("NILM", "LSIL", "HSIL"))
MEANS = {
    "herlev": {
        "normal_intermediate": ["NILM"],
        "light_dysplastic": ["LSIL", "ASC-US"],
        "carcinoma_in_situ": ["HSIL", "SCC"],
    }
}


def record(tmp_path, label, *others):
    return Record(tmp_path / "a.png", label, "g", or_labels=others)


def test_targets_name_every_class_that_may_be_right(tmp_path):
    records = [record(tmp_path, "NILM"), record(tmp_path, "HSIL", "LSIL"), record(tmp_path, "LSIL", "HSIL")]
    targets = targets_of([*records, record(tmp_path, "HSIL")], CLASSES)
    assert targets.codes.tolist() == [0, 3, 3, 2]
    assert targets.allowed.tolist()[3] == [False, True, True]
    assert targets.is_exact.tolist() == [True, False, False, True]


def test_any_of_several_classes_costs_nothing_and_one_class_is_cross_entropy():
    logits = torch.tensor([[0.0, 5.0, 5.0], [2.0, 0.0, -1.0]])
    either = torch.tensor([[False, True, True], [True, False, False]])
    probability = torch.softmax(logits, dim=1)
    expected = -(torch.log(probability[0, 1:].sum()) + torch.log(probability[1, 0])) / 2
    assert torch.allclose(any_of_loss(logits, either, 0.0), expected)
    exact = torch.nn.functional.cross_entropy(logits[1:], torch.tensor([0]), label_smoothing=0.1)
    assert torch.allclose(any_of_loss(logits[1:], either[1:], 0.1), exact)


def test_several_classes_are_not_mixed(tmp_path):
    targets = targets_of([record(tmp_path, "HSIL", "LSIL")], CLASSES)
    validation = np.zeros((1, 8, 8, 3), np.uint8), targets
    Classification(targets, validation, LossConfig())
    with pytest.raises(ConfigError, match="mixed or weighted"):
        Classification(targets, validation, LossConfig(mixup_alpha=0.2))


class Even(torch.nn.Module):
    """Says the same of every picture."""

    def forward(self, pictures):
        return torch.tensor([[0.0, 1.0, 1.0]]).repeat(len(pictures), 1)


def test_validation_where_every_label_may_be_several_classes(tmp_path):
    targets = targets_of([record(tmp_path, "HSIL", "LSIL")] * 2, CLASSES)
    objective = Classification(targets, (np.zeros((2, 8, 8, 3), np.uint8), targets), LossConfig())
    scores = objective.validate(Even(), Accelerator(cpu=True))
    assert np.isnan(scores.macro_f1)  # which picks no epoch: choose_by=macro_f1 is refused
    assert scores.loss == pytest.approx(np.log(1 + np.exp(-1) / 2), abs=1e-6)


@pytest.fixture
def laboratories(data_root, monkeypatch):
    monkeypatch.setenv("UNMISSED_DATA", str(data_root))

    def read(**fields):
        config = DataConfig(dataset="cric", groups="picture", joined=("herlev",), means=MEANS, **fields)
        return config, read_data(config)

    return read


@pytest.mark.data
def test_labels_of_another_set_become_classes_of_the_first(laboratories):
    config, data = laboratories()
    assert {item.id for item in data.classes} == {"NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC"}
    joined = [item for item in data.records if source_of(item, config) == "herlev"]
    assert {(item.label, item.or_labels) for item in joined} == {
        ("NILM", ()),
        ("LSIL", ("ASC-US",)),
        ("HSIL", ("SCC",)),
    }
    assert {item.um_per_px for item in joined} == {0.201}
    assert len(joined) < 917  # labels that the recipe does not name


@pytest.mark.data
@pytest.mark.parametrize("name", ["herlev", "cric"])
def test_a_laboratory_is_left_out_as_a_whole(laboratories, name):
    config, data = laboratories(leave_out=name)
    split = one_split(data.records, config)
    sources = [
        {source_of(data.records[i], config) for i in part} for part in (split.train, split.validation, split.test)
    ]
    other = {"herlev": "cric", "cric": "herlev"}[name]
    assert sources == [{other}, {other}, {name}]
    assert len({*split.train, *split.validation, *split.test}) == len(data.records)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"leave_out": "sipakmed"}, "expected one of several datasets"),
        ({"leave_out": "herlev", "folds": 3}, "exclude one another"),
        ({"means": {"sipakmed": {"a": ["NILM"]}}}, "expected datasets of joined"),
        ({"means": {"herlev": {"a": []}}}, "without a class"),
    ],
)
def test_wrong_recipes_are_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        DataConfig(**({"dataset": "cric", "joined": ("herlev",)} | fields))


@pytest.mark.data
def test_means_of_labels_and_classes_that_are_not_there(data_root, monkeypatch):
    monkeypatch.setenv("UNMISSED_DATA", str(data_root))
    for means, word in (({"mild": ["LSIL"]}, "mild"), ({"light_dysplastic": ["CIN1"]}, "CIN1")):
        with pytest.raises(DatasetError, match=word):
            read_data(DataConfig(dataset="cric", joined=("herlev",), means={"herlev": means}))


def test_a_cell_of_known_size_comes_to_the_scale_of_the_model(tmp_path):
    """A disk of 20 um: 100 px at 0.2 um, 40 px at 0.5 um; training and evaluation agree."""
    picture = np.full((200, 160, 3), 255, np.uint8)
    cv2.circle(picture, (80, 100), 50, (90, 40, 120), cv2.FILLED)
    cv2.imwrite(str(tmp_path / "cell.png"), picture)
    cell = Record(tmp_path / "cell.png", "NILM", "g", um_per_px=0.2)
    (crop,) = load_pictures([cell], 96, "crop", lambda: None, 0.5)
    across = np.flatnonzero((crop[48] < 200).all(axis=1))
    assert abs((across[across < 80].max() - across[across > 15].min()) - 40) <= 2
    spec = InputSpec(size_px=96, fit="crop", um_per_px=0.5, mean=(0, 0, 0), std=(1, 1, 1))
    assert np.array_equal(RecordReader(spec)(cell).pixels, crop)


def cells(side=64):
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(205, 15, (side, side, 3)), 0, 255).astype(np.uint8)
    cv2.circle(image, (side // 2, side // 2), 9, (90, 50, 130), cv2.FILLED)
    return image


def test_a_stain_changes_colours_and_leaves_shapes():
    stain = Stain(p=1.0)
    stain.set_random_seed(1)
    made = [stain(image=cells())["image"] for _ in range(8)]
    assert np.std([image.mean(axis=(0, 1)) for image in made], axis=0).min() > 3
    for image in made:
        grey = image.sum(axis=2).astype(int)
        assert grey[32, 32] < grey[4:12, 4:12].mean() - 60  # the nucleus stays the darkest
    same = Stain(strength=(1, 1), hue=0.0, mix=0.0, light=(1, 1), p=1.0)
    assert np.abs(same(image=cells())["image"].astype(int) - cells()).max() <= 1


def test_a_cut_out_cell_lies_on_the_colour_of_its_edges():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :, 0] = np.arange(64)
    image[:, :, 1] = np.arange(64)[:, None]
    cut = CutOut(sides=(0.5, 0.5), p=1.0)(image=image, other=image)["image"]
    assert np.array_equal(cut[16:48, 16:48], image[16:48, 16:48])
    cut[16:48, 16:48] = 31
    assert np.ptp(cut[..., :2]) == 0
    whole = CutOut(sides=(1.0, 1.0), p=1.0)(image=image, other=image)["image"]
    assert np.array_equal(whole, image)


def test_a_cut_out_cell_among_others_keeps_its_place():
    cell, other = np.full((64, 64, 3), 50, np.uint8), np.zeros((64, 64, 3), np.uint8)
    other[24:40, 24:40] = 200
    cut = CutOut(sides=(0.5, 0.5), among=1.0, p=1.0)(image=cell, other=other)["image"]
    assert (cut[16:48, 16:48] == 50).all()
    assert (cut[:8, :8] == 200).all() and not cut[:16, 16:48].any()
    assert (other[24:40, 24:40] == 200).all() and np.count_nonzero(other) == 3 * 16 * 16


def test_folds_of_a_set_do_not_change_when_another_one_joins():
    own = [Record(Path(f"{i}.png"), "ab"[i % 2], f"field-{i // 3}") for i in range(30)]
    further = [Record(Path(f"cell-{i}.png"), "ab"[i % 2], f"herlev/{i // 2}") for i in range(40)]
    alone = folds(own, 3, DataConfig(dataset="cric"))
    both = folds([*own, *further], 3, DataConfig(dataset="cric", joined=("herlev",)))
    for one, two in zip(alone, both, strict=True):
        for side in ("train", "validation", "test"):
            assert getattr(one, side) == tuple(i for i in getattr(two, side) if i < len(own))
            assert any(i >= len(own) for i in getattr(two, side))
    assert sorted(i for split in both for i in split.test) == list(range(70))


def test_figures_are_not_of_labels_that_may_be_several_classes():
    own, joined = Record(Path("a.png"), "NILM", "field"), Record(Path("b.png"), "LSIL", "herlev/1", or_labels=("HSIL",))
    config = DataConfig(dataset="cric", joined=("herlev",), means=MEANS)
    assert counted([joined, own, joined], config) == [1]
    assert counted([joined, own], config.model_copy(update={"means": {}})) == [0, 1]
    assert counted([joined, joined], config.model_copy(update={"leave_out": "herlev"})) == [0, 1]
