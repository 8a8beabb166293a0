"""Boxes of the lesion model lie where the lesion is, in pixels of the whole frame, whatever the size of the frame."""

import cv2
import numpy as np
import pytest

from unmissed.inference.endoscopy.frame.lesions import LesionModel
from unmissed.inference.endoscopy.values import Box, FrameView

MODEL = "polyp-finder"


def view_of(image, left=0, top=0):
    grey = image[..., 1].copy()
    box = Box(left, top, image.shape[1], image.shape[0])
    return FrameView(0.0, box, image, grey, grey, np.full_like(grey, 255))


@pytest.fixture(scope="module")
def polyp(data_root):
    return cv2.imread(str(data_root / "hyperkvasir-samples" / "polyp" / "test-image-polyp.jpg"))[..., ::-1].copy()


@pytest.mark.data
def test_a_large_frame_has_the_boxes_of_a_small_one(polyp):
    large = cv2.resize(polyp, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    with LesionModel(MODEL, 0.8) as model:
        (one,), (other,) = model.detect(view_of(polyp)), model.detect(view_of(large))
    sides = [getattr(one.box, name) for name in ("x_px", "y_px", "width_px", "height_px")]
    others = [getattr(other.box, name) / 3 for name in ("x_px", "y_px", "width_px", "height_px")]
    assert others == pytest.approx(sides, abs=0.08 * max(polyp.shape))
    assert other.score == pytest.approx(one.score, abs=0.1)


@pytest.mark.data
def test_boxes_are_in_pixels_of_the_whole_frame(polyp):
    with LesionModel(MODEL, 0.8) as model:
        (one,), (moved,) = model.detect(view_of(polyp)), model.detect(view_of(polyp, left=100, top=40))
    assert (moved.box.x_px - one.box.x_px, moved.box.y_px - one.box.y_px) == pytest.approx((100, 40))


@pytest.mark.data
def test_a_finder_of_kinds_says_which_and_how_clearly(polyp):
    with LesionModel(MODEL, 0.8) as model:
        (found,) = model.detect(view_of(polyp))
        assert {name: word.zh for name, word in model.kinds.items()} == {
            "neoplastic": "肿瘤性息肉",
            "non-neoplastic": "非肿瘤性息肉",
        }
    assert found.kind in model.kinds and 0.5 < found.kind_share < 1


def test_what_kinds_rest_on_is_said_in_the_words_of_the_card():
    with LesionModel(MODEL, 0.8) as model:
        note = model.notes[-1]
    assert "learned from NeoPolyp alone" in note and "不能替代病理诊断" in note
    assert "Kvasir-SEG" not in note  # only what is said of the kinds
    with LesionModel("nucleus-finder", 0.8) as model:
        assert model.kinds == {} and not any("kind of lesion" in note for note in model.notes)


def test_nobody_finds_nothing():
    with LesionModel(None, 0.5) as model:
        assert model.detect(view_of(np.zeros((64, 64, 3), np.uint8))) == ()
        assert model.choice is None
