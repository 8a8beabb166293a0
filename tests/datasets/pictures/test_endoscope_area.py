"""What the endoscope shows in a still: drawn frames whose area is known."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.pictures.endoscope_area import cut_to_endoscope, endoscope_box, fit_area, least_side
from unmissed.datasets.pictures.images import fit_image

TISSUE = (180, 90, 70)


def frame(shape, width=640, height=360, box=(200, 20, 560, 340)):
    """A picture of the endoscope in a black frame."""
    image = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = box
    inside = np.full((bottom - top, right - left, 3), TISSUE, np.uint8)
    inside[60:120, 80:150] = 5  # a dark lumen
    seen = np.zeros(inside.shape[:2], np.uint8)
    h, w = seen.shape
    if shape == "ellipse":
        cv2.ellipse(seen, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 1, cv2.FILLED)
    elif shape == "octagon":
        cut = h // 4
        corners = [(cut, 0), (w - cut, 0), (w, cut), (w, h - cut), (w - cut, h), (cut, h), (0, h - cut), (0, cut)]
        cv2.fillPoly(seen, [np.array(corners)], 1)
    else:
        seen[:] = 1
    image[top:bottom, left:right] = inside * seen[..., None]
    return image


def assert_close(found, expected, tolerance=6):
    assert np.abs(np.array(found) - np.array(expected)).max() <= tolerance, (found, expected)


@pytest.mark.parametrize("shape", ["ellipse", "octagon", "square"])
def test_margins_are_cut_whatever_the_mask(shape):
    assert_close(endoscope_box(frame(shape)), (200, 20, 560, 340))


def test_letters_and_a_guide_in_the_margin_do_not_count():
    image = frame("octagon")
    cv2.putText(image, "12:34:56", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    image[240:350, 20:180] = (20, 170, 120)
    assert_close(endoscope_box(image), (200, 20, 560, 340))


@pytest.mark.parametrize(
    "image",
    [
        np.full((90, 120, 3), TISSUE, np.uint8),
        np.zeros((90, 120, 3), np.uint8),
        frame("square", 640, 360, (300, 150, 480, 300)),  # 12 % of the frame: a lit spot
    ],
    ids=["no margin", "black", "spot"],
)
def test_without_an_area_the_picture_is_whole(image):
    assert endoscope_box(image) == (0, 0, image.shape[1], image.shape[0])


def test_a_model_sees_the_same_whatever_the_frame_around():
    inside = cut_to_endoscope(frame("square"))
    wider = np.zeros((500, 900, 3), np.uint8)
    wider[100 : 100 + inside.shape[0], 300 : 300 + inside.shape[1]] = inside
    seen = [fit_area(image, 64, "squash", "endoscope").astype(int) for image in (inside, wider)]
    assert np.abs(seen[0] - seen[1]).mean() < 3
    np.testing.assert_array_equal(fit_area(wider, 64, "squash", None), fit_image(wider, 64, "squash"))


def test_what_is_cut_is_decoded_whole():
    assert [least_side(64, "squash", None), least_side(64, "squash", "endoscope"), least_side(64, "crop", None)] == [
        64,
        None,
        None,
    ]
