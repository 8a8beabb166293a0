"""Colour, light and sharpness of a picture: what moves each number, and what must not."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.pictures.appearance import STATISTICS, appearance

NAMES = list(STATISTICS)


@pytest.fixture
def tissue():
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.normal(0, 25, (20, 20, 1)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, 4, (160, 160)).astype(np.float32)
    return np.clip(np.array([170, 95, 80]) + (coarse + fine)[..., None], 0, 255).astype(np.uint8)


def moved(one: np.ndarray, other: np.ndarray) -> set[str]:
    """Reasons whose numbers differ by more than a hundredth of their size."""
    gap = np.abs(appearance(one) - appearance(other)) / (np.abs(appearance(one)) + 0.1)
    return {STATISTICS[name] for name, size in zip(NAMES, gap, strict=True) if size > 0.01}


def test_blur_takes_the_finest_detail_first(tissue):
    found = appearance(cv2.GaussianBlur(tissue, (0, 0), 1.5)) - appearance(tissue)
    assert found[NAMES.index("detail_1_to_2_px")] < -0.3
    assert found[NAMES.index("detail_at_2_px")] < -0.1
    assert abs(found[NAMES.index("detail_4_to_8_px")]) < 0.2


def test_a_tint_moves_colour_and_not_sharpness(tissue):
    tinted = np.clip(tissue * np.array([0.9, 1.05, 1.1]), 0, 255).astype(np.uint8)
    assert "colour" in moved(tissue, tinted)
    assert appearance(tinted)[NAMES.index("green_to_red")] < appearance(tissue)[NAMES.index("green_to_red")] - 5


def test_black_corners_do_not_count(tissue):
    masked = tissue.copy()
    disk = cv2.circle(np.zeros((160, 160), np.uint8), (80, 80), 79, 1, cv2.FILLED)
    masked[disk == 0] = 0
    np.testing.assert_allclose(appearance(masked)[:10], appearance(tissue)[:10], atol=1e-6)
    np.testing.assert_allclose(appearance(masked), appearance(tissue), atol=0.1)  # bands reach a little further


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.full((16, 300, 3), 90, np.uint8),
        np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2),
    ],
)
def test_plain_pictures_have_finite_numbers(picture):
    found = appearance(picture)
    assert found.shape == (len(STATISTICS),)
    assert np.isfinite(found).all()
