"""What is said of a picture: what was left out of its file, and what no model has seen."""

import io
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.decoding import decode_picture
from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.pictures.notes import (
    NoteCount,
    PictureNote,
    check_side,
    notes_on_content,
    notes_on_size,
)


def coloured(height=40, width=60, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def kinds(pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, **options)
    return [note.kind for note in decode_picture(stream.getvalue(), "a").notes]


def of_content(pixels):
    return [str(note) for note in notes_on_content(pixels)]


def test_an_ordinary_picture_has_no_note():
    assert kinds(coloured(), format="PNG") == kinds(coloured(), format="JPEG") == kinds(coloured(), format="TIFF") == []
    assert of_content(coloured()) == []
    assert notes_on_size(200, 150, 128, "squash") == notes_on_size(90, 80, 160, "crop") == ()


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "MPO", "TIFF"])
def test_several_pictures_in_a_file(name):
    others = [Image.fromarray(coloured(20, 30, seed=seed)) for seed in (1, 2)]
    stream = io.BytesIO()
    first = Image.fromarray(coloured())
    if name in ("GIF", "WEBP", "PNG"):
        others = [one.resize(first.size) for one in others]
    first.save(stream, name, save_all=True, append_images=others)
    (note,) = decode_picture(stream.getvalue(), "a").notes
    assert note.text.startswith("holds 3 ") and "only the first was read" in note.text and "3 幅图像" in note.text_zh


def test_transparency_only_where_there_is_any():
    pixels = np.dstack([coloured(), np.full((40, 60), 255, np.uint8)])
    assert kinds(pixels, format="PNG") == []
    pixels[0, 0, 3] = 254
    assert kinds(pixels, format="PNG") == ["transparent"]


@pytest.mark.parametrize(("light", "words"), [(3, "black"), (250, "white"), (128, "one colour")])
def test_a_picture_that_shows_nothing(light, words):
    noise = np.random.default_rng(0).normal(light, 1, (50, 50, 3)).clip(0, 255).astype(np.uint8)
    assert of_content(noise) == [f"shows nothing: all of it is {words}"]
    assert of_content(np.full((9, 9, 3), (200, 40, 90), np.uint8)) == ["shows nothing: all of it is one colour"]
    noise[20:22, 20:22] = (200, 20, 120)  # a speck is something
    assert of_content(noise) != [f"shows nothing: all of it is {words}"]


@pytest.mark.parametrize("quality", [30, 95])
def test_grey_in_every_form(quality):
    grey = cv2.cvtColor(coloured(300, 400), cv2.COLOR_RGB2GRAY)
    stream = io.BytesIO()
    Image.fromarray(np.dstack([grey] * 3)).save(stream, "JPEG", quality=quality)
    (note,) = notes_on_content(decode_picture(stream.getvalue(), "a").pixels)
    assert note.kind == "grey" and note.text_zh


@pytest.mark.parametrize(
    ("size", "wanted", "fit", "kinds"),
    [
        ((43, 43), 128, "squash", []),
        ((42, 90), 128, "squash", ["small"]),
        ((42, 90), 128, "pad", []),
        ((42, 30), 128, "pad", ["small"]),
        ((100, 400), 128, "squash", []),
        ((100, 401), 128, "squash", ["stretched"]),
        ((20, 100), 128, "squash", ["small", "stretched"]),
        ((80, 500), 160, "crop", []),
        ((79, 500), 160, "crop", ["filled"]),
    ],
)
def test_size_and_shape(size, wanted, fit, kinds):
    for width, height in (size, size[::-1]):
        found = notes_on_size(width, height, wanted, fit)
        assert [note.kind for note in found] == kinds
        assert all(f"{width} x {height} px" in note.text for note in found)


def test_what_is_too_small_to_show_anything_is_refused():
    check_side("a.png", 8, 8)
    with pytest.raises(ImageError, match=r"a\.png is 100 x 7 px, too small.*at least 8 px"):
        check_side("a.png", 100, 7)


def test_notes_are_counted_by_kind_from_any_thread():
    count = NoteCount()
    threads = [
        threading.Thread(target=lambda k=k: count.add(f"{k}.png", [PictureNote("size", f"is {k} px", "")] * (k % 2)))
        for k in range(40, 0, -1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count.add("b.png", [PictureNote("alone", "is alone", "")])
    assert count.lines() == ["b.png: is alone", "1.png and 19 more: is 1 px"]


@pytest.mark.data
def test_real_pictures_have_no_note_on_their_content(data_root):
    for name in ("sipakmed", "herlev", "lbc-fields", "hyperkvasir-samples", "kvasir-seg/images", "polypgen/images"):
        for path in find_images(data_root / name)[::25]:
            picture = read_picture(path)
            assert (picture.notes, notes_on_content(picture.pixels)) == ((), ()), path
