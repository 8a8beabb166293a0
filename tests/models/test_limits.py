"""The numbers on which a model file turns: each with its source, and with a case just below and one just above it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest
from draw_constants import Limit
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.slides.looks import CELLS, GLASS, SlideLooks
from unmissed.models.cards import KnownAnswers
from unmissed.models.export import check_parity
from unmissed.models.familiarity import SlideFamiliarity
from unmissed.models.integer_weights import limit_weights
from unmissed.models.known_answers import spread
from unmissed.training.heatmaps.slide_familiarity import FieldOfLaboratory, fit_slides


@cache
def _folder() -> TemporaryDirectory:
    return TemporaryDirectory()


@cache
def nothing_like_a_picture() -> Path:
    """A file that takes pictures uint8 (N, 2, 2, 3) and says 0 of everything."""
    nodes = [
        helper.make_node("Cast", ["images"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "none"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros", "axes"], ["probabilities"], keepdims=0),
    ]
    constants = {"none": np.zeros((), np.float32), "axes": np.array([1, 2], np.int64)}
    graph = helper.make_graph(
        nodes,
        "nothing",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 2, 2, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = Path(_folder().name) / "nothing.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def is_like_torch(difference: float) -> bool:
    """Whether a file passes whose probabilities differ by so much from those expected."""
    try:
        check_parity(
            nothing_like_a_picture(), np.full((1, 3), difference, np.float32), np.zeros((1, 2, 2, 3), np.uint8)
        )
    except ModelError:
        return False
    return True


def numbers_kept(count: int) -> int:
    return spread(np.zeros((2, count))).shape[1]


def card_takes(**changes: Any) -> bool:
    fields = {"drawing": "discs-1", "seeds": (1,), "size_px": 64, "outputs": ((0.5,),), "tolerance": {"fp32": 0.01}}
    try:
        KnownAnswers(**(fields | changes))
    except ValidationError:
        return False
    return True


def side_is_taken(size_px: int) -> bool:
    return card_takes(size_px=size_px)


def answer_is_taken(numbers: int) -> bool:
    return card_takes(outputs=((0.5,) * numbers,))


def convolution(weights: np.ndarray, *, is_integer: bool) -> Any:
    """A graph of one dense convolution; of integers in the form that the quantiser gives."""
    kernel = weights.reshape(1, -1, 1, 1)
    ends = [
        helper.make_node("Cast", ["images"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    if not is_integer:
        nodes = [*ends, helper.make_node("Conv", ["planes", "kernel"], ["out"], name="conv")]
        constants = {"kernel": kernel.astype(np.float32)}
    else:
        nodes = [
            *ends,
            helper.make_node("QuantizeLinear", ["planes", "step", "zero"], ["bytes"]),
            helper.make_node("DequantizeLinear", ["bytes", "step", "zero"], ["inputs"]),
            helper.make_node("DequantizeLinear", ["kernel", "steps", "zeros"], ["weights"], axis=0),
            helper.make_node("Conv", ["inputs", "weights"], ["out"], name="conv"),
        ]
        constants = {
            "step": np.float32(1.0),
            "zero": np.uint8(0),
            "kernel": np.rint(127 * kernel / abs(kernel).max()).astype(np.int8),
            "steps": np.float32([abs(kernel).max() / 127]),
            "zeros": np.int8([0]),
        }
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 2, 2, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def pair_of(*weights: float) -> int:
    """Largest sum of two integer weights of a channel that had these."""
    values = np.array([*weights, *[0.0] * (3 - len(weights))])
    integers = convolution(values, is_integer=True)
    limit_weights(convolution(values, is_integer=False), integers, np.full((1, 2, 2, 3), 100, np.uint8), 1)
    stored = {item.name: numpy_helper.to_array(item) for item in integers.graph.initializer}
    return int(np.sort(stored["kernel"].ravel().astype(int))[-2:].sum())


def equal_weights(count: int) -> int:
    return pair_of(*[1.0] * count)


@cache
def known_fields() -> SlideFamiliarity:
    """Forty smears of a field each, with glass of one colour."""
    rng = np.random.default_rng(0)
    fields = [
        FieldOfLaboratory(SlideLooks(rng.normal(0, 1, (8, len(CELLS))), np.zeros(len(GLASS))), "one", str(smear))
        for smear in range(40)
    ]
    known = fit_slides(fields)
    assert known is not None
    return known


def is_compared(places: int) -> bool:
    return known_fields().of(SlideLooks(np.zeros((places, len(CELLS))), np.zeros(len(GLASS)))) is not None


def glass_is_unlike(apart: float) -> bool:
    found = known_fields().of(SlideLooks(np.zeros((8, len(CELLS))), np.array([0, apart, 0])))
    assert found is not None
    return found.is_unlike


LIMITS = [
    Limit(
        "0.0001 from torch",
        "export.py: PARITY = 1e-4",
        "largest allowed difference of a probability",
        is_like_torch,
        (0.000099, True),
        (0.000101, False),
    ),
    Limit(
        "192 numbers of an answer",
        "known_answers.py: MOST = 192",
        "that are kept",
        numbers_kept,
        (191, 191),
        (193, 192),
    ),
    Limit(
        "questions of 1,024 px",
        "card_parts.py: LARGEST_KNOWN_PX = 1024",
        "drawing a larger one would take seconds",
        side_is_taken,
        (1024, True),
        (1025, False),
    ),
    Limit(
        "256 numbers of an answer",
        "card_parts.py: Field(max_length=256)",
        "the card's form",
        answer_is_taken,
        (256, True),
        (257, False),
    ),
    Limit(
        "two weights make 128",
        "integer_weights.py: PAIR = 128",
        "255 * 128 is below 2^15, 255 * 129 is not: no saturation on x86",
        equal_weights,
        (1, 127),
        (2, 128),
    ),
    Limit(
        "4 places with cells",
        "datasets/slides/looks.py: LEAST_PLACES = 4",
        "the comment beside it; a slide with fewer is in doubt",
        is_compared,
        (3, False),
        (4, True),
    ),
    Limit(
        "glass 6 away in CIELAB",
        "training/heatmaps/slide_familiarity.py: _GLASS_LIMIT = 6.0**2",
        "the comment beside it",
        glass_is_unlike,
        (5.99, False),
        (6.01, True),
    ),
    Limit("weights up to 127", "integer_weights.py: _MOST = 127", "int8", equal_weights, (1, 127), (3, 128)),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
