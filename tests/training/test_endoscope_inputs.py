"""The cut to what the endoscope shows is part of a model: alike in training, in use and in a stream; masks by kind."""

import json

import cv2
import numpy as np
import pytest
import yaml

from unmissed.datasets.pictures.images import fit_image, read_image
from unmissed.datasets.records import Record
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.pictures.fitting import RecordReader, path_reader
from unmissed.models.cards import InputSpec
from unmissed.training.heatmaps.data import UNKNOWN, Scale
from unmissed.training.heatmaps.sources import FieldSource
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.heatmaps import HeatmapConfig

SPEC = InputSpec(size_px=64, fit="squash", area="endoscope", mean=(0.5,) * 3, std=(0.5,) * 3)
LEFT, TOP, RIGHT, BOTTOM = 160, 20, 480, 340


def framed(seed=0):
    """A frame of 640 x 360 px with a picture of 320 x 320 px in it."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((360, 640, 3), np.uint8)
    small = rng.integers(60, 250, (5, 5, 3), dtype=np.uint8)
    picture[TOP:BOTTOM, LEFT:RIGHT] = cv2.resize(small, (320, 320), interpolation=cv2.INTER_CUBIC)
    return picture


@pytest.fixture
def stills(tmp_path):
    paths = [tmp_path / f"{seed}.jpg" for seed in range(3)]
    for seed, path in enumerate(paths):
        cv2.imwrite(str(path), framed(seed)[..., ::-1])
    return paths


def test_training_and_use_see_the_same(stills):
    records = [Record(path, "x", "g") for path in stills]
    trained = load_pictures(records, 64, "squash", lambda: None, area="endoscope")
    prepare, _ = path_reader(SPEC, None)
    for record, pixels in zip(records, trained, strict=True):
        np.testing.assert_array_equal(prepare(record.path).pixels, pixels)
        np.testing.assert_array_equal(RecordReader(SPEC)(record).pixels, pixels)
        whole = read_image(record.path)
        assert np.abs(pixels.astype(int) - fit_image(whole[TOP:BOTTOM, LEFT:RIGHT], 64, "squash")).mean() < 4
        assert np.abs(pixels.astype(int) - fit_image(whole, 64, "squash")).mean() > 20


def test_a_stream_gives_the_cut_of_its_stills(stills):
    for path in stills:
        image = read_image(path)
        view = ContentFinder().view(Frame(0, 0.0, image))
        prepare, _ = path_reader(SPEC, None)
        assert np.abs(prepare(path).pixels.astype(int) - fit_image(view.image, 64, "squash")).mean() < 2


def polyps(root, kinds):
    """Pictures in frames, with a polyp of each kind: a square of 64 px."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    mask = np.zeros((360, 640, 3), np.uint8)
    for number, channel in enumerate(kinds):
        mask[100:164, 200 + 128 * number : 264 + 128 * number, channel] = 255
    cv2.imwrite(str(root / "images" / "a.png"), framed()[..., ::-1])
    cv2.imwrite(str(root / "masks" / "a.png"), mask[..., ::-1])
    return root


def loaded(name, root, heatmap, area="endoscope"):
    source = FieldSource(name, root, heatmap, Scale(None, 320, 16, area), by_picture=False)
    (field,) = source.load(source.fields, lambda: None)
    return field


@pytest.mark.parametrize(
    ("area", "size", "middle"), [("endoscope", (320, 320), (72, 112)), (None, (180, 320), (116, 66))]
)
def test_a_heat_map_learns_in_the_cut_picture(tmp_path, area, size, middle):
    heatmap = HeatmapConfig(classes={"background": (), "polyp": ("polyp",)}, target=("polyp",), picture_px=320)
    field = loaded("neopolyp", polyps(tmp_path / "set", [0]), heatmap, area)
    assert np.abs(np.array(field.image.shape[:2]) - size).max() <= 4
    assert np.abs(field.points[0] - middle).max() <= 5
    assert field.target[int(middle[1]), int(middle[0]), 0] == 1 and field.labels == ("polyp",)


def test_kinds_of_polyps_are_learned_apart_or_as_one(tmp_path):
    root = polyps(tmp_path / "set", [0, 1])
    maps = {"background": (), "neoplastic": ("neoplastic",), "other": ("non-neoplastic",)}
    heatmap = HeatmapConfig(classes=maps, target=("neoplastic",), picture_px=320)
    field = loaded("neopolyp-kinds", root, heatmap)
    assert sorted(field.labels) == ["neoplastic", "non-neoplastic"]
    found = {label: field.target[int(y), int(x), 0] for label, (x, y) in zip(field.labels, field.points, strict=True)}
    assert found == {"neoplastic": 1, "non-neoplastic": 2}
    assert field.is_target.tolist() == [label == "neoplastic" for label in field.labels]
    assert set(np.unique(field.target)) <= {0, 1, 2, UNKNOWN}
    one = HeatmapConfig(classes={"background": (), "polyp": ("polyp",)}, target=("polyp",), picture_px=320)
    assert loaded("neopolyp", root, one).labels == ("polyp", "polyp")


def test_a_finder_of_polyps_learns_from_neopolyp_too(go, put, tmp_path, monkeypatch):
    for index in range(8):
        put(tmp_path / "kvasir-seg" / "images" / f"k{index}.png", seed=index)
        mask = cv2.circle(np.zeros((40, 48), np.uint8), (20, 20), 6, 255, cv2.FILLED)
        (tmp_path / "kvasir-seg" / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "kvasir-seg" / "masks" / f"k{index}.png"), mask)
    polyps(tmp_path / "neopolyp", [0, 1])
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    recipe = {
        "name": "polyps",
        "data": {"dataset": "kvasir-seg", "also": ["neopolyp"]},
        "input": {"size_px": 32, "cache_px": 40, "workers": 0, "fit": "crop", "area": "endoscope"},
        "model": {"backbone": "tf_efficientnet_lite0", "blocks": 4, "stride": 16, "weights": "none"},
        "heatmap": {
            **{"classes": {"background": [], "polyp": ["polyp"]}, "target": ["polyp"], "picture_px": 64, "crops": 8},
            **{"box_um": None, "false_finds": [1.0], "operating_point": 1.0},
        },
        "optimizer": {"epochs": 1, "batch_size": 4},
        "bootstrap": 100,
    }
    (tmp_path / "polyps.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    go(tmp_path / "run", name=tmp_path / "polyps.yaml")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["data"][1]["counts"] == {"train": {"polyp": 2}}


@pytest.mark.parametrize(
    ("data", "more", "words"),
    [
        ({"also": ["polypgen"]}, {}, "for heat maps only"),
        ({"none_share": 0.1}, {"few_shot": {}}, "cannot be combined"),
    ],
)
def test_what_does_not_fit_a_classifier_is_refused(data, more, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig.model_validate({"name": "x", "data": {"dataset": "hyperkvasir", **data}, **more})
