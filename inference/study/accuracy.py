"""How often a rule is right: sensitivity, specificity, exclusion and predictive values, the patient as the trial."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from unmissed.inference.cytology.certification.parts import trials_by, trials_of_grades
from unmissed.inference.cytology.certification.proof import prove, scores_of_patients
from unmissed.inference.cytology.policy.bounds import positives_needed, sensitivity_lower_bound
from unmissed.inference.study.cohort import Cohort
from unmissed.inference.study.numbers import Estimate, area, exact, share
from unmissed.inference.study.rows import Station

PREVALENCES = (0.01, 0.03, 0.05, 0.08)
TARGETS = (0.999, 0.995, 0.99, 0.95)
CONFIDENCE = 0.95  # of what counts prove, one-sided
_MOST_MISSED_LISTED = 50


@dataclass(frozen=True)
class Rule:
    """Which slides the machine calls negative, and which of them nobody looks at.

    Attributes:
        name, name_zh: what it is called.
        threshold: of the score; None where the run decided by its certificate.
        negative: bool (N,): below the operating point.
        excluded: bool (N,): of those, without quality review.
    """

    name: str
    name_zh: str
    threshold: float | None
    negative: np.ndarray
    excluded: np.ndarray


@dataclass(frozen=True)
class Accuracy:
    """What a rule does to some slides.

    Attributes:
        slides, positive_slides: how many there are.
        sensitivity: of positive patients with a processed positive slide, how many had none called negative.
        sensitivity_all: the same of all positive patients; what was not processed is reviewed, and so is not missed.
        proved: the sensitivity that these counts prove at one-sided 95 %; None without trials.
        specificity, specificity_all: of negative patients, how many had all their processed (all their) slides called
            negative.
        excluded, excluded_processable: slides without any review, of all slides and of those that could be processed.
        npv: prevalence -> predictive value of "negative", by patients.
        auc: of slides with a score.
    """

    slides: int
    positive_slides: int
    sensitivity: Estimate
    sensitivity_all: Estimate
    proved: float | None
    specificity: Estimate
    specificity_all: Estimate
    excluded: Estimate
    excluded_processable: Estimate
    npv: Mapping[str, Estimate]
    auc: Estimate


@dataclass(frozen=True)
class Missed:
    """A positive slide that the machine calls negative."""

    slide: str
    patient: str
    grade: str
    score: float
    quality_review: bool


def rule_of_run(cohort: Cohort) -> Rule:
    """What the run did, by its certificate; without one it excluded nothing."""
    excluded = cohort.at(Station.EXCLUDED)
    return Rule("Dispositions of the run", "运行的处置结果", None, excluded | cohort.at(Station.QC_REVIEW), excluded)


def rule_of_threshold(cohort: Cohort, threshold: float) -> Rule:
    """What a threshold would do: slides unlike the training laboratories, or of a grade never excluded, stay."""
    below = excludable(cohort) & (cohort.cases.scores < threshold)
    return Rule(f"Score below {threshold:g}", f"评分低于 {threshold:g}", threshold, below, below)


def excludable(cohort: Cohort) -> np.ndarray:
    """Which slides a score alone decides on."""
    never = cohort.severity.index(cohort.never_excluded_from)
    return cohort.processable & cohort.certain & ~cohort.at(Station.UNLIKE) & (cohort.grades < never)


def accuracy(cohort: Cohort, rule: Rule, chosen: np.ndarray, *, with_area: bool = True) -> Accuracy:
    """Measure a rule on some of the slides.

    Args:
        cohort, rule: all slides, and what is called negative.
        chosen: bool (N,).
        with_area: whether to resample the area under the curve, which takes the longest.
    """
    cases, fit = cohort.cases, cohort.processable
    sensitivity = sensitivity_of(cohort, rule, chosen & cases.positive & fit)
    everyone = sensitivity_of(cohort, rule, chosen & cases.positive)
    specificity_all = _specificity(cohort, rule, chosen, chosen)
    scored = chosen & ~np.isnan(cases.scores) if with_area else np.zeros(len(chosen), bool)
    return Accuracy(
        slides=int(chosen.sum()),
        positive_slides=int((chosen & cases.positive).sum()),
        sensitivity=sensitivity,
        sensitivity_all=everyone,
        proved=proved(sensitivity),
        specificity=_specificity(cohort, rule, chosen, chosen & fit),
        specificity_all=specificity_all,
        excluded=share(rule.excluded[chosen], cases.patients[chosen]),
        excluded_processable=share(rule.excluded[chosen & fit], cases.patients[chosen & fit]),
        npv={f"{prevalence:g}": npv(everyone, specificity_all, prevalence) for prevalence in PREVALENCES},
        auc=area(cases.positive[scored], cases.scores[scored], cases.patients[scored]),
    )


def sensitivity_of(cohort: Cohort, rule: Rule, positive: np.ndarray) -> Estimate:
    """By patients: one is missed as soon as one of some positive slides, bool (N,), is called negative."""
    patients = cohort.cases.patients
    trials = len(np.unique(patients[positive]))
    return exact(trials - len(np.unique(patients[positive & rule.negative])), trials)


def proved(sensitivity: Estimate) -> float | None:
    """The sensitivity that counts prove, one-sided; None without trials."""
    found = sensitivity.k or 0
    return sensitivity_lower_bound(sensitivity.n, sensitivity.n - found, CONFIDENCE) if sensitivity.n else None


def by_grade(cohort: Cohort, rule: Rule) -> dict[str, tuple[Estimate, float | None]]:
    """ "HSIL+" and "HSIL" -> sensitivity of patients by their worst slide, and what it proves; empty without grades."""
    positive = cohort.cases.positive & cohort.processable
    parts = trials_of_grades(cohort.cases, positive, cohort.severity)
    parts |= trials_of_grades(cohort.cases, positive, cohort.severity, single=True)
    found = {name.removeprefix("grade "): sensitivity_of(cohort, rule, part) for name, part in parts.items()}
    return {name: (one, proved(one)) for name, one in found.items()}


def by_part(cohort: Cohort, rule: Rule, column: str) -> dict[str, Accuracy]:
    """Text of a column -> accuracy of its slides; empty where the table has no such column."""
    if column not in cohort.cases.groups:
        return {}
    parts = trials_by(cohort.cases, np.ones(len(cohort.cases.slides), bool), [column])
    return {name.removeprefix(f"{column} "): accuracy(cohort, rule, part) for name, part in parts.items() if part.any()}


def missed(cohort: Cohort, rule: Rule) -> list[Missed]:
    """The positive slides that are called negative, the lowest score first; at most 50."""
    cases = cohort.cases
    rows = np.flatnonzero(cases.positive & rule.negative)
    grade = cases.groups.get("grade")
    return [
        Missed(
            slide=cases.slides[i],
            patient=cases.patient_names[cases.patients[i]] if cases.knows_patients else "",
            grade=grade.names[grade.codes[i]] if grade is not None else "",
            score=float(cases.scores[i]),
            quality_review=not rule.excluded[i],
        )
        for i in rows[np.argsort(cases.scores[rows], kind="stable")][:_MOST_MISSED_LISTED]
    ]


@dataclass(frozen=True)
class Provable:
    """What these cases would prove if they were there to calibrate.

    Attributes:
        target: the sensitivity to prove.
        threshold: the highest that is proved; 0 where none is.
        excluded, excluded_processable: what it would screen out, of all slides and of those that could be processed.
        positives: positive patients with a slide that could be screened out.
        best: what so many prove without a miss; None without any.
        needed: how many would have to be there without a miss.
    """

    target: float
    threshold: float
    excluded: float
    excluded_processable: float
    positives: int
    best: float | None
    needed: int


def provable(cohort: Cohort) -> list[Provable]:
    """For each target the highest threshold that the cases prove, and what it would exclude; no certificate."""
    cases, may = cohort.cases, excludable(cohort)
    trials = cases.positive & may
    scores = scores_of_patients(cases.patients[trials], cases.scores[trials])
    fit = int(cohort.processable.sum())
    best = sensitivity_lower_bound(len(scores), 0, CONFIDENCE) if len(scores) else None
    found = []
    for target in TARGETS:
        proof = prove(scores, target, CONFIDENCE)
        below = int((may & (cases.scores < proof.threshold)).sum())
        shares = below / len(may), below / fit if fit else 0.0
        needed = positives_needed(0, target, CONFIDENCE)
        found.append(Provable(target, proof.threshold, *shares, len(scores), best, needed))
    return found


def npv(sensitivity: Estimate, specificity: Estimate, prevalence: float) -> Estimate:
    """Predictive value of "negative" at a prevalence, which no enriched study has (Bayes).

    Its lower end takes the lower ends of both, each at 97.5 %, so that together they hold with at least 95 %.
    """

    def value(found: float, cleared: float) -> float | None:
        right, wrong = cleared * (1 - prevalence), (1 - found) * prevalence
        return right / (right + wrong) if right + wrong > 0 else None

    if sensitivity.value is None or specificity.value is None:
        return Estimate(None, None, None, 0, method="bounds")
    found, cleared = (exact(of.k or 0, of.n, 0.975) for of in (sensitivity, specificity))
    low, high = value(found.low or 0.0, cleared.low or 0.0), value(found.high or 1.0, cleared.high or 1.0)
    return Estimate(
        value(sensitivity.value, specificity.value), low, high, sensitivity.n + specificity.n, method="bounds"
    )


def _specificity(cohort: Cohort, rule: Rule, chosen: np.ndarray, considered: np.ndarray) -> Estimate:
    """By patients without a positive slide: one is cleared where all her considered slides are called negative."""
    cases = cohort.cases
    sick = np.zeros(len(cases.patient_names), bool)
    sick[cases.patients[chosen & cases.positive]] = True
    healthy = considered & ~sick[cases.patients]
    trials = len(np.unique(cases.patients[healthy]))
    return exact(trials - len(np.unique(cases.patients[healthy & ~rule.negative])), trials)
