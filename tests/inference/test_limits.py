"""The numbers on which running a model turns: each with its source, a case just below it and one just above."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.pictures.fitting import path_reader
from unmissed.inference.runtimes import answer_cache
from unmissed.inference.runtimes.answers import Agreement, Verdict, ask
from unmissed.inference.runtimes.base import RUNTIMES, Availability, Runtime, Session
from unmissed.inference.runtimes.signature import Tensor
from unmissed.inference.runtimes.variants import choose
from unmissed.models.cards import InputSpec, KnownAnswers
from unmissed.models.zoo import resolve

MODEL = "cell-herlev"  # ships in fp32 and in int8


class _Session(Session):
    """Answers what the card expects, and a difference."""

    def __init__(self, known: KnownAnswers, difference: float) -> None:
        side, count = known.size_px, len(known.outputs[0])
        takes = Tensor("images", "uint8", (None, side, side, 3))
        super().__init__(
            runtime="told",
            provider="told",
            takes=takes,
            gives=Tensor("probabilities", "float", (None, count)),
            batch_size=len(known.outputs),
            concurrent=True,
        )
        self._answers = np.array(known.outputs) + difference

    def run(self, images):
        return self._answers[: len(images)]

    def _run_batch(self, batch):
        return self._answers[: len(batch)]


@contextmanager
def told(known: KnownAnswers, difference: float, *, exact: bool) -> Iterator[str]:
    """A runtime that is off by so much, for a while; its name."""

    class Told(Runtime):
        name, needs, concurrent, fast_int8, exact_integers = "told", "nothing", True, True, exact

        def is_available(self):
            return Availability(True)

        def load(self, model, *, device=None, batch_size=None, threads=None, canvas_px=None):
            return _Session(known, difference)

        def _open(self, model, device, threads):
            raise NotImplementedError

    RUNTIMES["told"] = Told()
    try:
        yield "told"
    finally:
        del RUNTIMES["told"]


def is_right(difference: float, *, variant: str, exact: bool = True) -> bool:
    """Whether a file is taken to be computed right where its answers are off by so much."""
    file = resolve(MODEL, variant)
    known = file.card.known_for(variant)
    own = known.model_copy(update={"outputs": known.integer_outputs.get(variant, known.outputs)})
    with told(own, difference, exact=exact) as runtime:
        return ask(file, known, runtime).agreement is Agreement.RIGHT


def int8_runs(share: float) -> bool:
    """Whether the int8 file runs where it takes that share of the time of fp32, and both are right."""
    before = os.environ.get("UNMISSED_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["UNMISSED_CACHE"] = folder
        try:
            for variant, ms in (("fp32", 10.0), ("int8", 10.0 * share)):
                file = resolve(MODEL, variant)
                key = answer_cache.key_of(
                    file.card.files[variant].sha256, variant, file.card.known_for(variant), "onnx-cpu", None
                )
                verdict = Verdict(variant=variant, runtime="onnx-cpu", agreement=Agreement.RIGHT, ms=ms, answers=(0.5,))
                answer_cache.save(key, verdict.model_dump_json())
            return choose(MODEL).file.variant == "int8"
        finally:
            os.environ.pop("UNMISSED_CACHE")
            if before is not None:
                os.environ["UNMISSED_CACHE"] = before


def scale_is_taken(um_per_px: float) -> bool:
    """Whether pictures of that pixel size are brought to a model of 0.25 um/px."""
    spec = InputSpec(size_px=64, fit="crop", um_per_px=0.25, mean=(0.5,) * 3, std=(0.5,) * 3)
    try:
        path_reader(spec, um_per_px)
    except ConfigError:
        return False
    return True


LIMITS = [
    Limit(
        "int8 a tenth faster",
        "runtimes/variants.py: _FASTER = 1.1",
        "less is within what milliseconds can tell",
        int8_runs,
        (0.92, False),
        (0.9, True),
    ),
    Limit(
        "0.001 of exact integers",
        "models/known_answers.py: INTEGER_STEP, ROUNDED_STEP = 0.001, 0.05",
        "a float step in between may round a tie otherwise: 0.0002 on SSE4",
        partial(is_right, variant="int8"),
        (0.00095, True),
        (0.00105, False),
    ),
    Limit(
        "0.05 of rounded integers",
        "models/known_answers.py: INTEGER_STEP, ROUNDED_STEP = 0.001, 0.05",
        "engines that compute the same graph in float are off by some hundredths",
        partial(is_right, variant="int8", exact=False),
        (0.0495, True),
        (0.0505, False),
    ),
    Limit(
        "the tolerance of fp32",
        "runtimes/answers.py: allowed = known.tolerance[file.variant]",
        "0.0001 of the card",
        partial(is_right, variant="fp32"),
        (0.00009, True),
        (0.00011, False),
    ),
    Limit(
        "8 times finer",
        "pictures/fitting.py: LARGEST_SCALE = 8.0",
        "beyond, a crop would not fit into memory",
        scale_is_taken,
        (0.031, False),
        (0.0315, True),
    ),
    Limit(
        "8 times coarser",
        "pictures/fitting.py: LARGEST_SCALE = 8.0",
        "beyond, the picture has not the detail",
        scale_is_taken,
        (1.98, True),
        (2.02, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
