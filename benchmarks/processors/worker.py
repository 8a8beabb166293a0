"""Runs inside the other processor: computes known answers, and prints them as JSON.

python -m unmissed.benchmarks.processors.worker TASK
"""

import json
import sys
from collections.abc import Sequence
from time import perf_counter

from pydantic import BaseModel, ConfigDict

from unmissed.benchmarks.processors.instruction_sets import visible
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.runtimes.answers import open_for
from unmissed.inference.runtimes.registry import select
from unmissed.models.known_answers import questions, spread
from unmissed.models.zoo import resolve

RUNTIME = "onnx-cpu"


class Question(BaseModel):
    """A file that is asked.

    Attributes:
        model, variant: as ``zoo.resolve`` takes them.
        most: maximum number of its known answers to check; None: all.
        sha256: of the file that is meant; empty takes any. An export beside a long run replaces files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    variant: str
    most: int | None = None
    sha256: str = ""


class WorkerTask(BaseModel):
    """What a worker has to do.

    Attributes:
        asked: files.
        has, lacks: instruction sets that the processor must show, and must not; else nothing is computed.
        seconds: for how long each file is timed; 0 leaves it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: tuple[Question, ...] = ()
    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    seconds: float = 0.0

    def wrong(self, features: frozenset[str]) -> Sequence[str]:
        """How a processor with these instruction sets is not the one that was meant."""
        missing, hidden = sorted(self.has - features), sorted(self.lacks & features)
        return [f"no {name}" for name in missing] + [f"{name}, which it should not have" for name in hidden]


class FileAnswers(BaseModel):
    """What came of a file.

    Attributes:
        numbers: a row for each question, as ``known_answers.spread`` gives them; None where one is not finite.
        ms: for all questions, the best of the rounds, one thread; None where it was not timed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[tuple[float | None, ...], ...]
    ms: float | None = None


class WorkerReport(BaseModel):
    """What a worker prints; ``answers`` are in the order of the task, none where the processor was not as meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: frozenset[str]
    answers: tuple[FileAnswers, ...] = ()


def work(task: WorkerTask) -> WorkerReport:
    """Look at the processor, then ask the files."""
    features = visible()
    if task.wrong(features):
        return WorkerReport(features=features)
    return WorkerReport(features=features, answers=tuple(_answer(question, task.seconds) for question in task.asked))


def _answer(question: Question, seconds: float) -> FileAnswers:
    """A picture at a time on one thread, as ``unmissed doctor`` asks; a verdict that is kept plays no part."""
    file = resolve(question.model, question.variant)
    if question.sha256 and file.card.files[question.variant].sha256 != question.sha256:
        raise UnmissedError(f"{file.path} was replaced while it was asked", fix="start again")
    known = file.card.known_for(question.variant)
    if known is None:
        raise UnmissedError(f"{question.model} {question.variant}: its card has no known answers")
    asked = questions(known)[: question.most]
    with open_for(known, file, select(RUNTIME)) as session:
        numbers = spread(session.run(asked)).tolist()
        best, begun = float("inf"), perf_counter()
        while perf_counter() - begun < seconds:
            started = perf_counter()
            session.run(asked)
            best = min(best, perf_counter() - started)
    finite = tuple(tuple(number if abs(number) < float("inf") else None for number in row) for row in numbers)
    return FileAnswers(numbers=finite, ms=1000 * best if seconds else None)


if __name__ == "__main__":
    try:
        sys.stdout.write(work(WorkerTask.model_validate(json.loads(sys.argv[1]))).model_dump_json() + "\n")
    except UnmissedError as error:
        sys.exit(str(error))
