"""Augmentation by optics and processors, and pictures spoiled by rule."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.records import ClassInfo
from unmissed.training.augment import Augmenter
from unmissed.training.loading import TrainingPictures
from unmissed.training.looks.colours import _BLACK, COLOURS
from unmissed.training.looks.endoscope import SHAPES, mask_of
from unmissed.training.looks.spoiled import NONE, spoil, with_none, with_spoiled


def tissue(side=96):
    """Reddish, with detail everywhere and a lumen off the middle."""
    rng = np.random.default_rng(3)
    detail = cv2.resize(rng.normal(0, 40, (side // 4, side // 4, 1)).astype(np.float32), (side, side))
    image = np.clip(np.array([175, 95, 75]) + detail[..., None], 30, 255).astype(np.uint8)
    cv2.circle(image, (side // 3, side // 3), side // 8, (40, 25, 25), cv2.FILLED)
    return image


ALL = [
    {"FieldOfView": {"p": 1.0}},
    {"EndoscopeMask": {"p": 1.0}},
    {"Processor": {"p": 1.0}},
    {"ColourOf": {"datasets": ["polypgen"], "p": 1.0}},
    {"LowerLeftCorner": {}},
]


@pytest.mark.parametrize("step", ALL, ids=lambda step: next(iter(step)))
def test_each_changes_the_picture_and_repeats_with_its_seed(step):
    augment = Augmenter([step], 96, is_crop=False)
    augment.check(tissue())
    augment.check(np.zeros((96, 96, 3), np.uint8))
    seen = [augment(tissue(), seed) for seed in range(12)]
    assert max((one != tissue()).mean() for one in seen) > 0.1
    assert len({one.tobytes() for one in seen}) > 1
    np.testing.assert_array_equal(seen[3], augment(tissue(), 3))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"EndoscopeMask": {"shapes": ["star"]}}, "expected some of circle"),
        ({"ColourOf": {"datasets": ["cric"]}}, "the colours are known of kvasir-seg"),
        ({"Procesor": {}}, "Processor"),
        ({"Processor": {"warm": 1}}, "'warm'"),
    ],
)
def test_mistakes_are_named(step, words):
    with pytest.raises(ConfigError, match=words):
        Augmenter([step], 96, is_crop=False)


def test_the_target_of_a_heat_map_goes_through_the_same_lens():
    spot = np.zeros((96, 96, 3), np.uint8)
    cv2.circle(spot, (62, 40), 8, (255, 255, 255), cv2.FILLED)
    augment = Augmenter([{"FieldOfView": {"zoom": [1.2, 1.6], "barrel": [0.1, 0.3], "p": 1.0}}], 96, is_crop=False)
    for seed in range(5):
        seen, target = augment.both(spot, spot[..., :1] // 255, seed)
        assert ((seen[..., 0] > 127) == (target[..., 0] == 1)).mean() > 0.98
        assert set(np.unique(target)) == {0, 1}


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_are_open_in_the_middle_and_black_in_the_corners(shape):
    mask = mask_of(shape, (80, 100), 1.0, np.zeros(2), 0.5)
    assert mask[40, 50] == 1 and mask[0, 0] == mask[-1, -1] == 0
    assert mask[40, 2] > 0.5 and mask[2, 50] > 0.5
    moved = mask_of(shape, (80, 100), 0.6, np.array([0.2, 0.0]), 0.5)
    assert moved[40, 70] == 1 and moved[40, 15] == 0


def test_the_corner_is_never_what_it_was():
    picture = tissue()
    marked = picture.copy()
    marked[70:, :30] = (0, 255, 0)
    augment = Augmenter([{"LowerLeftCorner": {"width": 0.4, "height": 0.4, "black": 0.5}}], 96, is_crop=False)
    found = [augment(marked, seed) for seed in range(12)]
    for seen in found:
        assert not (seen[70:, :30] == (0, 255, 0)).all(axis=2).any()
        np.testing.assert_array_equal(seen[:50], marked[:50])
    blacks = [not seen[70:, :30].any() for seen in found]
    assert any(blacks) and not all(blacks)
    mirrored = found[blacks.index(False)]
    np.testing.assert_array_equal(mirrored[70:, :30], picture[70:, -30:][:, ::-1])


def test_colours_are_those_of_the_other_set():
    mean, _, within = COLOURS["neopolyp"]
    steps = [{"ColourOf": {"datasets": ["neopolyp"], "strength": [1.0, 1.0], "p": 1.0}}]
    augment, seen = Augmenter(steps, 96, is_crop=False), []
    blue = tissue()[..., ::-1].copy()
    for seed in range(40):
        lab = cv2.cvtColor(augment(blue, seed).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        seen.append(lab.reshape(-1, 3).mean(axis=0))
    assert np.abs(np.mean(seen, axis=0) - mean).max() < 6
    assert within[0] > within[1] > 0 and _BLACK > 0


def test_the_black_surround_keeps_its_colour():
    picture = tissue()
    picture[:, :40] = 3
    augment = Augmenter([{"ColourOf": {"datasets": ["polypgen"], "p": 1.0}}], 96, is_crop=False)
    np.testing.assert_array_equal(augment(picture, 2)[:, :40], picture[:, :40])


def likeness(one, other):
    """Correlation of two pictures; 0 where one is a single colour."""
    first, second = (picture[..., 1].astype(float) - picture[..., 1].mean() for picture in (one, other))
    return (first * second).mean() / max(first.std() * second.std(), 1e-9)


def test_spoiled_pictures_show_nothing_of_the_original():
    picture = tissue()
    kept = [likeness(spoil(picture, seed), picture) for seed in range(60)]
    assert np.median(np.abs(kept)) < 0.4
    np.testing.assert_array_equal(spoil(picture, 5), spoil(picture, 5))
    assert len({spoil(picture, seed).tobytes() for seed in range(20)}) == 20
    lights = [float(spoil(picture, seed).mean()) for seed in range(60)]
    assert min(lights) < 25 and max(lights) > 180


def test_the_class_none_comes_after_the_others_and_only_in_training():
    classes = (ClassInfo("a", "A", "甲"), ClassInfo("b", "B", "乙"))
    assert [item.id for item in with_none(classes)] == ["a", "b", NONE.id]
    with pytest.raises(ConfigError, match="of its own"):
        with_none((*classes, NONE))
    labels = with_spoiled(np.array([0, 1, 1, 0, 1, 0]), 2, 0.25)
    assert labels.tolist() == [0, 1, 1, 0, 1, 0, 2, 2]
    assert with_spoiled(labels, 2, 0.0).tolist() == labels.tolist()
    pictures = np.stack([tissue()] * 6)
    data = TrainingPictures(pictures, labels, Augmenter([], 96, is_crop=False))
    assert len(data) == 8
    seen, label = data[1, 9]
    assert label == 1 and (seen.numpy() == tissue()).all()
    seen, label = data[7, 9]
    assert label == 2 and (seen.numpy() == spoil(tissue(), 9)).all()
