"""Sizes that are chosen for speed: canvases, batches and the number of places change no answer that they should not."""

import numpy as np
import pytest

from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening import models
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Stopwatch
from unmissed.inference.runtimes.variants import choose

SIDE_PX = 2560
ROLES = ("nucleus-finder-coarse", "nucleus-finder", "cell-bethesda")


class Greyness:
    """Stands in for a finder whose map depends on nothing but the cell itself."""

    batch_size = 1

    def run(self, canvases):
        n, height, width, _ = canvases.shape
        grey = canvases.reshape(n, height // 8, 8, width // 8, 8, 3).mean(axis=(2, 4, 5), dtype=np.float32) / 255
        return np.stack([1 - grey, grey], axis=1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "drawn.tiff"
    make_slide(path, draw_fields(normal=2, abnormal=1), LayoutSpec(SIDE_PX, SIDE_PX), abnormal_fields=1)
    return path


def screener(variant, **changes):
    policy = load_policy("screening")
    preset = load_preset("default").model_copy(update=changes)
    chosen = {name: choose(name, variant=variant) for name in ROLES}
    adequacy = policy.adequacy[Preparation.LIQUID]
    return Screener.load(ScreenSettings(preset, adequacy, policy.grade, threads=2, chosen=chosen))


def test_maps_do_not_depend_on_the_size_of_the_canvases(drawn):
    def scanned(core_px):
        grid = CanvasGrid.over(open_slide(drawn), 1.0, core_px, 16, 8)
        return scan(grid, Greyness(), [1], TileCache(), 2, Stopwatch())

    small, large = scanned(models.SCAN_CORE_PX), scanned(models.FLOAT_SCAN_CORE_PX)
    assert small.canvases > large.canvases
    np.testing.assert_allclose(large.abnormal, small.abnormal, atol=1e-5)
    np.testing.assert_array_equal(large.overview, small.overview)


@pytest.mark.parametrize(
    ("name", "variant", "core_px"),
    [
        ("nucleus-finder", "fp32", models.FLOAT_SCAN_CORE_PX),
        ("nucleus-finder", "int8", models.SCAN_CORE_PX),
        ("nucleus-finder-coarse", "fp32", models.PLAIN_SCAN_CORE_PX),
        ("nucleus-finder-coarse", "int8", models.PLAIN_SCAN_CORE_PX),
    ],
)
def test_canvases_suit_the_network_and_the_precision_of_the_file_that_runs(name, variant, core_px):
    with screener(variant, finder=name) as loaded:
        finder = loaded.models.scanning
    assert finder.size_px - 2 * finder.halo_px == core_px


def test_findings_do_not_depend_on_the_batches_of_the_judge(drawn, monkeypatch):
    results = []
    for batch in (2, models.FLOAT_CPU_CROPS):
        monkeypatch.setattr(models, "FLOAT_CPU_CROPS", batch)
        with screener("fp32", max_crops=60) as loaded:
            assert loaded.models.judge.batch_size == batch
            results.append(loaded.screen(open_slide(drawn), "drawn", "drawn.tiff"))
    one, other = results
    assert other.score == pytest.approx(one.score, abs=1e-5)
    assert len(one.findings) == len(other.findings) > 0
    by_place = [sorted(result.findings, key=lambda f: (f.y_px, f.x_px)) for result in results]
    for a, b in zip(*by_place, strict=True):
        assert (b.x_px, b.y_px, b.class_id, b.finder_score) == (a.x_px, a.y_px, a.class_id, a.finder_score)
        assert b.probabilities == pytest.approx(a.probabilities, abs=1e-5)
