"""Frozen means: the very same picture for 0.4 s by the time stamps."""

import numpy as np
import pytest

from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.values import Box, FrameView


def view(grey, time_s):
    height, width = grey.shape
    image = np.repeat(grey[..., None], 3, axis=2)
    return FrameView(time_s, Box(0, 0, width, height), image, grey, grey, np.full_like(grey, 255))


def scene(rng, shape=(288, 360)):
    return rng.integers(30, 220, shape).astype(np.uint8)


def first_frozen(pictures, fps):
    meter = FreezeMeter()
    return next(
        (index / fps for index, picture in enumerate(pictures) if meter.update(view(picture, index / fps))), None
    )


@pytest.mark.parametrize("fps", [10, 12.5, 25, 50])
def test_a_frozen_picture_is_told_after_its_time(fps):
    picture = scene(np.random.default_rng(0))
    found = first_frozen([picture] * round(2 * fps), fps)
    assert 0.4 <= found <= 0.4 + 1.5 / fps


@pytest.mark.parametrize("shape", [(288, 360), (1080, 1400)])
def test_a_live_picture_that_stands_still_has_noise(shape):
    rng = np.random.default_rng(1)
    base = rng.integers(30, 220, shape).astype(np.float32)
    noise = rng.normal(0, 1.0, (14, 288, 360))
    tiles = [np.tile(layer, (4, 4))[: shape[0], : shape[1]] for layer in noise]
    assert first_frozen([np.clip(base + layer, 0, 255).astype(np.uint8) for layer in tiles], 25) is None


def test_key_frames_of_a_compressed_still_picture_do_not_wake_it():
    rng = np.random.default_rng(2)
    base = scene(rng)
    pulse = np.clip(base.astype(int) + rng.integers(-1, 2, base.shape), 0, 255).astype(np.uint8)
    pictures = [base if (index // 12) % 2 == 0 else pulse for index in range(100)]
    meter = FreezeMeter()
    told = [meter.update(view(picture, index / 25)) for index, picture in enumerate(pictures)]
    assert all(told[12:])


def test_every_frame_twice_is_a_live_stream():
    rng = np.random.default_rng(3)
    pictures = [picture for _ in range(40) for picture in [scene(rng)] * 2]
    assert first_frozen(pictures, 50) is None


def test_motion_ends_it_at_once():
    rng = np.random.default_rng(4)
    base, meter = scene(rng), FreezeMeter()
    for index in range(25):
        frozen = meter.update(view(base, index / 25))
    assert frozen
    assert not meter.update(view(np.roll(base, 2, axis=1), 1.0))


def test_another_size_a_gap_and_a_step_back_start_anew():
    rng = np.random.default_rng(5)
    base, meter = scene(rng), FreezeMeter()
    for index in range(25):
        meter.update(view(base, index / 25))
    assert not meter.update(view(scene(rng, (100, 100)), 1.0))
    for index in range(25):
        meter.update(view(base, 2 + index / 25))
    assert not meter.update(view(base, 9.0))
    for index in range(25):
        meter.update(view(base, 9 + index / 25))
    assert not meter.update(view(base, 1.0))
