"""An examination unlike the training pictures is reported once, with its reason; one like them is not."""

import csv

import numpy as np
import pytest

from unmissed.datasets.pictures.endoscope_area import cut_to_endoscope
from unmissed.datasets.pictures.images import read_image
from unmissed.inference.endoscopy.monitors.likeness import LikenessWatch
from unmissed.inference.endoscopy.values import EventKind
from unmissed.models.zoo import resolve

CARD = resolve("gastric-sites").card
HELD_OUT_DAYS = {"1", "108", "111", "114"}


@pytest.fixture(scope="module")
def stills(data_root):
    """Pictures of days that gastric-sites was not trained on."""
    folder = data_root / "upper-gi-sites"
    with (folder / "index.csv").open(encoding="utf-8") as stream:
        paths = [row["path"] for row in csv.DictReader(stream) if row["day"] in HELD_OUT_DAYS]
    return [cut_to_endoscope(read_image(folder / path)) for path in paths[:: max(1, len(paths) // 30)]]


def watched(stills, seconds=1.0, observed=True):
    watch = LikenessWatch([CARD])
    events = [event for k, image in enumerate(stills) for event in watch.update(seconds * k, observed, image)]
    return events, watch.notes()


def test_a_new_day_of_the_known_room_is_not_reported(stills):
    assert watched(stills) == ([], ())


def test_another_colour_is_reported_once_and_noted(stills):
    bluish = [np.clip(image * np.array([0.7, 1.0, 1.3]), 0, 255).astype(np.uint8) for image in stills]
    (event,), (note,) = watched(bluish)
    assert (event.kind, event.time_s, event.data["reason"]) == (EventKind.UNLIKE, 19.0, "colour")
    assert "gastric-sites" in event.text and "色彩" in event.text_zh
    assert "colour" in note and "色彩" in note


def test_few_pictures_and_those_that_nobody_sees_say_nothing(stills):
    grey = [np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for image in stills]
    assert watched(grey)[0]
    assert watched(grey[:19]) == ([], ())
    assert watched(grey, observed=False) == ([], ())
    assert watched(grey, seconds=0.2) == ([], ())  # six seconds


def test_a_card_without_the_section_is_left_out(stills):
    watch = LikenessWatch([CARD.model_copy(update={"familiarity": None})])
    assert not [event for k, image in enumerate(stills) for event in watch.update(k, True, 255 - image)]
