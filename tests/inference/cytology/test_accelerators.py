"""Triage on a runtime that takes one batch at a time: full batches, reading goes on, the same answers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.models import ACCELERATOR_BATCH_PX
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Gatherer, Stopwatch
from unmissed.inference.runtimes.base import RUNTIMES, Session
from unmissed.inference.runtimes.onnx import OnnxCpu
from unmissed.inference.runtimes.signature import Tensor

SIDE_PX, CORE_PX, STRIDE_PX = 2560, 64, 8


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "drawn.tiff"
    make_slide(path, draw_fields(normal=1, abnormal=1), LayoutSpec(SIDE_PX, SIDE_PX), abnormal_fields=1)
    return path


class SlowDevice(Session):
    """Holds its turn until the readers have brought more canvases; remembers what it was given."""

    def __init__(self, batch_size):
        self.read, self.sizes, self.starved = threading.Semaphore(0), [], False
        cells = CORE_PX // STRIDE_PX
        takes = Tensor("images", "uint8", ("N", CORE_PX, CORE_PX, 3))
        gives = Tensor("heatmap", "float", ("N", 3, cells, cells))
        about = {"runtime": "slow", "provider": "slow", "takes": takes, "gives": gives}
        super().__init__(**about, batch_size=batch_size, concurrent=False)

    def run(self, images):
        self.sizes.append(len(images))
        return super().run(images)

    def _run_batch(self, batch):
        with self._turn:
            if len(self.sizes) == 1:
                while self.read.acquire(blocking=False):
                    pass
                self.starved = not self.read.acquire(timeout=10)
        return np.full((len(batch), *self.gives.shape[1:]), 1 / 3, np.float32)


def test_reading_goes_on_while_the_device_works_and_every_batch_but_the_last_is_full(drawn):
    device = SlowDevice(batch_size=8)

    class Watched(CanvasGrid):
        def read(self, column, row, cache):
            canvas = super().read(column, row, cache)
            device.read.release()
            return canvas

    grid = Watched.over(open_slide(drawn), 1.0, CORE_PX, 0, STRIDE_PX)
    seen = scan(grid, device, [2], TileCache(), 3, Stopwatch())
    assert not device.starved, "no canvas was read while the device had its turn"
    busy = seen.canvases - seen.empty
    assert device.sizes == [8] * (busy // 8) + [busy % 8] * bool(busy % 8)
    assert busy > 24
    assert (seen.abnormal > 0).mean() == pytest.approx(busy / seen.canvases, abs=0.02)


def test_a_gatherer_loses_nothing_between_threads():
    gatherer, taken = Gatherer(7), []

    def bring(item):
        if batch := gatherer.add(item):
            taken.append(batch)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring, range(1000)))
    rest = gatherer.rest()
    assert {len(batch) for batch in taken} == {7}
    assert sorted([item for batch in taken for item in batch] + rest) == list(range(1000))
    assert gatherer.rest() == []


def screened(path, monkeypatch, *, one_at_a_time):
    """Screen with fp32 files, which a runtime without fast integers takes."""

    batches = {}

    class StandIn(OnnxCpu):
        name, fast_int8, concurrent = "stand-in", False, not one_at_a_time

        def load(self, model, *, batch_size=None, **more):
            batches[model.card.name] = batch_size
            return super().load(model, batch_size=batch_size, **more)

    monkeypatch.setitem(RUNTIMES, "stand-in", StandIn())
    policy = load_policy("screening")
    preset = load_preset("default").model_copy(update={"max_crops": 30})
    settings = ScreenSettings(preset, policy.adequacy[Preparation.LIQUID], policy.grade, runtime="stand-in", threads=2)
    with Screener.load(settings) as loaded, open_slide(path) as slide:
        return loaded.screen(slide, "drawn", "drawn.tiff"), batches


def test_a_device_gives_the_same_findings_as_the_processor(drawn, monkeypatch):
    expected, small = screened(drawn, monkeypatch, one_at_a_time=False)
    found, large = screened(drawn, monkeypatch, one_at_a_time=True)
    assert found.provenance["models"] == expected.provenance["models"]
    assert {model["variant"] for model in found.provenance["models"].values()} == {"fp32"}
    np.testing.assert_allclose(found.heat_map.scores, expected.heat_map.scores, atol=1e-4)
    assert [f.class_id for f in found.findings] == [f.class_id for f in expected.findings]
    assert found.score == pytest.approx(expected.score, abs=1e-3)
    assert all(large[name] > 8 * small[name] for name in large)
    assert large["cell-bethesda"] == ACCELERATOR_BATCH_PX // 160**2
