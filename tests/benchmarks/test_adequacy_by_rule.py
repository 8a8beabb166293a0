"""Fields that can be read are not called obscured or out of focus in any light, and spoilt ones are."""

import numpy as np
import pytest

from unmissed.benchmarks.studies.cells.adequacy_by_rule import CHANGES, regions_of
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.registry import get

OUT_OF_FOCUS = {name for name in CHANGES if name.startswith(("blur 1", "blur 2", "blur 3"))}
OBSCURED = {"clump", "clump, 0.45 of the light"}


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in CHANGES if "ink" not in name and "blood" not in name])
def test_fields_of_cric(data_root, name):
    um_per_px = get("cric").info.um_per_px
    for path in sorted((data_root / "cric" / "images").glob("*.jpg"))[::60]:
        changed = CHANGES[name](read_image(path).astype(np.float32), um_per_px)
        regions = regions_of(np.clip(np.round(changed), 0, 255).astype(np.uint8), um_per_px)
        assert (regions.out_of_focus > 0.5) == (name in OUT_OF_FOCUS)
        assert (regions.obscured > 0.75) == (name in OBSCURED)
