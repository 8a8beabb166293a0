"""Whether pictures look like the training pictures: flagged when they do not, seldom when they do."""

import numpy as np
import pytest
from pydantic import ValidationError

from unmissed.datasets.pictures.appearance import STATISTICS
from unmissed.models.familiarity import Familiarity, LikenessMeter
from unmissed.training.exporting.familiarity import fit_familiarity


def pictures_of(laboratory: int, groups: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawn tissue: a laboratory has its colour, a group of pictures its light around that."""
    rng = np.random.default_rng((seed, laboratory))
    colour = np.array([[170, 95, 80], [120, 110, 160]])[laboratory]
    found, names = [], []
    for group in range(groups):
        light = rng.normal(0, 4, 3)
        for _ in range(each):
            texture = rng.normal(0, 12, (32, 32, 1)) + rng.normal(0, 3, (32, 32, 3))
            found.append(np.clip(colour + light + rng.normal(0, 3, 3) + texture, 0, 255).astype(np.uint8))
            names.append(f"{laboratory}-{seed}-{group}")
    return np.array(found), np.array(names)


@pytest.fixture(scope="module")
def known() -> Familiarity:
    """Fitted on two laboratories of 60 groups."""
    parts = [pictures_of(laboratory, 60, 6, 1) for laboratory in (0, 1)]
    pictures, groups = (np.concatenate(found) for found in zip(*parts, strict=True))
    sources = np.repeat(["one", "two"], len(pictures) // 2)
    found = fit_familiarity(pictures, groups, sources)
    assert found is not None
    return found


def likeness(known, pictures):
    meter = LikenessMeter(known)
    for picture in pictures:
        meter.add(picture)
    return meter.result()


def test_new_groups_of_known_laboratories_are_seldom_flagged(known):
    flagged = 0
    for laboratory, name in enumerate(("one", "two")):
        pictures, groups = pictures_of(laboratory, 60, 6, 2)
        for group in np.unique(groups):
            found = likeness(known, pictures[groups == group])
            assert found.nearest == name
            flagged += found.is_unlike
    assert flagged <= 6  # 1.2 expected of 120


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: np.repeat(p.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2), "colour"),
        (lambda p: 255 - p, None),
        (lambda p: p.repeat(4, axis=0).repeat(4, axis=1), "sharpness"),
        (lambda p: p // 3, None),
    ],
)
def test_other_pictures_are_flagged_with_their_reason(known, change, reason):
    found = likeness(known, [change(picture) for picture in pictures_of(0, 1, 6, 3)[0]])
    assert found.is_unlike
    assert reason in (None, found.reason)


def test_many_pictures_show_a_shift_that_one_does_not(known):
    pictures = pictures_of(0, 1, 6, 4)[0]
    source = known.sources["one"]
    shift = 3.5 * np.sqrt(np.diag(source.between) + np.diag(source.within) / 6)
    mean = np.array(source.mean) + shift * (np.arange(len(STATISTICS)) < 3)
    assert known.of(mean, 6).ratio > known.of(mean, 1).ratio * source.limit_of_one / source.limit
    assert likeness(known, pictures).pictures == 6


def test_nothing_is_said_before_the_first_picture(known):
    assert LikenessMeter(known).result() is None


def test_too_few_groups_give_no_limits():
    pictures, groups = pictures_of(0, 10, 3, 5)
    assert fit_familiarity(pictures, groups, np.full(len(groups), "one")) is None


def test_single_pictures_can_be_groups():
    pictures, _ = pictures_of(0, 60, 1, 6)
    found = fit_familiarity(pictures, np.arange(60).astype(str), np.full(60, "one"))
    assert found is not None
    assert found.sources["one"].pictures_per_group == 1
    assert not np.any(found.sources["one"].within)
    assert Familiarity.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mean", (0.0,), "14 statistics throughout"),
        ("between", tuple((0.0,) * 14 for _ in range(14)), "positive definite"),
        ("within", tuple((float(row),) * 14 for row in range(14)), "not symmetric"),
    ],
)
def test_a_damaged_section_is_refused(known, field, value, words):
    saved = known.model_dump()
    saved["sources"]["one"][field] = value
    with pytest.raises(ValidationError, match=words):
        Familiarity.model_validate(saved)


def test_other_statistics_cannot_be_compared(known):
    assert known.is_known
    assert not known.model_copy(update={"statistics": (*known.statistics[:-1], "else")}).is_known
