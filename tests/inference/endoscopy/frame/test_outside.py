"""Inside or outside, by colour: real pictures of the gut are inside, rooms are not."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.outside import outside_probability


def probability(image):
    return outside_probability(ContentFinder().view(Frame(0, 0.0, image)))


def lit(colour, seed=0, noise=4.0):
    rng = np.random.default_rng(seed)
    light = cv2.resize(rng.uniform(0.4, 1.2, (5, 5)).astype(np.float32), (360, 300), interpolation=cv2.INTER_CUBIC)
    picture = light[..., None] * np.array(colour) + rng.normal(0, noise, (300, 360, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", [(120, 120, 125), (70, 95, 140), (200, 200, 200), (90, 110, 130), (60, 60, 75)])
def test_rooms_are_outside(colour):
    assert probability(lit(colour)) > 0.9


@pytest.mark.parametrize("colour", [(190, 110, 90), (230, 190, 180), (110, 100, 78), (90, 105, 80), (200, 180, 60)])
def test_tissue_narrow_band_light_and_stool_are_inside(colour):
    assert probability(lit(colour)) < 0.1


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (20, 120, 200), (60, 115, 112)])
def test_black_burnt_dyed_and_teal_pictures_tell_nothing(colour):
    image = lit(colour, noise=0.0) if colour != (255, 255, 255) else np.full((300, 360, 3), 255, np.uint8)
    assert probability(image) == pytest.approx(0.3)


def test_a_room_with_people_is_outside():
    room = lit((110, 125, 140))
    room[100:180, 60:130] = lit((200, 150, 120))[100:180, 60:130]
    assert probability(room) > 0.9


@pytest.mark.data
def test_real_pictures_are_inside(data_root):
    paths = find_images(data_root / "hyperkvasir-samples") + find_images(data_root / "kvasir-seg" / "images")[::20]
    wrong = [path.parent.name for path in paths if probability(read_image(path)) >= 0.5]
    assert len(wrong) <= 3 and set(wrong) <= {"dyed-lifted-polyps", "dyed-resection-margins"}
