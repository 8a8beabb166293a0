"""What can be read is not called obscured or out of focus in any light, and what is spoilt is."""

import cv2
import numpy as np
import pytest

from unmissed.benchmarks.studies.cells.adequacy_by_rule import CHANGES, regions_of
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.registry import get

OUT_OF_FOCUS = {name for name in CHANGES if name.startswith(("blur 1", "blur 2", "blur 3"))}
OBSCURED = {"clump", "clump, 0.45 of the light"}
UM_PER_PX = 0.25
LIGHT = pytest.mark.parametrize("light", [(1, 1, 1), (0.6, 0.7, 0.8), (0.4, 0.4, 0.35)])


@pytest.fixture(scope="module")
def crowd():
    """Sharp cells on glass; the sides are no whole number of map cells, so white mixes in at the edges."""
    picture = np.full((1210, 1210, 3), (236, 234, 238), np.uint8)
    for x in range(100, 1200, 200):
        for y in range(100, 1200, 200):
            cv2.circle(picture, (x, y), 90, (190, 205, 215), -1)
            cv2.circle(picture, (x, y), 22, (60, 40, 90), -1)
    return picture.astype(np.float32)


def told(picture, light=(1, 1, 1)):
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    return regions_of(np.clip(np.round(picture * light + noise), 0, 255).astype(np.uint8), UM_PER_PX)


@LIGHT
@pytest.mark.parametrize(("sigma_px", "is_blurred"), [(0, False), (1, False), (4, True), (8, True)])
def test_focus_is_told_in_any_light(crowd, light, sigma_px, is_blurred):
    regions = told(cv2.GaussianBlur(crowd, (0, 0), sigma_px) if sigma_px else crowd, light)
    assert (regions.out_of_focus > 0.5) == is_blurred
    assert regions.obscured == 0


@LIGHT
def test_a_thick_dark_area_is_obscured_in_any_light_and_not_judged_for_focus(crowd, light):
    clouds = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (1210, 1110)), (0, 0), 20)
    picture = crowd.copy()
    picture[:, 100:] = np.clip(60 + 12 * clouds / clouds.std(), 0, 80)[..., None]
    regions = told(picture, light)
    assert regions.obscured > 0.75
    assert regions.out_of_focus < 0.1


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in CHANGES if "ink" not in name and "blood" not in name])
def test_fields_of_cric(data_root, name):
    um_per_px = get("cric").info.um_per_px
    for path in sorted((data_root / "cric" / "images").glob("*.jpg"))[::60]:
        changed = CHANGES[name](read_image(path).astype(np.float32), um_per_px)
        regions = regions_of(np.clip(np.round(changed), 0, 255).astype(np.uint8), um_per_px)
        assert (regions.out_of_focus > 0.5) == (name in OUT_OF_FOCUS)
        assert (regions.obscured > 0.75) == (name in OBSCURED)
