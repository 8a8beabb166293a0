"""The claim for parts of the patients: the grades, and sites and scanners on demand, each proved on its own."""

from collections.abc import Sequence

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import unknown_name
from unmissed.inference.cytology.certification.cases import Cases
from unmissed.inference.cytology.certification.proof import Proof, prove, scores_of_patients

GRADES = ("ASC-US", "LSIL", "HSIL")
"""Each stands for itself and what is worse."""


def prove_cases(cases: Cases, trials: np.ndarray, sensitivity: float, confidence: float) -> Proof:
    """The proof from some of the positive slides, by patients."""
    return prove(scores_of_patients(cases.patients[trials], cases.scores[trials]), sensitivity, confidence)


def missed_at(cases: Cases, trials: np.ndarray, threshold: float) -> tuple[int, int]:
    """How many patients some positive slides belong to, and how many of them are missed at a threshold."""
    scores = scores_of_patients(cases.patients[trials], cases.scores[trials])
    return len(scores), int(np.count_nonzero(scores < threshold))


def trials_of_grades(cases: Cases, trials: np.ndarray, severity: Sequence[str]) -> dict[str, np.ndarray]:
    """ "grade HSIL+" -> the trials of this grade or a worse one; empty where the table has no grades.

    Raises:
        ConfigError: The table has a grade that ``severity`` does not name.
    """
    grades = cases.groups.get("grade")
    if grades is None:
        return {}
    order = {grade: place for place, grade in enumerate(severity)}
    unknown = [name for name in grades.names if name and name not in order]
    if unknown:
        raise unknown_name(ConfigError, "grade", unknown[0], [*order])
    rank = np.array([order.get(name, 0) for name in grades.names])[grades.codes]
    return {f"grade {grade}+": trials & (rank >= order[grade]) for grade in GRADES if grade in order}


def trials_by(cases: Cases, trials: np.ndarray, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """ "site A" -> the trials from there, for every text of some columns.

    Raises:
        ConfigError: The table has no such column.
    """
    found: dict[str, np.ndarray] = {}
    for column in columns:
        if column not in cases.groups:
            raise unknown_name(ConfigError, "column", column, [*cases.groups], otherwise="add it to the table")
        of = cases.groups[column]
        found |= {f"{column} {name or '(none)'}": trials & (of.codes == code) for code, name in enumerate(of.names)}
    return found
