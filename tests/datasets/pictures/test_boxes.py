"""Boxes that span what belongs to a peak, on maps whose answer is known."""

import numpy as np
import pytest

from unmissed.datasets.pictures.boxes import find_boxes


def bump(shape, centre, sides, height=1.0):
    """A plateau of known extent, in cells."""
    heat = np.zeros(shape, np.float32)
    (y, x), (h, w) = centre, sides
    heat[y - h // 2 : y - h // 2 + h, x - w // 2 : x - w // 2 + w] = height
    return heat


def test_a_box_spans_its_plateau():
    boxes, scores, cells = find_boxes(bump((20, 30), (9, 14), (5, 9)), stride_px=16, radius_px=200, threshold=0.3)
    # Columns 10 to 18 and rows 7 to 11; half a cell of blur from the interpolation at the most.
    assert boxes == pytest.approx(np.array([[160, 112, 304, 192]]), abs=8)
    assert scores == pytest.approx([1.0])
    assert 7 <= cells[0, 0] <= 11 and 10 <= cells[0, 1] <= 18


def test_one_thing_has_one_box_even_with_several_peaks():
    boxes, _, _ = find_boxes(bump((20, 30), (9, 14), (5, 15)), stride_px=16, radius_px=32, threshold=0.3)
    assert len(boxes) == 1


def test_two_things_have_two_boxes_the_higher_first():
    heat = bump((20, 40), (9, 8), (5, 5), 0.6) + bump((20, 40), (9, 30), (5, 5), 0.9)
    boxes, scores, _ = find_boxes(heat, stride_px=8, radius_px=40, threshold=0.3)
    assert scores == pytest.approx([0.9, 0.6])
    assert boxes[0, 0] > boxes[1, 2]


def test_a_faint_skirt_does_not_widen_a_box():
    heat = np.maximum(bump((20, 30), (9, 14), (13, 21), 0.3), bump((20, 30), (9, 14), (3, 3), 0.9))
    boxes, _, _ = find_boxes(heat, stride_px=8, radius_px=100, threshold=0.5)
    assert (boxes[0, 2:] - boxes[0, :2]).max() <= 4 * 8


def test_a_single_cell_at_the_border_has_a_box_inside():
    heat = np.zeros((6, 6), np.float32)
    heat[0, 5] = 0.8
    boxes, _, _ = find_boxes(heat, stride_px=8, radius_px=10, threshold=0.5)
    assert (boxes[0] >= 0).all() and (boxes[0] <= 48).all()
    assert (boxes[0, 2:] > boxes[0, :2]).all()


def test_nothing_high_enough_gives_nothing():
    boxes, scores, cells = find_boxes(np.full((5, 5), 0.2, np.float32), stride_px=8, radius_px=10, threshold=0.5)
    assert boxes.shape == (0, 4) and scores.shape == (0,) and cells.shape == (0, 2)
