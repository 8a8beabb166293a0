"""The legibility gate: clear pictures pass, spoiled ones are blocked with their reason, and nothing flickers."""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.synthetic.flights import degradations
from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.clarity import REASONS, ClarityMeter
from unmissed.inference.endoscopy.frame.clarity_features import CLARITY_FEATURES, measure_clarity
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.values import Reason

LABELS = Path(__file__).parents[4] / "benchmarks" / "studies" / "legibility_labels.json"


@cache
def wall(seed=0, height=480, width=600):
    """Drawn mucosa that grows dark towards a lumen."""
    texture = drawn_texture(seed)[:height, :width]
    y, x = np.mgrid[:height, :width]
    far = np.hypot(x / width - 0.5, y / height - 0.5)
    return (texture * np.clip(0.1 + 2.2 * far, 0, 1)[..., None]).astype(np.uint8)


def view_of(image, time_s=0.0):
    return ContentFinder().view(Frame(0, time_s, image))


def clarity_of(image):
    return ClarityMeter().update(view_of(image), None)


@pytest.mark.parametrize("shape", [(480, 600), (1, 1), (3, 200), (1080, 1920)])
@pytest.mark.parametrize("level", [0, 120, 255])
def test_figures_of_any_picture_are_finite_and_named(shape, level):
    found = measure_clarity(view_of(np.full((*shape, 3), level, np.uint8)))
    assert set(found) == set(CLARITY_FEATURES)
    assert np.isfinite(list(found.values())).all()


def test_figures_do_not_depend_on_the_number_of_pixels():
    picture = wall(1, 960, 1000)
    fine, half = (measure_clarity(view_of(each)) for each in (picture, cv2.resize(picture, None, fx=0.5, fy=0.5)))
    for name in ("detail_1_50", "detail_2_50", "light", "saturation"):
        assert fine[name] == pytest.approx(half[name], abs=0.25), name


def test_blur_lowers_fine_detail_more_than_coarse():
    picture = wall(0)
    sharp, soft = (measure_clarity(view_of(each)) for each in (picture, cv2.GaussianBlur(picture, (0, 0), 4)))
    assert soft["detail_1_50"] < sharp["detail_1_50"] - 0.5
    assert sharp["detail_3_50"] - soft["detail_3_50"] < sharp["detail_2_50"] - soft["detail_2_50"]


def test_a_smear_has_a_direction():
    picture = wall(0)
    smeared = measure_clarity(view_of(cv2.blur(picture, (25, 1))))
    assert smeared["direction_50"] > measure_clarity(view_of(picture))["direction_50"] + 0.15


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clear_wall_passes(seed):
    clarity = clarity_of(wall(seed))
    assert clarity.legible and clarity.reason is Reason.NONE and clarity.score > 0.5


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (np.zeros_like, Reason.DARK),
        (lambda clear: np.full_like(clear, 255), Reason.OVEREXPOSED),
        (lambda clear: cv2.GaussianBlur(clear, (0, 0), 9), Reason.BLUR),
        (lambda clear: (clear * 0.03 + 150).astype(np.uint8), Reason.SMOKE),
        (lambda clear: cv2.blur(clear, (151, 151)) // 3 + np.array([140, 40, 10], np.uint8), Reason.WALL),
    ],
    ids=["black", "white", "defocus", "veil", "red-out"],
)
def test_spoiled_pictures_are_blocked_with_their_reason(spoil, reason):
    clarity = clarity_of(spoil(wall(0)))
    assert not clarity.legible
    assert clarity.reason is reason


def test_one_spoiled_frame_changes_nothing_and_several_do():
    meter, clear, spoiled = ClarityMeter(), wall(0), cv2.GaussianBlur(wall(0), (0, 0), 12)
    before, told = None, []
    for index, picture in enumerate([clear] * 6 + [spoiled] + [clear] * 6 + [spoiled] * 8):
        view = view_of(picture, index / 25)
        told.append(meter.update(view, before).legible)
        before = view
    assert all(told[:13])
    assert not any(told[-4:]), "within 0.2 s"


def test_after_a_gap_nothing_is_remembered():
    meter = ClarityMeter()
    for index in range(5):
        assert meter.update(view_of(wall(0), index / 25), None if index == 0 else view_of(wall(0))).legible
    assert not meter.update(view_of(np.zeros((480, 600, 3), np.uint8), 0.2), None).legible


@pytest.mark.parametrize("kind", degradations.KINDS)
def test_spoiling_is_the_same_for_a_seed_and_keeps_the_margin_black(kind):
    image, inside = wall(0, 200, 240), np.full((200, 240), 255, np.uint8)
    inside[:, :20] = 0
    one, two = (degradations.degrade(image, inside, kind, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert not one.image[:, :20].any()
    assert one.image.shape == image.shape and one.image.dtype == np.uint8
    assert one.reason in {"", *(reason.value for reason in REASONS)}


@pytest.mark.data
def test_real_pictures_pass(data_root):
    paths = find_images(data_root / "kvasir-seg" / "images")[::40]
    assert np.mean([clarity_of(read_image(path)).legible for path in paths]) >= 0.93


@pytest.mark.data
def test_frames_of_a_real_clip_are_judged_as_by_eye(data_root):
    labels = json.loads(LABELS.read_text("utf-8"))
    chosen = {index: True for index in labels["legible"][::8]}
    chosen |= {index: False for indices in labels["illegible"].values() for index in indices[::5]}
    capture = cv2.VideoCapture(str(data_root / "videos" / labels["clip"]))
    finder, right = ContentFinder(), []
    for index in range(max(chosen) + 1):
        capture.grab()
        if index in chosen:
            _, image = capture.retrieve()
            view = finder.view(Frame(index, index / labels["fps"], cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
            right.append(ClarityMeter().update(view, None).legible == chosen[index])
    assert np.mean(right) >= 0.85


def coded(frames, codec, quality):
    codecs = pytest.importorskip("unmissed.benchmarks.gauges.codecs")
    return codecs.through(frames, next(each for each in codecs.CODECS if each.encoder == codec), quality)


@pytest.mark.parametrize(("codec", "quality"), [("libx264", 24), ("libx265", 24), ("mpeg4", 4), ("mpeg2video", 4)])
def test_the_same_pictures_in_another_codec_are_as_legible(codec, quality):
    blurs = [0.0, 1.5, 2.5, 3.5, 4.5, 6.0, 9.0]
    frames = [
        cv2.GaussianBlur(wall(seed), (0, 0), blur) if blur else wall(seed) for seed in (0, 1, 2) for blur in blurs
    ]
    here, there = ([clarity_of(image) for image in images] for images in (frames, coded(frames, codec, quality)))
    assert 0.2 < np.mean([found.legible for found in here]) < 0.9
    assert np.mean([found.legible for found in here]) == pytest.approx(
        np.mean([found.legible for found in there]), abs=0.1
    )
