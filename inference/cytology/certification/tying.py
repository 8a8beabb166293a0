"""Ties a proof to the models, settings, scanners and distributions of the run that made its scores."""

from dataclasses import replace
from datetime import date

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.certification.cases import Cases
from unmissed.inference.cytology.certification.proof import Proof
from unmissed.inference.cytology.certification.screened import ScreenedRun, check_verified
from unmissed.inference.cytology.policy.certificates import Beside, Certificate, Check, mismatch
from unmissed.inference.cytology.policy.drift import Distribution, reference_of

TOLERANCE = 0.001
"""How far a known answer elsewhere may be from that where the proof was made."""


def tied(
    cases: Cases,
    trials: np.ndarray,
    run: ScreenedRun,
    proof: Proof,
    beside: tuple[Beside, ...],
    check: Check | None,
    data_sha256: str,
    days: tuple[date, date],
    notes: tuple[str, ...],
    prevalence: float | None,
) -> Certificate:
    """Tie a proof to what all slides of the run were screened with, and to how they are distributed.

    Args:
        trials: the positive slides of the proof; only their scanners are covered.
        days: the first and the last on which it holds.
        prevalence: share of positive slides in routine, by which the distributions are weighted; None takes that of the
            data.

    Raises:
        ConfigError: The slides were screened in different ways, or do not say how; or the proof has none of them.
    """
    for slide, conditions in run.conditions.items():
        check_verified(slide, conditions)
    first = next(iter(run.conditions.values()))
    tried = {cases.slides[i] for i in np.flatnonzero(trials)}
    scanners = sorted({conditions.scanner or "" for slide, conditions in run.conditions.items() if slide in tried})
    if not scanners:
        raise ConfigError(
            "no positive slide of the run has a part in the proof", fix="name the run that made the scores"
        )
    certificate = Certificate(
        sensitivity_bound=proof.sensitivity,
        confidence=proof.confidence,
        positives=proof.positives,
        missed=proof.missed,
        data_sha256=data_sha256,
        threshold=proof.threshold,
        models=dict(first.models),
        preset=dict(first.preset),
        runtime=first.runtime,
        preparation=first.preparation,
        answers={role: list(values) for role, values in first.answers.items()},
        tolerance=TOLERANCE,
        scanners=tuple(scanners),
        issued=days[0],
        expires=days[1],
        truth=cases.truth,
        sites=cases.groups["site"].names if "site" in cases.groups else (),
        beside=beside,
        check=check,
        reference=_reference(cases, run, prevalence),
        notes=notes,
    )
    for slide, conditions in run.conditions.items():
        if other := mismatch(certificate, replace(conditions, scanner=scanners[0])):
            raise ConfigError(f"the slides of the run were screened in different ways: {slide}: {other}")
    return certificate


def _reference(cases: Cases, run: ScreenedRun, prevalence: float | None) -> dict[str, Distribution]:
    """How the slides of the run are distributed, as in routine."""
    positive = dict(zip(cases.slides, cases.positive.tolist(), strict=True))
    known = [slide for slide in run.measures if slide in positive]
    truth = np.array([positive[slide] for slide in known], bool)
    weights = np.ones(len(known))
    if prevalence is not None and 0 < truth.mean() < 1:
        weights = np.where(truth, prevalence / truth.mean(), (1 - prevalence) / (1 - truth.mean()))
    return reference_of([run.measures[slide] for slide in known], weights)
