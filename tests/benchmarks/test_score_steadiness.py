"""Slides changed as scanners differ, and how steady their scores are."""

import numpy as np
import pytest

from unmissed.benchmarks.studies.laboratories import score_steadiness
from unmissed.benchmarks.studies.laboratories.changed_pictures import (
    CHANGES,
    TILE_PX,
    WHITE,
    PictureSlide,
    picture_of,
    with_white_glass,
)
from unmissed.benchmarks.studies.laboratories.score_steadiness import screened, spearman, steadiness
from unmissed.datasets.slides.view import read_crop
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.known_slide import KnownSlide
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset


@pytest.fixture(scope="module")
def picture():
    return picture_of(KnownSlide())


def test_a_picture_reads_as_it_is(picture):
    slide = PictureSlide(picture, 0.25)
    assert (picture_of(slide) == picture).all()
    level = slide.levels[0]
    last = slide.read(0, level.columns - 1, level.rows - 1)
    assert (last == picture[-(768 - TILE_PX) :, -(768 - TILE_PX) :]).all()
    half = slide.read(1, 0, 0).astype(float)
    assert half.mean() == pytest.approx(picture.mean(), abs=1)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_picture_shows_the_same_place_a_little_otherwise(picture, name):
    changed, um_per_px = CHANGES[name](picture, 0.25)
    assert changed.dtype == np.uint8
    assert changed.shape[1] * um_per_px == pytest.approx(768 * 0.25, abs=um_per_px)
    before = read_crop(PictureSlide(picture, 0.25), 384, 384, 64, 1.0).mean(axis=2)
    centre = 384 * 0.25 / um_per_px
    after = read_crop(PictureSlide(changed, um_per_px), centre, centre, 64, 1.0).mean(axis=2)
    assert 0 < np.abs(after - before).mean() < 25
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.6


def test_glass_becomes_white_within_reason():
    cells = np.full((640, 640, 3), WHITE, np.uint8)
    cells[100:400, 100:400] = (150, 120, 170)
    for light in ((0.9, 1, 1), (0.8, 0.9, 0.75)):
        dim = np.round(cells * light).astype(np.uint8)
        assert np.abs(with_white_glass(dim, 0.25).astype(int) - cells).max() <= 2
    for left in (cells, np.round(cells * 0.99).astype(np.uint8), (cells * 0.5).astype(np.uint8)):
        assert (with_white_glass(left, 0.25) == left).all()


def test_steadiness_is_that_of_ranks():
    scores = np.linspace(0, 1, 20)
    same = steadiness(scores, np.stack([scores**3, scores / 2]))
    assert same["spearman"] == pytest.approx(1)
    assert same["largest"] == pytest.approx(0.5)
    turned = steadiness(scores, np.stack([scores, 1 - scores]))
    assert turned["spearman"] == pytest.approx(0, abs=1e-9)
    mixed = steadiness(scores, np.random.default_rng(0).permutation(scores)[None])
    assert mixed["low"] < mixed["spearman"] < mixed["high"]
    assert spearman(scores, np.zeros(20)) == 0


def test_what_is_not_changed_has_the_same_score_in_every_part(picture, monkeypatch):
    monkeypatch.setattr(score_steadiness, "CHANGES", {"none": lambda picture, um_per_px: (picture, um_per_px)})
    policy = load_policy("screening")
    settings = ScreenSettings(load_preset("fast"), policy.adequacy[Preparation.LIQUID], policy.grade)
    with Screener.load(settings) as screener:
        row = screened(screener, "known", None, picture, 0.25)
    assert 0 < row.untouched < 1
    assert row.changed["none"] == pytest.approx(dict.fromkeys(("all", "finder", "judge"), row.untouched), abs=1e-4)
