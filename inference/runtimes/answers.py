"""Does this machine compute this model? Check it once against the known answers of its card, and store the verdict."""

from enum import StrEnum
from time import perf_counter

import numpy as np
from pydantic import BaseModel, ConfigDict

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.runtimes import answer_cache
from unmissed.inference.runtimes.base import Runtime, Session
from unmissed.inference.runtimes.registry import select
from unmissed.models.cards import KnownAnswers
from unmissed.models.known_answers import (
    INTEGER_STEP,
    ROUNDED_STEP,
    difference,
    integer_difference,
    questions,
    spread,
)
from unmissed.models.zoo import ModelFile

_ROUNDS, _ENOUGH_S = 4, 0.06  # speed is the best of this number of rounds, or of those that fit the time


class Agreement(StrEnum):
    """The result of the known-answer check."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_VERIFIED = "not verified"
    """The card has no known answers for this file."""
    FAILED = "failed"
    """The runtime could not load or run the file."""


class Verdict(BaseModel):
    """What a runtime makes of a model file on this machine.

    Attributes:
        variant, runtime, provider: what was asked; ``provider`` as the engine reports it.
        agreement: see ``Agreement``.
        apart, allowed: largest difference from the card's answers (of an integer file from its own), and what is
            allowed; None where not verified.
        ms: milliseconds for all questions at once, one thread on a CPU.
        answers: what was computed here, in the order of the card.
        cause: why it failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: str
    runtime: str
    provider: str = ""
    agreement: Agreement
    apart: float | None = None
    allowed: float | None = None
    ms: float | None = None
    answers: tuple[float, ...] = ()
    cause: str = ""

    def __str__(self) -> str:
        if self.agreement is Agreement.FAILED:
            return f"{self.variant} cannot run on {self.runtime}: {self.cause}"
        if self.agreement is Agreement.NOT_VERIFIED:
            return f"{self.variant} is not verified on this machine: its card has no known answers"
        if self.apart is None or not np.isfinite(self.apart):
            return f"{self.variant} gives invalid numbers on {self.runtime}"
        return f"{self.variant} on {self.runtime} is off by {self.apart:.2g} ({self.allowed:.2g} allowed)"


def verdict_of(file: ModelFile, runtime: str, device: str | None = None, *, anew: bool = False) -> Verdict:
    """The verdict on a file, from the cache where this very combination was asked before.

    Args:
        file: its hash is checked.
        runtime, device: as ``Runtime.load`` takes them.
        anew: check again, even if a verdict is stored.
    """
    known = file.card.known_for(file.variant)
    if known is None:
        return Verdict(variant=file.variant, runtime=runtime, agreement=Agreement.NOT_VERIFIED)
    key = answer_cache.key_of(file.card.files[file.variant].sha256, file.variant, known, runtime, device)
    stored = None if anew else _read(answer_cache.load(key))
    if stored is not None and (stored.variant, stored.runtime) == (file.variant, runtime):
        return stored
    found = ask(file, known, runtime, device)
    if found.agreement is not Agreement.FAILED:  # what failed may work after the next installation
        answer_cache.save(key, found.model_dump_json())
    return found


def _read(text: bytes | None) -> Verdict | None:
    try:
        return None if text is None else Verdict.model_validate_json(text)
    except ValueError:  # half written by another version, or damaged: it is asked again
        return None


def ask(file: ModelFile, known: KnownAnswers, runtime: str, device: str | None = None) -> Verdict:
    """Load the file, ask its questions, and compare."""
    engine = select(runtime)
    about = {"variant": file.variant, "runtime": runtime}
    try:
        asked = questions(known)
        with open_for(known, file, engine, device) as session:
            answers = spread(session.run(asked))
            together = answers
            # An engine may be right for one picture, and wrong for several at once.
            if file.card.files[file.variant].batch is None:
                session.batch_size = len(asked)
                together = spread(session.run(asked))
            ms = 1000 * _seconds(session, asked)
            provider = session.provider
    except UnmissedError as error:
        return Verdict(**about, agreement=Agreement.FAILED, cause=error.found)
    apart = max(_apart(known, file.variant, given) for given in (answers, together))
    allowed = known.tolerance[file.variant]
    if file.variant in known.integer_outputs:
        allowed = INTEGER_STEP if engine.exact_integers else ROUNDED_STEP
    return Verdict(
        **about,
        provider=provider,
        agreement=Agreement.RIGHT if apart <= allowed else Agreement.WRONG,
        apart=apart if np.isfinite(apart) else None,
        allowed=allowed,
        ms=round(ms, 3),
        answers=tuple(answers.ravel().round(6).tolist()) if np.isfinite(answers).all() else (),
    )


def open_for(known: KnownAnswers, file: ModelFile, engine: Runtime, device: str | None = None) -> Session:
    """Load a file as its questions want it: one at a time, and on a CPU on one thread."""
    return engine.load(
        file,
        device=device,
        batch_size=1,
        threads=1 if engine.concurrent else None,
        canvas_px=known.size_px if file.card.heatmap else None,
    )


def _apart(known: KnownAnswers, variant: str, answers: np.ndarray) -> float:
    """From what the integer file itself gave at export, where the card gives them; else from fp32."""
    if variant in known.integer_outputs:
        return integer_difference(known, variant, answers)
    return difference(known, answers)


def _seconds(session: Session, asked: np.ndarray) -> float:
    """The best of a few rounds: other work on the machine only ever adds time."""
    began, best = perf_counter(), float("inf")
    for _ in range(_ROUNDS):
        started = perf_counter()
        session.run(asked)
        best = min(best, perf_counter() - started)
        if perf_counter() - began > _ENOUGH_S:
            break
    return best
