"""Augmentation: the same seed gives the same picture, and wrong steps are refused before anything trains."""

import os
import subprocess
import sys

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.augment import Augmenter

STEPS = [{"D4": {"p": 1.0}}, {"Affine": {"rotate": [-20, 20], "scale": [0.8, 1.2], "p": 0.7}}, {"GaussNoise": {}}]


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("is_crop", [True, False])
def test_a_seed_fixes_the_picture_whatever_came_before(picture, is_crop):
    one, two = (Augmenter(STEPS, 32, is_crop=is_crop) for _ in range(2))
    two(picture, 99)
    first = one(picture, 7)
    np.testing.assert_array_equal(first, two(picture, 7))
    assert (first != one(picture, 8)).any()
    np.testing.assert_array_equal(first, one(picture, 7))


@pytest.mark.parametrize("is_crop", [True, False])
@pytest.mark.parametrize("side", [24, 32, 40, 64])
def test_the_result_fits_the_network(side, is_crop):
    """Also where the cache has the very size of the input, and flips leave nothing to resize."""
    picture = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    augment = Augmenter(STEPS[:1], 32, is_crop=is_crop)
    for seed in range(8):
        result = augment(picture, seed)
        assert result.shape == (32, 32, 3)
        assert result.dtype == np.uint8
        assert all(step > 0 for step in result.strides), "torch takes no negative strides"


def test_without_steps_the_picture_only_changes_its_size(picture):
    np.testing.assert_array_equal(Augmenter([], 32, is_crop=True)(picture, 3), picture[4:36, 4:36])
    assert Augmenter([], 32, is_crop=False)(picture, 3).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"HorizontalFlop": {}}, "no transform 'HorizontalFlop'.*HorizontalFlip"),
        ({"os": {}}, "no transform 'os'"),
        ({"Affine": {"rotatte": 3}}, "Affine has no parameter 'rotatte'.*'rotate'"),
        ({"Affine": {"zzz": 3}}, "Affine has no parameter 'zzz'.*valid:.*scale"),
        ({"HorizontalFlip": {"p": 7}}, "augment: HorizontalFlip: .*correct the value"),
        ({"GaussianBlur": {"blur_limit": "much"}}, "augment: GaussianBlur: "),
    ],
)
def test_wrong_steps_are_named_with_the_closest(step, words):
    with pytest.raises(ConfigError, match=words):
        Augmenter([step], 32, is_crop=False)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"Normalize": {}}, "float32.*expected uint8 RGB.*Normalize"),
        ({"ToFloat": {}}, "float32"),
        ({"RandomCrop": {"height": 200, "width": 200}}, "fails on a picture of 40 x 40 px"),
    ],
)
def test_steps_that_spoil_the_picture_are_found_before_training(picture, step, words):
    with pytest.raises(ConfigError, match=words):
        Augmenter([step], 32, is_crop=False).check(picture)
    Augmenter(STEPS, 32, is_crop=False).check(picture)


def test_importing_it_asks_no_server():
    """Albumentations looks for its newest version at import unless told not to."""
    code = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        print('CONNECTED', arguments); sys.exit(9)\n"
        "sys.addaudithook(refuse)\n"
        "import unmissed.training.augment\n"
        "import os; print(os.environ['NO_ALBUMENTATIONS_UPDATE'])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "1\n"), run.stderr
