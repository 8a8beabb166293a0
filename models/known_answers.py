"""Questions whose answers are in the card, and how far another machine's answers are from them."""

import numpy as np

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.cards import KnownAnswers
from unmissed.models.known_pictures import DRAWING, known_pictures

MOST = 192  # numbers that are kept of the answer to one question
# What an exact integer engine may differ from the file's own outputs: a float step in between may round a tie otherwise
# (2e-4 was seen on SSE4). Engines that compute the same graph in float, or round ties away, are off by some hundredths.
INTEGER_STEP, ROUNDED_STEP = 0.001, 0.05


def questions(known: KnownAnswers) -> np.ndarray:
    """What is asked: uint8 (N, size_px, size_px, 3) pictures, or float32 (N, F) rows.

    Raises:
        ModelError: When the card was written for pictures that this version does not draw.
    """
    if known.rows:
        return np.array(known.rows, np.float32)
    if known.drawing != DRAWING or known.size_px is None:
        raise ModelError(
            f"the card asks for pictures of the drawing {known.drawing!r}",
            expected=f"{DRAWING!r}, the one that this version draws",
            fix="export the model again, or use the version of unmissed that it came with",
        )
    return known_pictures(known.seeds, known.size_px)


def spread(outputs: np.ndarray) -> np.ndarray:
    """At most ``MOST`` numbers of each answer, evenly spread, float64 (N, n); ``outputs`` is (N, ...)."""
    flat = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    count = flat.shape[1]
    return flat if count <= MOST else flat[:, np.linspace(0, count - 1, MOST).round().astype(int)]


def difference(known: KnownAnswers, answers: np.ndarray) -> float:
    """Largest difference of a number from what fp32 gave; infinite for another shape, or for what is not finite."""
    return _apart(answers, known.outputs)


def integer_difference(known: KnownAnswers, variant: str, answers: np.ndarray) -> float:
    """Largest difference from what this very file gave at export; 0 where the card does not give it."""
    own = known.integer_outputs.get(variant)
    return 0.0 if own is None else _apart(answers, own)


def _apart(answers: np.ndarray, outputs: tuple[tuple[float, ...], ...]) -> float:
    expected = np.array(outputs)
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        return float("inf")
    return float(np.abs(answers - expected).max())
