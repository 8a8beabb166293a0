"""People and machines on the same cases: scores out of 100, a ranking and how sure it is, the machine against all."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import first_few, unknown_name
from unmissed.datasets.tables import read_table
from unmissed.training.evaluation.intervals import clopper_pearson
from unmissed.training.studies.readers import ReaderMean, reader_mean

_SAMPLES = 2000
_MIDDLE = (2.5, 97.5)  # percentiles of a 95 % interval


@dataclass(frozen=True, slots=True)
class Participant:
    """A reader or a machine.

    Attributes:
        name: as in the table.
        is_machine: whether it was named as one.
        score: cases answered right, out of 100.
        low, high: exact 95 % interval of the score over other cases.
        rank: 1 is the best; equal scores share a rank.
        rank_low, rank_high: 95 % interval of the rank over other cases (bootstrap).
    """

    name: str
    is_machine: bool
    score: float
    low: float
    high: float
    rank: int
    rank_low: int
    rank_high: int


@dataclass(frozen=True, slots=True)
class Contest:
    """What came of it.

    Attributes:
        cases: number of cases.
        participants: the best first.
        readers: mean score of the people, out of 100, over other readers and cases; None for a single reader.
        machines: machine -> its score less the readers' mean; empty with a single reader.
    """

    cases: int
    participants: tuple[Participant, ...]
    readers: ReaderMean | None
    machines: dict[str, ReaderMean]


def read_contest(readings: Path, truth: Path) -> tuple[list[str], np.ndarray]:
    """Read who was right where.

    Args:
        readings: CSV with reader, case, answer: one row for every reader and case.
        truth: CSV with case, answer.

    Returns:
        Names, and bool (participants, cases).

    Raises:
        DatasetError: A table is wrong, a reading is missing, there twice, or of an unknown case, or an answer is empty.
    """
    rows = read_table(truth, ["case", "answer"])
    right = {row["case"].strip(): row["answer"].strip() for row in rows}
    if len(right) < len(rows):
        raise DatasetError(f"{truth.name} has several rows for a case", expected="one row a case")
    if len(right) < 2 or not all(right.values()):
        raise DatasetError(f"{truth.name} has a case without an answer, or only one case", expected="an answer a case")
    found: dict[str, dict[str, bool]] = {}
    for row in read_table(readings, ["reader", "case", "answer"]):
        name, case, answer = (row[column].strip() for column in ("reader", "case", "answer"))
        problem = "no reader" if not name else "no answer" if not answer else ""
        if case not in right:
            problem = f"the case {case!r}, which {truth.name} does not have"
        elif case in found.get(name, {}):
            problem = f"a second answer of {name} for {case}"
        if problem:
            raise DatasetError(f"{readings.name}, line {row.line}, has {problem}", fix="correct that row")
        found.setdefault(name, {})[case] = answer == right[case]
    missing = [f"{name}: {case}" for name, of in found.items() for case in right if case not in of]
    if missing:
        raise DatasetError(
            f"{readings.name} lacks {len(missing)} answers, first {first_few(missing)}",
            expected="an answer of every reader for every case",
            fix="add them, or remove the reader or the case everywhere",
        )
    return list(found), np.array([[of[case] for case in right] for of in found.values()])


def hold(names: list[str], right: np.ndarray, machines: list[str], seed: int = 0) -> Contest:
    """Score and rank the participants, and compare each machine with the readers.

    Args:
        names, right: as of ``read_contest``.
        machines: which participants are machines; they are no sample of machines, and count as fixed.
        seed: of the bootstrap.

    Raises:
        DatasetError: A machine is not in the table.
    """
    for machine in machines:
        if machine not in names:
            raise unknown_name(DatasetError, "reader", machine, names)
    count = right.shape[1]
    correct = right.sum(1)
    shares = [clopper_pearson(int(number), count) for number in correct]
    rng, scores, even = np.random.default_rng(seed), right.astype(float), np.full(count, 1 / count)
    resampled = np.array([_ranks(scores @ rng.multinomial(count, even)) for _ in range(_SAMPLES)])
    intervals = np.percentile(resampled, _MIDDLE, axis=0, method="inverted_cdf")
    participants = [
        Participant(
            name,
            name in machines,
            100 * correct[i] / count,
            100 * exact.low,
            100 * exact.high,
            int(rank),
            int(intervals[0, i]),
            int(intervals[1, i]),
        )
        for i, (name, rank, exact) in enumerate(zip(names, _ranks(correct.astype(float)), shares, strict=True))
    ]
    people = 100.0 * right[[name not in machines for name in names]]
    readers, against = None, {}
    if len(people) > 1:
        readers = _within(reader_mean(people), 0.0)
        against = {name: _within(reader_mean(100.0 * right[names.index(name)] - people), -100.0) for name in machines}
    ordered = sorted(participants, key=lambda one: (one.rank, one.name))
    return Contest(count, tuple(ordered), readers, against)


def _within(found: ReaderMean, lowest: float) -> ReaderMean:
    """On the scale that ends at 100: the whole of it where nothing differs, because then no spread is known."""
    if not found.variance:
        return replace(found, low=lowest, high=100.0)
    return replace(found, low=max(lowest, found.low), high=min(100.0, found.high))


def _ranks(scores: np.ndarray) -> np.ndarray:
    """1 for the highest; equal scores share the better rank."""
    return 1 + (scores[None, :] > scores[:, None] + 1e-9).sum(1)
