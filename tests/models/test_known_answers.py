"""Questions that every machine draws alike, and answers that tell machines apart."""

import hashlib

import numpy as np
import pytest
from pydantic import ValidationError

from unmissed.datasets.basis.errors import ModelError
from unmissed.models import zoo
from unmissed.models.cards import KnownAnswers, load_card
from unmissed.models.known_answers import difference, integer_difference, questions, spread
from unmissed.models.known_pictures import known_fractions, known_picture

# SHA-256 of the pixels; they were drawn once on x86-64, and must come out so everywhere and for ever.
DRAWN = {
    (0, 64): "6b124adbf4cea8520519903f09eb060cf26ee73010b7fb5447d1ac2186e36f21",
    (35, 128): "2cc09628be90b45a3e46bcc887aacaea0b1494e0fc6533c9e355115cc7de1978",
}
KNOWN = {"drawing": "discs-1", "seeds": (1, 2), "size_px": 32, "tolerance": {"fp32": 1e-4}}


@pytest.mark.parametrize(("seed", "size_px"), DRAWN)
def test_a_seed_gives_the_same_picture_for_ever(seed, size_px):
    picture = known_picture(seed, size_px)
    assert picture.shape == (size_px, size_px, 3) and picture.dtype == np.uint8
    assert hashlib.sha256(picture.tobytes()).hexdigest() == DRAWN[seed, size_px]


def test_seeds_give_different_pictures_with_something_on_them():
    pictures = [known_picture(seed, 48) for seed in range(12)]
    assert len({picture.tobytes() for picture in pictures}) == 12
    assert min(int(np.ptp(picture)) for picture in pictures) > 30


def test_fractions_are_even():
    numbers = known_fractions(3, 20_000)
    assert abs(numbers.mean()) < 0.02 and numbers.min() == -1 and numbers.max() == 1
    assert numbers.std() == pytest.approx(1 / 3**0.5, rel=0.02)


def test_long_answers_are_kept_in_part():
    outputs = np.arange(2 * 3 * 40 * 40).reshape(2, 3, 40, 40)
    kept = spread(outputs)
    assert kept.shape == (2, 192) and kept[0, 0] == 0 and kept[1, -1] == outputs.max()
    np.testing.assert_array_equal(spread(np.eye(3)), np.eye(3))


def test_differences():
    known = KnownAnswers(
        **KNOWN, outputs=((0.5, 0.5), (0.25, 0.75)), integer_outputs={"int8": ((0.5, 0.5), (0.2, 0.8))}
    )
    here = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert difference(known, here) == pytest.approx(0.05)
    assert integer_difference(known, "int8", here) == 0 and integer_difference(known, "fp32", here) == 0
    for nonsense in (here[:1], here * np.nan, np.array([[0.5, np.inf], [0, 0]])):
        assert difference(known, nonsense) == float("inf")


def test_questions():
    assert questions(KnownAnswers(**KNOWN, outputs=((1.0,), (0.0,)))).shape == (2, 32, 32, 3)
    table = KnownAnswers(rows=((1.0, 2.0),), outputs=((0.5,),), tolerance={"fp32": 1e-4})
    np.testing.assert_array_equal(questions(table), np.array([[1, 2]], np.float32))
    with pytest.raises(ModelError, match="discs-9"):
        questions(KnownAnswers(**KNOWN | {"drawing": "discs-9"}, outputs=((1.0,), (0.0,))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": ()}, "either seeds"),
        ({"rows": ((1.0,),)}, "either seeds"),
        ({"size_px": None}, "either seeds"),
        ({"outputs": ((1.0,),)}, "1 answers to 2 questions"),
        ({"size_px": 10**6}, "less than or equal to 1024"),
        ({"seeds": tuple(range(17))}, "at most 16"),
        ({"tolerance": {"fp32": 1.5}}, "less than 1"),
        ({"outputs": ((1.0,), (0.0, 1.0))}, "different lengths"),
        ({"outputs": ((1.0,), (float("nan"),))}, "finite"),
        ({"integer_outputs": {"int8": ((1.0,),)}}, "1 answers to 2 questions"),
        ({"integer_outputs": {"int8": ((float("nan"),), (0.0,))}}, "finite"),
        ({"outputs": ((0.0,) * 300,) * 2}, "at most 256"),
    ],
)
def test_what_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValidationError, match=words):
        KnownAnswers(**{**KNOWN, "outputs": ((1.0,), (0.0,)), **change})


@pytest.mark.parametrize("name", zoo.names())
def test_every_shipped_card_knows_answers_that_are_not_settled(name):
    """Numbers that are all 0 or 1 would hide a fault."""
    card = load_card(zoo.find_card(name))
    for variant, spec in card.files.items():
        known = card.known_for(variant)
        assert known is not None
        outputs = np.array(known.outputs)
        assert ((outputs > 0.02) & (outputs < 0.98)).any()
        assert (variant in known.integer_outputs) == (spec.precision == "int8")
        assert known.tolerance[variant] == 1e-4 if spec.precision == "fp32" else known.tolerance[variant] < 0.2
