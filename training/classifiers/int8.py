"""The int8 variant of a classifier, and the paired check that it has to pass."""

from pathlib import Path

import numpy as np

from unmissed.models.cards import Quantisation
from unmissed.models.export import onnx_probabilities
from unmissed.models.quantise import quantise, speed_ratio
from unmissed.training.evaluation.intervals import paired_difference
from unmissed.training.evaluation.metrics import macro_f1
from unmissed.training.exporting.files import first_accepted, judge_int8

LARGEST_LOSS_POINTS = 0.5  # of macro-F1, that int8 may cost


def quantise_classifier(
    fp32: Path,
    target: Path,
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray],
    expected: np.ndarray,
    calibration: np.ndarray,
) -> Quantisation:
    """Write the int8 variant of a classifier and judge it on held-out pictures.

    Args:
        fp32, target: ONNX files.
        held_out: pictures uint8 (N, S, S, 3), labels (N,) and groups.
        expected: (N, K) probabilities of fp32.
        calibration: pictures that set the ranges of the activations.
    """
    images, labels, groups = held_out
    before = float(macro_f1(labels, expected)[0])

    def attempt(first_float: int) -> Quantisation:
        quantise(fp32, target, calibration, first_float=first_float)
        probabilities = onnx_probabilities(target, images)
        loss = paired_difference(labels, probabilities, expected, groups, macro_f1)
        ratio = speed_ratio(fp32, target, images)
        after = float(macro_f1(labels, probabilities)[0])
        compared = (len(images), len(calibration))
        return judge_int8(ratio, loss, LARGEST_LOSS_POINTS, "macro_f1", before, after, compared)

    return first_accepted(attempt)
