"""Whether slides look like the training fields: seldom flagged when they do, always when they do not."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.slides.base import PixelSize
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.looks import CELLS, GLASS, LEAST_PLACES, SlideLooks
from unmissed.models.cards import load_card
from unmissed.models.familiarity import SlideFamiliarity
from unmissed.models.zoo import find_card
from unmissed.training.heatmaps.slide_familiarity import FieldOfLaboratory, fit_slides, whole_looks

LIGHTNESS = list(CELLS).index("lightness")
SHARPNESS = list(CELLS).index("detail_1_to_2_px")


def looks(rng: np.random.Generator, places: int = 12) -> SlideLooks:
    own = rng.normal(0, 1, len(CELLS))
    return SlideLooks(own + rng.normal(0, 1, (places, len(CELLS))), rng.normal(0, 0.5, len(GLASS)))


def fields(smears: int, seed: int = 0, source: str = "one") -> list[FieldOfLaboratory]:
    rng = np.random.default_rng(seed)
    return [FieldOfLaboratory(looks(rng), source, f"{source}-{smear}") for smear in range(smears) for _ in range(2)]


@pytest.fixture(scope="module")
def known() -> SlideFamiliarity:
    found = fit_slides(fields(100))
    assert found is not None
    return found


def test_new_slides_are_seldom_flagged(known):
    rng = np.random.default_rng(1)
    found = [known.of(looks(rng)) for _ in range(100)]
    assert sum(item.is_unlike for item in found) <= 6
    assert {item.nearest for item in found} == {"one"}


@pytest.mark.parametrize(("statistic", "reason"), [(LIGHTNESS, "light"), (SHARPNESS, "sharpness"), (0, "colour")])
def test_other_cells_are_flagged_with_their_reason(known, statistic, reason):
    cells, glass = looks(np.random.default_rng(2))
    found = known.of(SlideLooks(cells + 20.0 * (np.arange(len(CELLS)) == statistic), glass))
    assert found.is_unlike and found.reason == reason


def test_a_tinted_glass_alone_is_flagged(known):
    cells, glass = looks(np.random.default_rng(3))
    found = known.of(SlideLooks(cells, glass + np.array([0, 0, 12.0])))
    assert found.is_unlike and found.reason == "colour"


def test_too_few_places_are_not_compared(known):
    assert known.of(looks(np.random.default_rng(4), LEAST_PLACES - 1)) is None
    assert known.of(looks(np.random.default_rng(4), LEAST_PLACES)) is not None


@pytest.mark.parametrize("given", [fields(19), [field._replace(group="same") for field in fields(40)]])
def test_too_little_gives_no_limits(given):
    assert fit_slides(given) is None


def test_the_section_comes_back_from_a_card_and_a_damaged_one_is_refused(known):
    assert SlideFamiliarity.model_validate_json(known.model_dump_json()) == known
    for part in ({"sources": ("one",)}, {"glass": {**known.glass.model_dump(), "scatter": ((0.0,) * 3,) * 3}}):
        with pytest.raises(ValidationError, match=r"familiarity of slides|positive definite"):
            SlideFamiliarity.model_validate({**known.model_dump(), **part})


def test_other_statistics_cannot_be_compared(known):
    assert known.is_known
    glass = known.glass.model_copy(update={"statistics": ("else", *known.glass.statistics[1:])})
    assert not known.model_copy(update={"glass": glass}).is_known


@pytest.mark.parametrize("finder", ["nucleus-finder-coarse", "nucleus-finder"])
def test_the_shipped_finders_know_a_real_field_and_not_a_tinted_one(data_root, finder):
    known = load_card(find_card(finder)).slide_familiarity
    path = min((data_root / "cric" / "images").glob("*.jpg"))
    picture = read_picture(path)

    def compared(factors: tuple[float, float, float]):
        slide = PictureSlide(path, replace(picture, pixels=(picture.pixels * np.array(factors)).astype(np.uint8)))
        slide.pixel_size = PixelSize(0.245, "file")
        return known.of(whole_looks(slide))

    assert not compared((1, 1, 1)).is_unlike
    tinted = compared((0.8, 1, 1.0))
    assert tinted.is_unlike and tinted.reason == "colour"
