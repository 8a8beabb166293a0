"""Issues a policy: the proof, what stands beside it, the ledger, and a certificate or the reason for none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.certification.cases import Cases
from unmissed.inference.cytology.certification.parts import missed_at, prove_cases, trials_by, trials_of_grades
from unmissed.inference.cytology.certification.proof import Proof, percent
from unmissed.inference.cytology.certification.screened import ScreenedRun
from unmissed.inference.cytology.certification.tying import tied
from unmissed.inference.cytology.policy.bounds import most_missed
from unmissed.inference.cytology.policy.certificates import Beside, Check
from unmissed.inference.cytology.policy.life import DataUse, Role, confidence_to_prove, looks_before, other_role
from unmissed.inference.cytology.policy.policy import Demand, OperatingPoint, Policy

Hashes = dict[Role, tuple[str, str]]
"""Role -> as of ``Cases.hashes``."""


@dataclass(frozen=True)
class Issued:
    """What came of it.

    Attributes:
        policy: sealed; it excludes nothing where ``refusal`` says why.
        proof: the main claim.
        beside: for parts of the patients.
        refusal: why nothing may be excluded; empty when something may.
        looks: how often the data had been looked at before.
        notes: what the reader should know.
        below: share of the slides with truth negative that score below the threshold.
    """

    policy: Policy
    proof: Proof
    beside: tuple[Beside, ...]
    refusal: str
    looks: int
    notes: tuple[str, ...]
    below: float


def issue(
    cases: Cases,
    run: ScreenedRun | None,
    base: Policy,
    name: str,
    *,
    demand: Demand,
    by: Sequence[str] = (),
    every_grade: bool = False,
    prevalence: float | None = None,
    remarks: Sequence[str] = (),
    valid_days: int = 365,
    today: date | None = None,
) -> Issued:
    """Prove a threshold and write a policy around it.

    Args:
        cases: slides with score and truth.
        run: what the scores were made with; without it nothing is certified.
        base: the rules, and the ledger and life of the policy that is replaced.
        name: of the new policy.
        demand: the claim.
        by: "site" and "scanner": certificates for each of them beside the main one.
        every_grade: a threshold that every single grade proves for itself, so that no case mix breaks it.
        prevalence: share of positive slides in routine; None takes that of the data.
        remarks: what the reader of the certificate should know beside what is found here.
        valid_days: how long it holds.
        today: None asks this machine.

    Raises:
        ConfigError: The data were used in another role before, a column is missing, or the run's slides were screened
            in different ways.
    """
    day = today or date.today()
    hashes = {role: cases.hashes(role) for role in Role if cases.in_role(role).any()}
    _check_roles(cases, hashes, base)
    looks = looks_before(base.ledger, *hashes[Role.CALIBRATE], demand.sensitivity)
    confidence = confidence_to_prove(demand.confidence, looks)
    trials = cases.positive & cases.in_role(Role.CALIBRATE) & ~np.isnan(cases.scores)
    proof = prove_cases(cases, trials, demand.sensitivity, confidence)
    refusal = proof.refusal
    if every_grade:
        proof, refusal = _held_by_all(cases, trials, base.grade.severity, proof)
    beside = tuple(
        Beside(
            of=name,
            positives=(own := prove_cases(cases, part, demand.sensitivity, confidence)).positives,
            missed=missed_at(cases, part, proof.threshold)[1],
            threshold=own.threshold,
        )
        for name, part in {
            **trials_of_grades(cases, trials, base.grade.severity),
            **trials_by(cases, trials, by),
        }.items()
    )
    check = _check(cases, hashes, proof)
    refusal = refusal or _contradicted(check, proof)
    if not refusal and run is None:
        refusal = "the scores are tied to no models: name the triage run that made them with --run"
    notes = (*remarks, *_notes(cases, trials, looks, demand, confidence))
    point = None
    if not refusal and run is not None:
        certificate = tied(
            cases,
            trials,
            run,
            proof,
            beside,
            check,
            hashes[Role.CALIBRATE][1],
            (day, day + timedelta(days=valid_days)),
            notes,
            prevalence,
        )
        point = OperatingPoint(
            name=f"sensitivity {percent(demand.sensitivity)}",
            threshold=proof.threshold,
            certificate=certificate.model_dump(mode="json"),
        )
    uses = _uses(cases, hashes, day, demand, refusal or "certified")
    changes = {"name": name, "operating_point": point, "demand": demand, "ledger": (*base.ledger, *uses), "life": ()}
    negative = ~cases.positive & cases.in_role(Role.CALIBRATE)
    below = float(np.mean(cases.scores[negative] < proof.threshold)) if negative.any() else 0.0
    return Issued(base.model_copy(update=changes).sealed(), proof, beside, refusal, looks, notes, below)


def _check_roles(cases: Cases, hashes: Hashes, base: Policy) -> None:
    if Role.CALIBRATE not in hashes:
        raise ConfigError("no slide has the role calibrate", expected="slides that prove the threshold")
    for role, (sha256, _) in hashes.items():
        if _has_positives(cases, role) and (used := other_role(base.ledger, sha256, role)):
            raise ConfigError(
                f"the data with the role {role} were used on {used.day} with the role {used.role}",
                expected="other patients in each role",
                fix="use data that had no part in choosing or proving",
            )


def _uses(cases: Cases, hashes: Hashes, day: date, demand: Demand, outcome: str) -> list[DataUse]:
    """The lines of the ledger."""
    return [
        DataUse(
            day=day,
            role=role,
            cases_sha256=sha256,
            data_sha256=everything,
            positives=len(np.unique(cases.patients[cases.positive & cases.in_role(role)])),
            sensitivity=demand.sensitivity,
            outcome=outcome,
        )
        for role, (sha256, everything) in hashes.items()
    ]


def _has_positives(cases: Cases, role: Role) -> bool:
    """Without any the hash is that of nothing, which all such data share."""
    return bool((cases.positive & cases.in_role(role)).any())


def _held_by_all(cases: Cases, trials: np.ndarray, severity: Sequence[str], main: Proof) -> tuple[Proof, str]:
    """The main claim at the lowest threshold that each single grade proves, and why there is none.

    With it the sensitivity holds for every case mix of these grades, at the same confidence: it is wrong only where the
    threshold of the grade that truly bears the least is, and that grade alone is wrong with 1 - confidence.
    """
    if "grade" not in cases.groups:
        raise ConfigError("there is no column 'grade'", expected="the grade of every positive slide")
    parts = trials_of_grades(cases, trials, severity, single=True)
    proofs = {name: prove_cases(cases, part, main.sensitivity, main.confidence) for name, part in parts.items()}
    refusal = "; ".join(f"{name}: {proof.refusal}" for name, proof in proofs.items() if proof.refusal)
    threshold = min(proof.threshold for proof in (main, *proofs.values()))
    missed = missed_at(cases, trials, threshold)[1]
    return replace(main, threshold=threshold, missed=missed), main.refusal or refusal


def _check(cases: Cases, hashes: Hashes, proof: Proof) -> Check | None:
    if Role.CHECK not in hashes or not proof.threshold:
        return None
    trials = cases.positive & cases.in_role(Role.CHECK) & ~np.isnan(cases.scores)
    positives, missed = missed_at(cases, trials, proof.threshold)
    return Check(positives=positives, missed=missed, data_sha256=hashes[Role.CHECK][1])


def _contradicted(check: Check | None, proof: Proof) -> str:
    """Why the check speaks against the claim: more misses than a true claim gives in 95 of 100 checks."""
    if check is None or not check.missed:
        return ""
    # P(missed or more | claim) < 1 - confidence, asked as: are the found ones too few?
    found = check.positives - check.missed
    if most_missed(check.positives, 1.0 - proof.sensitivity, proof.confidence) < found:
        return ""
    return (
        f"the check misses {check.missed:,} of {check.positives:,} positive patients, too many for a sensitivity of "
        f"{percent(proof.sensitivity)}: they are not like those that proved the threshold"
    )


def _notes(cases: Cases, trials: np.ndarray, looks: int, demand: Demand, confidence: float) -> tuple[str, ...]:
    notes = []
    if not cases.knows_patients:
        notes.append("the table names no patients: each slide counts as one, too strong where patients have several")
    left_out = int((cases.positive & cases.in_role(Role.CALIBRATE) & ~trials).sum())
    if left_out:
        notes.append(f"{left_out:,} positive slides have no score or are never excluded, and are no trials")
    if looks:
        notes.append(
            f"look {looks + 1} at the same positive patients: proved at {percent(confidence)} instead of "
            f"{percent(demand.confidence)}, because each look spends them"
        )
    return tuple(notes)
