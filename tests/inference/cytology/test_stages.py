"""The stages of a screening, on slides whose truth is known: pale cells with dark nuclei on plain glass."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.synthetic.slides.writer import write_pyramid
from unmissed.inference.cytology.policy.policy import AdequacyLimits
from unmissed.inference.cytology.screening.adequacy import assess
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.damage import ForgivingSlide
from unmissed.inference.cytology.screening.regions import find_regions
from unmissed.inference.cytology.screening.scan import is_uniform, scan
from unmissed.inference.cytology.screening.score import FEATURES, slide_features
from unmissed.inference.cytology.screening.threads import Stopwatch, run_all
from unmissed.inference.cytology.screening.unseen import Sample
from unmissed.inference.cytology.values import AdequacyVerdict, Candidate, Finding

GLASS, CYTOPLASM, NUCLEUS = (236, 234, 238), (190, 205, 215), (60, 40, 90)
LIMITS = AdequacyLimits(min_cells=3, max_obscured=0.75, max_out_of_focus=0.5)
NUCLEI = [(700, 500), (2500, 900), (1500, 2600), (3300, 3300)]


class DarknessFinder:
    """Stands in for a model: the darker a cell of the map, the more abnormal; exact, so that places can be checked."""

    def __init__(self, stride_px, batch_size=1):
        self.stride_px, self.batch_size = stride_px, batch_size
        self.seen = 0

    def run(self, canvases):
        self.seen += len(canvases)
        n, height, width, _ = canvases.shape
        side = self.stride_px
        blocks = canvases.reshape(n, height // side, side, width // side, side, 3).mean(axis=(2, 4, 5))
        dark = np.clip((200 - blocks) / 80, 0, 1).astype(np.float32)
        return np.stack([1 - dark, np.zeros_like(dark), dark], axis=1)


def painter(nuclei, glass=GLASS, radius=22, cell=110, noise=4):
    def paint(x, y, width, height):
        picture = np.empty((height, width, 3), np.float32)
        picture[:] = glass
        yy, xx = np.mgrid[y : y + height, x : x + width]
        for nx, ny in nuclei:
            distance = np.hypot(xx - nx, yy - ny)
            picture[distance < cell] = CYTOPLASM
            picture[distance < radius] = NUCLEUS
        rng = np.random.default_rng([x, y])
        return np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)

    return paint


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("slides") / "cells.tiff"
    write_pyramid(path, 4096, 3800, painter(NUCLEI), um_per_px=0.25)
    return path


def scanned(path, um_per_px=1.0, core=256, halo=16, stride=8, batch=1, file_um_per_px=None):
    slide = open_slide(path, um_per_px=file_um_per_px)
    grid = CanvasGrid.over(slide, um_per_px, core, halo, stride)
    finder = DarknessFinder(stride, batch)
    return slide, finder, scan(grid, finder, [2], TileCache(), 2, Stopwatch())


@pytest.mark.parametrize(("um_per_px", "stride"), [(1.0, 8), (0.5, 16)])
@pytest.mark.parametrize("batch", [1, 3])
def test_nuclei_are_found_where_they_are(cells, um_per_px, stride, batch):
    _, _, seen = scanned(cells, um_per_px, stride=stride, batch=batch)
    rows, columns, _ = find_peaks(seen.abnormal, 3, 0.3)
    places = sorted(zip((columns + 0.5) * seen.grid.cell_px, (rows + 0.5) * seen.grid.cell_px, strict=True))
    assert len(places) == len(NUCLEI)
    for found, true in zip(places, sorted(NUCLEI), strict=True):
        assert np.hypot(found[0] - true[0], found[1] - true[1]) < 16


def test_places_are_right_at_any_pixel_size(cells):
    """The same file taken for 0.2 um/px: canvases are resized, the places stay."""
    _, _, seen = scanned(cells, file_um_per_px=0.2)
    rows, columns, _ = find_peaks(seen.abnormal, 3, 0.3)
    places = sorted(zip((columns + 0.5) * seen.grid.cell_px, (rows + 0.5) * seen.grid.cell_px, strict=True))
    assert len(places) == len(NUCLEI)
    for found, true in zip(places, sorted(NUCLEI), strict=True):
        assert np.hypot(found[0] - true[0], found[1] - true[1]) < 20


def test_threads_and_batches_change_nothing(cells):
    one, many = scanned(cells, batch=1)[2], scanned(cells, batch=4)[2]
    np.testing.assert_array_equal(one.abnormal, many.abnormal)
    np.testing.assert_array_equal(one.overview, many.overview)


def test_empty_glass_is_not_given_to_the_model_but_single_cells_are(cells):
    _, finder, seen = scanned(cells)
    assert 0 < finder.seen < seen.canvases
    assert finder.seen + seen.empty == seen.canvases
    regions = find_regions(seen, 8.0)
    for x, y in NUCLEI:
        assert regions.foreground[int(y / seen.grid.cell_px), int(x / seen.grid.cell_px)]
    expected = len(NUCLEI) * np.pi * (110 * 0.25e-3) ** 2
    assert regions.foreground_mm2 == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize("colour", [(236, 234, 238), (0, 0, 0), (255, 255, 255), (120, 60, 200)])
def test_a_plain_colour_is_uniform(colour):
    canvas = np.clip(np.random.default_rng(0).normal(colour, 4, (288, 288, 3)), 0, 255).astype(np.uint8)
    assert is_uniform(canvas)


def test_one_small_nucleus_is_not_uniform():
    canvas = np.full((544, 544, 3), GLASS, np.uint8)
    canvas[300:306, 200:206] = NUCLEUS  # 6 um: a small lymphocyte
    assert not is_uniform(canvas)


def verdict(path, limits=LIMITS):
    _, _, seen = scanned(path)
    return assess(seen.nucleus, find_regions(seen, 8.0), 8.0, limits)


def test_adequacy_counts_the_cells(cells):
    shown = verdict(cells)
    assert shown.verdict is AdequacyVerdict.ADEQUATE
    assert shown.cells == len(NUCLEI)
    assert verdict(cells, LIMITS.model_copy(update={"min_cells": 100})).verdict is AdequacyVerdict.SCANT


@pytest.mark.parametrize("colour", [GLASS, (0, 0, 0), (255, 255, 255)])
def test_pure_glass_and_pure_black_are_empty(tmp_path, colour):
    path = tmp_path / "plain.tiff"
    write_pyramid(path, 2048, 2048, painter([], colour), um_per_px=0.25)
    shown = verdict(path)
    assert shown.verdict is AdequacyVerdict.EMPTY
    assert shown.cells == 0


def test_a_blurred_slide_is_out_of_focus(tmp_path):
    sharp = painter([(x, y) for x in range(100, 2048, 200) for y in range(100, 2048, 200)], cell=90)(0, 0, 2048, 2048)
    for sigma, expected in ((0, AdequacyVerdict.ADEQUATE), (6, AdequacyVerdict.OUT_OF_FOCUS)):
        picture = cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp
        path = tmp_path / f"{sigma}.tiff"
        write_pyramid(path, 2048, 2048, lambda x, y, w, h, p=picture: p[y : y + h, x : x + w], um_per_px=0.25)
        assert verdict(path).verdict is expected


def test_a_thick_dark_area_is_obscured(tmp_path):
    def paint(x, y, width, height):
        picture = painter([(300, 300), (1800, 1800), (300, 1800)])(x, y, width, height)
        xx = np.arange(x, x + width)
        picture[:, (xx > 500) & (xx < 1500)] = (50, 30, 40)
        return picture

    path = tmp_path / "pen.tiff"
    write_pyramid(path, 2048, 2048, paint, um_per_px=0.25)
    assert verdict(path).verdict is AdequacyVerdict.OBSCURED


def sample_of(path, candidates, share):
    """A sample of all places with a nucleus that is no candidate, searched."""
    slide, _, seen = scanned(path)
    finder = SimpleNamespace(
        grid=lambda slide: CanvasGrid.over(slide, 0.5, 64, 32, 16),
        session=DarknessFinder(16, 2),
        **{"target": [2], "radius_cells": 2, "um_per_px": 0.5, "stride_px": 16},
    )
    regions = find_regions(seen, 8.0)
    places = [Candidate(x, y, 1.0) for x, y in candidates]
    sample = Sample(slide, finder, regions.foreground, seen.grid.cell_px, places, share)
    sample.search(TileCache(), 2, Stopwatch())
    return sample


def test_the_sample_proposes_what_no_candidate_covers_and_nothing_else(cells):
    sample = sample_of(cells, NUCLEI[:2], 1.0)
    found = [(one.x_px, one.y_px) for one in sample.candidates]
    for x, y in NUCLEI[2:]:
        assert min(np.hypot(a - x, b - y) for a, b in found) < 32
    for x, y in NUCLEI[:2]:
        assert all(np.hypot(a - x, b - y) > 60 for a, b in found)


def test_the_estimate_is_the_sample_in_proportion_to_all_that_is_unseen(cells):
    whole, part = sample_of(cells, [], 1.0), sample_of(cells, [], 0.5)
    assert 0 < len(part.places) == round(0.5 * len(whole.places))
    told = part.estimate([finding(0.99), finding(0.94), finding(0.1)])
    assert (told.judged, told.found) == (3, 1)
    times = told.unseen_mm2 / told.sampled_mm2
    assert times > 1 and told.estimate == pytest.approx(times)
    assert told.at_most == pytest.approx(4.744 * times, rel=1e-3), "95 % of Poisson: one was found"
    nothing = whole.estimate([])
    assert (nothing.estimate, nothing.at_most) == (0, pytest.approx(2.996, rel=1e-3)), "the rule of three"
    assert nothing.unseen_mm2 == pytest.approx(nothing.sampled_mm2) == told.unseen_mm2


def test_without_anything_unseen_nothing_is_drawn(cells):
    slide, _, seen = scanned(cells)
    grid = CanvasGrid.over(slide, 0.5, 64, 32, 16)
    sample = Sample(slide, SimpleNamespace(grid=lambda slide: grid, radius_cells=2), seen.nucleus > 2, 32.0, [], 0.5)
    assert sample.places == []


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 6), st.integers(0, 3), st.sampled_from([1.0, 1.3]))
def test_cores_cover_every_slide(width, height, core_cells, halo_cells, ratio):
    class View:
        width_px, height_px, downsample = width, height, 4.0

    grid = CanvasGrid(View, 1.0, ratio, core_cells * 8, halo_cells * 8, 8)
    rows, columns = grid.map_shape
    assert grid.rows * grid.cells >= rows > (grid.rows - 1) * grid.cells
    assert grid.columns * grid.cells >= columns > (grid.columns - 1) * grid.cells
    assert rows * 8 * ratio >= height > (rows - 1) * 8 * ratio
    pasted = np.zeros(grid.map_shape, int)
    for row in range(grid.rows):
        for column in range(grid.columns):
            grid.paste(pasted, column, row, np.ones((grid.cells, grid.cells), int))
    assert (pasted == 1).all()


def test_damaged_tiles_become_background_and_are_counted(cells):
    slide = open_slide(cells)

    class Broken(type(slide)):
        def read(self, level, column, row, scale=1):
            if (column, row) == (1, 1):
                raise SlideError("tile 1, 1 is damaged")
            return slide.read(level, column, row, scale)

    broken = Broken.__new__(Broken)
    broken.__dict__.update(slide.__dict__)
    source = ForgivingSlide(broken)
    tile = source.read(0, 1, 1)
    assert tile.shape == (512, 512, 3)
    assert (tile == source.background).all()
    source.read(0, 0, 0)
    assert source.damaged == {(0, 1, 1)}
    assert source.damaged_share == 0.5
    assert "damaged" in str(source.first_error)


def finding(abnormal, severe=0.0, finder=0.9):
    probabilities = {"NILM": 1 - abnormal, "LSIL": abnormal - severe, "HSIL": severe}
    return Finding(0, 0, 32, "NILM", 0.5, abnormal, probabilities, finder)


def test_features_rise_with_what_is_found():
    calm = slide_features([finding(0.1)] * 30, 4.0)
    alarmed = slide_features([finding(0.1)] * 28 + [finding(0.97, 0.9)] * 2, 4.0)
    assert tuple(calm) == FEATURES
    assert all(alarmed[name] >= calm[name] for name in FEATURES)
    assert alarmed["abnormal_top_2"] > calm["abnormal_top_2"]
    assert alarmed["abnormal_top_3"] == calm["abnormal_top_3"]
    assert alarmed["severe_over_0.8"] == pytest.approx(np.log1p(2))
    empty = slide_features([], 0.0)
    assert all(np.isfinite(value) for value in empty.values())


def test_the_order_of_findings_does_not_matter():
    some = [finding(p, p / 2) for p in np.linspace(0, 1, 60)]
    assert slide_features(some, 3.0) == slide_features(some[::-1], 3.0)


def test_every_job_is_done_once_and_the_first_error_comes_out():
    done = []
    run_all(range(50), done.append, 3)
    assert sorted(done) == list(range(50))

    def fail(job):
        if job == 7:
            raise SlideError("seven")

    with pytest.raises(SlideError, match="seven"):
        run_all(range(1000), fail, 2)
