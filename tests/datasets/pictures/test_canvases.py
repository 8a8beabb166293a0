"""Pictures of any size in canvases: the map of the whole, wherever the canvases lie."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.pictures.canvases import heat_map

STRIDE, REACH = 8, 16  # the model below looks 16 px far


def blurred(canvases):
    """A model whose cells depend on their surroundings up to 16 px away, and on what a canvas adds at its border."""
    kernel = np.ones((2 * REACH + 1, 2 * REACH + 1), np.float32) / (2 * REACH + 1) ** 2
    maps = [cv2.filter2D(c.astype(np.float32), -1, kernel, borderType=cv2.BORDER_CONSTANT) for c in canvases]
    cells = [m.reshape(len(m) // STRIDE, STRIDE, len(m) // STRIDE, STRIDE, 3).mean(axis=(1, 3)) for m in maps]
    return np.stack([cell.transpose(2, 0, 1)[:2] for cell in cells]).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([96, 128, 160]), st.integers(1, 5))
def test_no_seam_is_left(height, width, size_px, at_once):
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = heat_map(image, blurred, size_px=size_px, stride_px=STRIDE, halo_px=REACH, at_once=at_once)
    one = heat_map(image, blurred, size_px=384, stride_px=STRIDE, halo_px=REACH)
    assert found.shape == one.shape == (2, -(-height // STRIDE), -(-width // STRIDE))
    np.testing.assert_allclose(found, one, rtol=1e-4)


def test_a_halo_that_is_too_small_shows():
    image = np.full((200, 200, 3), 200, np.uint8)
    even = heat_map(image, blurred, size_px=96, stride_px=STRIDE, halo_px=REACH)
    uneven = heat_map(image, blurred, size_px=96, stride_px=STRIDE, halo_px=0)
    assert np.ptp(even) < 0.01 < np.ptp(uneven)


def test_a_canvas_without_an_inside_is_refused():
    with pytest.raises(ConfigError, match="no inside"):
        heat_map(np.zeros((9, 9, 3), np.uint8), blurred, size_px=96, stride_px=8, halo_px=48)
