"""Answers of many processors as rows of a table, and what is wrong with them."""

from collections.abc import Mapping

import numpy as np

from unmissed.benchmarks.processors.playing import NATIVE
from unmissed.benchmarks.processors.worker import FileAnswers
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.models.cards import KnownAnswers
from unmissed.models.known_answers import INTEGER_STEP, difference
from unmissed.models.zoo import ModelFile


def row_of(name: str, file: ModelFile, answers: Mapping[str, FileAnswers]) -> tuple[BenchRow, list[str]]:
    """A row of the table, and sentences on what is wrong in it.

    Args:
        name: of the model, as the user gave it.
        file: what was asked.
        answers: processor -> what came of it; empty where the card has no known answers.
    """
    what = {"model": name, "variant": file.variant}
    known = file.card.known_for(file.variant)
    if known is None or not answers:
        return BenchRow(what=what, not_measured="its card has no known answers"), []
    apart = {processor: from_fp32(known, answer) for processor, answer in answers.items()}
    between = {
        processor: from_other(answer, answers[NATIVE.name])
        for processor, answer in answers.items()
        if processor != NATIVE.name
    }
    allowed, title = known.tolerance[file.variant], f"{name} {file.variant}"
    wrong = [
        f"{title} on {processor} is off by {found:.2g} from fp32's known answers ({allowed:.2g} allowed)"
        for processor, found in apart.items()
        if not found <= allowed
    ]
    if file.card.files[file.variant].precision != "fp32":
        wrong += [
            f"{title} on {processor} is off by {found:.2g} from this processor ({INTEGER_STEP:.2g} allowed)"
            for processor, found in between.items()
            if not found <= INTEGER_STEP
        ]
    if not np.isfinite([*apart.values(), *between.values()]).all():
        return BenchRow(what=what, not_measured="it gives no numbers on some processor"), wrong
    figures = {"from fp32": Figure(unit="", rounds=(max(apart.values()),)), "allowed": _figure(allowed)}
    if between:
        figures = {"between processors": Figure(unit="", rounds=(max(between.values()),)), **figures}
    for processor, answer in answers.items():
        if answer.ms is not None:
            figures[processor] = Figure(unit="ms", rounds=(answer.ms,))
    return BenchRow(what=what, figures=figures, facts={"from_fp32": apart, "from_native": between}), wrong


def from_fp32(known: KnownAnswers, answer: FileAnswers) -> float:
    """Largest difference from the card's answers to as many questions as were asked; infinite for no numbers."""
    numbers = _numbers(answer)
    return difference(known.model_copy(update={"outputs": known.outputs[: len(numbers)]}), numbers)


def from_other(answer: FileAnswers, other: FileAnswers) -> float:
    """Largest difference between two processors on the questions that both were asked; infinite for no numbers."""
    one, two = _numbers(answer), _numbers(other)
    asked = min(len(one), len(two))
    apart = float(np.abs(one[:asked] - two[:asked]).max())
    return apart if np.isfinite(apart) else float("inf")


def _numbers(answer: FileAnswers) -> np.ndarray:
    return np.array(answer.numbers, np.float64)  # None becomes NaN


def _figure(value: float) -> Figure:
    return Figure(unit="", rounds=(value,), better="")
