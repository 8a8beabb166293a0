"""Inside or outside, by colour: real pictures of the gut are inside, rooms are not."""

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.outside import ColourDoubt, OutsideMeter, outside_probability


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


TISSUE = (190, 110, 90)


def play(*stretches, fps=10):
    """What the meter says of stretches (picture, seconds), one after the other: (probability, doubt) of each end."""
    meter, finder, index, found = OutsideMeter(), ContentFinder(), 0, []
    for image, seconds in stretches:
        for _ in range(round(seconds * fps)):
            probability = meter.update(finder.view(Frame(index, index / fps, image)))
            index += 1
        found.append((probability, meter.doubt))
    return found


def without_colour(image):
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


@pytest.mark.parametrize("colour", [TISSUE, (230, 190, 180), (110, 100, 78)])
def test_a_picture_without_colour_or_with_red_and_blue_exchanged_is_not_called_outside(colour):
    image = lit(colour)
    for spoiled, doubt in ((without_colour(image), ColourDoubt.GREY), (image[..., ::-1], ColourDoubt.BLUE)):
        assert play((np.ascontiguousarray(spoiled), 3)) == [(pytest.approx(0.3), doubt)]


def test_once_tissue_was_seen_for_a_second_grey_and_blue_are_a_room():
    for room in (without_colour(lit(TISSUE)), lit((70, 95, 140))):
        (inside, _), (outside, doubt) = play((lit(TISSUE), 1.5), (room, 1))
        assert (inside < 0.1, outside > 0.9, doubt) == (True, True, ColourDoubt.NONE)
        (_, _), (unknown, doubt) = play((lit(TISSUE), 0.8), (room, 1))
        assert unknown == pytest.approx(0.3) and doubt


@pytest.mark.parametrize("colour", [(120, 120, 125), (200, 205, 200)])
def test_a_grey_room_has_a_little_colour_and_is_outside_from_the_start(colour):
    assert play((lit(colour, noise=4.0), 1)) == [(pytest.approx(1, abs=0.1), ColourDoubt.NONE)]


@pytest.mark.data
def test_real_pictures_with_red_and_blue_exchanged_are_unknown(data_root):
    paths = find_images(data_root / "hyperkvasir-samples") + find_images(data_root / "kvasir-seg" / "images")[::20]
    wrong = [path for path in paths if play((np.ascontiguousarray(read_image(path)[..., ::-1]), 0.1))[0][0] >= 0.5]
    assert len(wrong) <= 0.02 * len(paths)


@pytest.mark.data
def test_real_pictures_are_inside(data_root):
    paths = find_images(data_root / "hyperkvasir-samples") + find_images(data_root / "kvasir-seg" / "images")[::20]
    wrong = [path.parent.name for path in paths if probability(read_image(path)) >= 0.5]
    assert len(wrong) <= 3 and set(wrong) <= {"dyed-lifted-polyps", "dyed-resection-margins"}
