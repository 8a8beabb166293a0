"""The pictures that the model got wrong and was most sure of: where labels, data or model deserve a look."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from unmissed.datasets.basis.jpeg import jpeg_address
from unmissed.training.evaluation.predictions import FloatArray, Predictions

Picture: TypeAlias = Callable[[int], NDArray[np.uint8] | None]

MOST = 24  # in the gallery
_THUMBNAIL_PX = 160


class Mistake(NamedTuple):
    """One wrong answer; ``thumbnail`` is a data URI, empty where there is no picture to show."""

    path: str
    truth: str
    predicted: str
    probability: float
    thumbnail: str = ""


def confident_mistakes(
    predictions: Predictions,
    *,
    temperature: float | FloatArray = 1.0,
    picture: Picture | None = None,
) -> list[Mistake]:
    """Wrong answers, the most confident first, at most ``MOST``.

    Args:
        predictions: what the model said.
        temperature: of the calibration, one number or one per picture.
        picture: gives the RGB pixels (H, W, 3) of picture ``index`` of the predictions, or None where it has none.
    """
    probabilities = predictions.probabilities(temperature)
    predicted, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != predictions.labels)
    mistakes = []
    for index in wrong[np.argsort(-top[wrong], kind="stable")][:MOST]:
        pixels = None if picture is None else picture(int(index))
        mistakes.append(
            Mistake(
                path=predictions.paths[index],
                truth=predictions.classes[predictions.labels[index]].id,
                predicted=predictions.classes[predicted[index]].id,
                probability=float(top[index]),
                thumbnail="" if pixels is None else thumbnail(pixels),
            )
        )
    return mistakes


def thumbnail(pixels: NDArray[np.uint8]) -> str:
    """RGB pixels (H, W, 3) as a JPEG data URI whose longer side is 160 px."""
    scale = _THUMBNAIL_PX / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return jpeg_address(small, colours="420")
