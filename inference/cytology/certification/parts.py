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


def trials_of_grades(
    cases: Cases, trials: np.ndarray, severity: Sequence[str], *, single: bool = False
) -> dict[str, np.ndarray]:
    """The trials by the worst grade of the patient: "grade HSIL+" for it or a worse one, or each single grade.

    Empty where the table has no grades. All positive slides of a patient count, those of milder grades too.

    Raises:
        ConfigError: The table has a grade that ``severity`` does not name.
    """
    grades = cases.groups.get("grade")
    if grades is None or not trials.any():
        return {}
    order = {grade: place for place, grade in enumerate(severity)}
    unknown = [name for name in grades.names if name and name not in order]
    if unknown:
        raise unknown_name(ConfigError, "grade", unknown[0], [*order])
    of_slide = np.array([order.get(name, 0) for name in grades.names])[grades.codes]
    worst = np.zeros(cases.patients.max() + 1, int)
    np.maximum.at(worst, cases.patients[trials], of_slide[trials])
    rank = worst[cases.patients]
    if single:
        return {f"grade {severity[place]}": trials & (rank == place) for place in np.unique(rank[trials])}
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
