"""Masks of every writer become the same bool array, and what is strange about one is said."""

import cv2
import numpy as np
import pytest
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.masks import EMPTY, INVERTED, read_mask
from unmissed.datasets.pictures.images import size_of
from unmissed.datasets.verify import verify

OBJECT = cv2.circle(np.zeros((60, 80), np.uint8), (30, 25), 12, 1, -1).astype(bool)


def saved(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(path, **options)
    return path


def palette(colour):
    image = Image.fromarray(OBJECT.astype(np.uint8)).convert("P")
    image.putpalette([0, 0, 0, *colour] + [0] * 762)
    return image


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (OBJECT * np.uint8(255), []),
        (OBJECT * np.uint8(1), ["dark mask"]),
        (OBJECT * np.uint8(100), ["dark mask"]),
        (np.dstack([OBJECT * np.uint8(value) for value in (0, 255, 0)]), []),
        (np.dstack([OBJECT * np.uint8(value) for value in (0, 0, 128)]), []),
        (palette((0, 128, 0)), []),
        (Image.fromarray(OBJECT), []),
        (cv2.GaussianBlur(OBJECT * np.uint8(255), (5, 5), 0), []),
    ],
)
def test_the_same_object_whatever_wrote_the_mask(tmp_path, values, kinds):
    mask, notes = read_mask(saved(tmp_path / "a.png", values), 80, 60)
    assert mask.dtype == bool and (mask != OBJECT).mean() < 0.01
    assert [note.kind for note in notes] == kinds


def test_a_jpeg_mask_and_one_of_half_the_size(tmp_path):
    jpeg = saved(tmp_path / "a.jpg", OBJECT * np.uint8(255), quality=90)
    mask, notes = read_mask(jpeg, 80, 60)
    assert (mask != OBJECT).mean() < 0.01 and notes == ()
    mask, notes = read_mask(jpeg, 160, 120)
    assert mask.shape == (120, 160) and abs(mask.mean() - OBJECT.mean()) < 0.01
    assert [note.kind for note in notes] == ["mask of another size"]
    with pytest.raises(ImageError, match="80 x 60 px, its picture 60 x 80 px"):
        read_mask(jpeg, 60, 80)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((60, 80), np.uint8), EMPTY),
        (~OBJECT * np.uint8(255), INVERTED),
        (~OBJECT * np.uint8(1), INVERTED),
        (np.full((60, 80), 255, np.uint8), INVERTED),
        (cv2.GaussianBlur(OBJECT * np.uint8(255), (41, 41), 0), "soft mask"),
    ],
)
def test_what_is_strange(tmp_path, values, kind):
    _, notes = read_mask(saved(tmp_path / "a.png", values), 80, 60)
    assert kind in [note.kind for note in notes] and all(note.text_zh for note in notes)


def test_numbers_of_classes_are_refused(tmp_path):
    classes = OBJECT * np.uint8(1)
    classes[40:50, 40:50] = 2
    with pytest.raises(ImageError, match="3 values up to 2, such as numbers of classes"):
        read_mask(saved(tmp_path / "a.png", classes), 80, 60)


def test_verify_lists_the_strange_ones(tmp_path):
    rng = np.random.default_rng(0)
    masks = {"a": 255, "b": 255, "c": 255, "ones": 1, "empty": 0}
    for name, value in masks.items():
        saved(tmp_path / "images" / f"{name}.jpg", rng.integers(0, 255, (60, 80, 3), dtype=np.uint8))
        saved(tmp_path / "masks" / f"{name}.png", OBJECT * np.uint8(value))
    result = verify(registry.get("kvasir-seg"), tmp_path)
    assert {one.path.stem: one.what for one in result.strange} == {
        "ones": "the largest value of the mask is 1, not 255; it was read as object",
        "empty": "the mask is empty",
    }
    assert result.is_sound and len(result.as_json()["strange"]) == 2


@pytest.mark.data
@pytest.mark.parametrize("name", ["kvasir-seg", "cvc-clinicdb", "polypgen"])
def test_real_masks_are_ordinary_or_empty(data_root, name):
    for path in find_images(data_root / name / "masks")[::15]:
        _, notes = read_mask(path, *size_of(path))
        assert {note.kind for note in notes} <= {EMPTY}, path
