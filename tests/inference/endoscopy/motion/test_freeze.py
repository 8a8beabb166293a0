"""Frozen means: the same picture for 0.4 s by the time stamps, but for the noise of a recorder."""

import cv2
import numpy as np
import pytest

from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.values import Box, FrameView


def view(grey, time_s):
    height, width = grey.shape
    image = np.repeat(grey[..., None], 3, axis=2)
    small = cv2.resize(grey, (240, round(240 * height / width)), interpolation=cv2.INTER_AREA)
    return FrameView(time_s, Box(0, 0, width, height), image, grey, small, np.full_like(small, 255))


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


def wall(shape, seed=1):
    """A wall with folds and vessels, float32, wider than the picture by 16 px."""
    rng = np.random.default_rng(seed)
    size = shape[1] + 16, shape[0]
    layers = [(40, 9), (12, 60)]
    parts = [
        cv2.resize(rng.uniform(-high, high, (cells, cells)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        for high, cells in layers
    ]
    return 120 + sum(parts)


def seen(base, shift_px, noise, rng):
    height, width = base.shape[0], base.shape[1] - 16
    moved = cv2.warpAffine(base, np.float32([[1, 0, -shift_px], [0, 1, 0]]), (base.shape[1], height))[:, :width]
    return np.clip(moved + rng.normal(0, noise, moved.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(288, 360), (576, 720)])
@pytest.mark.parametrize("noise", [1.0, 4.0])
@pytest.mark.parametrize("fps", [12.5, 25, 60])
def test_a_still_picture_under_the_noise_of_a_recorder_is_frozen(shape, noise, fps):
    rng, base = np.random.default_rng(1), wall(shape)
    found = first_frozen([seen(base, 0.0, noise, rng) for _ in range(round(fps))], fps)
    assert 0.4 <= found <= 0.4 + 1.5 / fps


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("fps", [12.5, 25, 60])
def test_a_live_wall_that_breathes_is_not_frozen(noise, fps):
    rng, base = np.random.default_rng(2), wall((288, 360))
    shifts = [6 + 6 * np.sin(2 * np.pi * 0.5 * k / fps) for k in range(round(2 * fps))]
    assert first_frozen([seen(base, shift, noise, rng) for shift in shifts], fps) is None


def test_a_wall_without_structure_is_not_called_frozen_for_its_noise():
    rng = np.random.default_rng(3)
    flat = np.full((288, 376), 120, np.float32)
    assert first_frozen([seen(flat, 0.0, 3.0, rng) for _ in range(25)], 25) is None


def test_motion_ends_a_freeze_under_noise():
    rng, base, meter = np.random.default_rng(4), wall((288, 360)), FreezeMeter()
    told = [meter.update(view(seen(base, 0.0, 3.0, rng), k / 25)) for k in range(25)]
    told += [meter.update(view(seen(base, 2.0 * (k - 24), 3.0, rng), k / 25)) for k in range(25, 30)]
    assert told[24] and not told[26]


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
