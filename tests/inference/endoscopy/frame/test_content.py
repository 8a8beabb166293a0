"""The endoscope's picture is found among margins, letters and boxes, at once, and stays found."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.content import ContentFinder

TISSUE = np.array([190, 110, 90])


def mucosa(height, width, seed=0):
    """Reddish blobs, nowhere black but in a dark lumen."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.6, 1.2, (6, 6)).astype(np.float32)
    light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:height, :width]
    lumen = np.hypot(x - width * rng.uniform(0.35, 0.65), y - height * rng.uniform(0.35, 0.65)) < 0.12 * width
    picture = np.clip(light[..., None] * TISSUE, 40, 255).astype(np.uint8)
    picture[lumen] = 6
    return picture


def framed(shape, seed=0, margin=8, kind="octagon"):
    """A frame of 720 x 576 with a picture at (160, 40), 500 x 480."""
    frame = np.full((576, 720, 3), margin, np.uint8)
    y, x = (np.mgrid[:480, :500] / np.array([480, 500])[:, None, None] - 0.5) * 2
    inside = {
        "octagon": np.abs(x) + np.abs(y) < 1.5,
        "circle": np.hypot(x, y) < 1,
        "rectangle": np.ones_like(x, bool),
    }[kind]
    frame[40:520, 160:660][inside] = mucosa(480, 500, seed)[inside]
    return frame


def is_near(box, expected, px=8):
    found = (box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px)
    return all(abs(a - b) <= px for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("kind", ["octagon", "circle", "rectangle"])
@pytest.mark.parametrize("margin", [0, 16, 30])
def test_the_first_frame_gives_the_box(kind, margin):
    view = ContentFinder().view(Frame(0, 0.0, framed(kind, margin=margin, kind=kind)))
    assert is_near(view.content, (160, 40, 660, 520))
    assert view.image.shape[:2] == view.grey.shape == (view.content.height_px, view.content.width_px)
    assert max(view.small.shape) == 240 and view.small.shape == view.small_mask.shape
    assert view.small_mask[view.small.shape[0] // 2, view.small.shape[1] // 2] == 255, "the lumen belongs to it"
    if kind != "rectangle":
        assert not view.small_mask[:5, :5].any(), "black corners do not"


def test_the_image_is_no_copy():
    frame = framed("octagon")
    view = ContentFinder().view(Frame(0, 0.0, frame))
    assert np.shares_memory(view.image, frame)


def test_letters_in_the_margin_and_a_second_picture_are_left_out():
    frame = framed("octagon")
    for line in range(8):
        cv2.putText(frame, "12/03/2020", (4, 60 + 30 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    frame[460:540, 20:110] = mucosa(80, 90)
    assert is_near(ContentFinder().view(Frame(0, 0.0, frame)).content, (160, 40, 660, 520))


def test_a_position_guide_is_no_tissue():
    frame = framed("octagon", kind="rectangle")
    frame[400:520, 160:300] = (20, 165, 130)
    cv2.line(frame, (200, 420), (240, 500), (10, 10, 10), 3)
    view = ContentFinder().view(Frame(0, 0.0, frame))
    assert not view.small_mask[-20:, :40].any()
    assert view.small_mask[:100].mean() > 200


def test_a_still_grey_margin_is_learned_once_the_picture_moves():
    finder = ContentFinder()
    frames = [framed("octagon", seed=seed, kind="rectangle") for seed in range(4)]
    for frame in frames:
        frame[:, :160] = (90, 110, 140)
    for index in range(20):
        view = finder.view(Frame(index, index / 25, frames[index % 4]))
    assert is_near(view.content, (160, 40, 660, 520))


def test_letters_over_the_picture_are_masked_in_time():
    finder = ContentFinder()
    frames = [framed("octagon", seed=seed) for seed in range(20)]
    for frame in frames:
        cv2.putText(frame, "NAME NAME", (330, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 3)
    for index in range(40):
        view = finder.view(Frame(index, index / 4, frames[index % 20]))
    middle = view.small_mask[118:130, 85:160]
    assert (middle == 0).mean() > 0.4
    assert (view.small_mask == 255).mean() > 0.7


def test_the_mask_is_the_same_array_while_nothing_changes():
    finder = ContentFinder()
    frame = framed("circle", kind="circle")
    masks = [finder.view(Frame(index, index / 25, frame)).small_mask for index in range(20)]
    assert all(mask is masks[0] for mask in masks)


def test_a_black_stream_is_taken_whole_and_the_first_light_is_found():
    finder = ContentFinder()
    for index in range(5):
        view = finder.view(Frame(index, index / 25, np.zeros((576, 720, 3), np.uint8)))
        assert (view.content.width_px, view.content.height_px) == (720, 576)
        assert view.small_mask.any()
    for index in range(5, 20):
        view = finder.view(Frame(index, index / 25, framed("octagon")))
    assert is_near(view.content, (160, 40, 660, 520))


def test_dark_frames_do_not_shrink_the_box():
    finder = ContentFinder()
    finder.view(Frame(0, 0.0, framed("octagon")))
    for index in range(1, 60):
        view = finder.view(Frame(index, index * 1.0, np.zeros((576, 720, 3), np.uint8)))
    assert is_near(view.content, (160, 40, 660, 520))


def test_another_size_is_told_and_learned_anew():
    finder = ContentFinder()
    finder.view(Frame(0, 0.0, framed("octagon")))
    assert not finder.changed
    view = finder.view(Frame(1, 0.04, mucosa(300, 400)))
    assert finder.changed
    assert (view.content.width_px, view.content.height_px) == (400, 300)
    finder.view(Frame(2, 0.08, mucosa(300, 400)))
    assert not finder.changed


def test_a_picture_that_grows_is_followed_at_once_and_one_that_shrinks_in_time():
    finder = ContentFinder()
    finder.view(Frame(0, 0.0, framed("octagon")))
    view = finder.view(Frame(1, 0.04, mucosa(576, 720)))
    assert (view.content.width_px, view.content.height_px) == (720, 576)
    frames = [framed("octagon", seed=seed) for seed in range(4)]
    for index in range(2, 160):
        view = finder.view(Frame(index, index / 4, frames[index % 4]))
    assert is_near(view.content, (160, 40, 660, 520))


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (17, 9), (2160, 3840)])
def test_strange_sizes_are_taken(shape):
    view = ContentFinder().view(Frame(0, 0.0, np.full((*shape, 3), 120, np.uint8)))
    assert view.image.size and view.small.size
