"""The made-up endoscopes: fixed, five, unlike one another; and the figures of the study."""

import hashlib

import cv2
import numpy as np

from unmissed.benchmarks.studies.optics.made_up import MADE_UP
from unmissed.benchmarks.studies.optics.through_processors import UNTOUCHED, estimates
from unmissed.datasets.pictures.endoscope_area import endoscope_box


def scene():
    rows, columns = np.mgrid[:200, :240]
    image = np.stack([150 + 60 * np.sin(columns / 9), 90 + 40 * np.cos(rows / 7), 70 + 0 * rows], axis=2)
    return cv2.circle(image.astype(np.uint8), (90, 80), 25, (30, 20, 20), cv2.FILLED)


def test_five_of_them_each_in_its_frame():
    assert len(MADE_UP) == 5
    for look in MADE_UP:
        frame = look(scene())
        width, height = look.frame_px
        assert frame.shape == (height, width, 3) and frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, look(scene()))
        left, top, right, bottom = endoscope_box(frame)
        expected = np.array(look.place) * (width, height, width, height)
        assert np.abs(np.array([left, top, right, bottom]) - expected).max() < 0.12 * width, look.name


def test_they_are_unlike_one_another():
    small = [cv2.resize(look(scene()), (64, 64), interpolation=cv2.INTER_AREA).astype(int) for look in MADE_UP]
    for number, one in enumerate(small):
        assert all(np.abs(one - other).mean() > 8 for other in small[:number])


def test_they_stay_what_they_were():
    """The settings, not the pixels, which a version of OpenCV may round in another way."""
    words = repr([(m.name, m.frame_px, m.place, m.field, m.power, m.flat, m.colours, m.writing) for m in MADE_UP])
    assert hashlib.sha256(words.encode()).hexdigest()[:16] == "a5ce4aad9b076344"


def test_the_study_says_how_far_a_look_falls():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    groups = np.array([f"day-{number % 12}" for number in range(120)])
    good = np.eye(3)[labels] * 0.8 + 0.1
    bad = good.copy()
    bad[rng.permutation(120)[:30]] = [0.8, 0.1, 0.1]
    found = estimates(labels, groups, {UNTOUCHED: good, "bad": bad})
    assert found[UNTOUCHED][0].value == 1.0 and found[UNTOUCHED][1].value == 0.0
    value, change = found["bad"]
    assert 0.7 < value.value < 0.95 and abs(change.value - (value.value - 1.0)) < 1e-12
    assert change.low < change.value < change.high < 0
